"""Members with data, units and paces of their own, against descents one by one."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.engine import SGD, Adam, PerMember, descend, mean_square, per_member
from condensery.models import TwoLayer, two_layer_normal, with_bias
from condensery.records import Status

DRAWS, SAMPLES, WIDTH = 3, 7, 5


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    x = np.stack([with_bias(rng.standard_normal((SAMPLES, 2))) for _ in range(DRAWS)])
    y = rng.standard_normal((DRAWS, SAMPLES))
    return (
        [
            two_layer_normal(
                WIDTH,
                features=3,
                seed=k,
                std_a=0.3,
                std_w=0.3,
            )
            for k in range(DRAWS)
        ],
        x,
        y,
    )


@pytest.mark.parametrize("rule", [SGD(0.1), SGD(0.1, momentum=0.5), Adam(0.01)])
def test_members_train_as_if_each_were_alone(problem, rule):
    networks, x, y = problem
    objective = mean_square(TwoLayer("tanh"))
    order = [2, 0, 1]
    members = per_member([networks[k] for k in order], draws=order)
    together = descend(
        members,
        PerMember(objective),
        x,
        y,
        optimiser=rule,
        steps=40,
    )
    for row, k in enumerate(order):
        alone = descend(
            [networks[k]],
            objective,
            x[k],
            y[k],
            optimiser=rule,
            steps=40,
        )
        for name in ("a", "w"):
            np.testing.assert_allclose(
                together.parameters(row)["net"][name],
                alone.parameters(0)[name],
                rtol=1e-12,
            )
        np.testing.assert_allclose(together.loss[row], alone.loss[0], rtol=1e-12)
        np.testing.assert_array_equal(together.parameters(row)["draw"], k)


def test_pace_is_a_learning_rate(problem):
    networks, x, y = problem
    objective = mean_square(TwoLayer("tanh"))
    members = per_member([networks[0]] * 2, paces=[0.25, 2.0])
    result = descend(members, PerMember(objective), x, y, optimiser=SGD(0.1), steps=30)
    for row, rate in enumerate([0.025, 0.2]):
        alone = descend(
            [networks[0]], objective, x[0], y[0], optimiser=SGD(rate), steps=30
        )
        np.testing.assert_allclose(
            result.parameters(row)["net"]["w"], alone.parameters(0)["w"], rtol=1e-12
        )


def test_every_member_stops_at_the_same_share_of_its_own_loss(problem):
    networks, x, y = problem
    objective = mean_square(TwoLayer("tanh"))
    start = descend(
        per_member(networks, draws=[0, 1, 2]),
        PerMember(objective),
        x,
        y,
        optimiser=SGD(0.1),
        steps=0,
    )
    units = start.loss[:, 0]
    result = descend(
        per_member(
            networks,
            draws=[0, 1, 2],
            units=units,
        ),
        PerMember(objective),
        x,
        y,
        optimiser=SGD(0.05),
        steps=5000,
        stop_loss=0.9,
        schedule=[0],
    )
    assert (result.status == Status.CONVERGED).all()
    np.testing.assert_allclose(result.loss[:, 0], 1, rtol=1e-12)
    assert ((result.loss[:, -1] <= 0.9) & (result.loss[:, -1] > 0.85)).all()
    assert len(set(result.steps)) > 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": [0]},
        {"draws": [-1, 0, 0]},
        {"units": [0.0, 1, 1]},
        {"paces": [1, -1, 1]},
    ],
)
def test_refusals(problem, wrong):
    with pytest.raises(InvalidInputError, match="one per network"):
        per_member(problem[0], **wrong)

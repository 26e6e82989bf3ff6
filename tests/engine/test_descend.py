"""Descent against loops in pure Python, closed forms, and itself: in pieces, in
company, and resumed.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condensery._errors import InvalidInputError
from condensery.engine import (
    SGD,
    Adam,
    Ensemble,
    RecordOutput,
    RecordParameters,
    descend,
    mean_square,
)
from condensery.models import (
    ACTIVATIONS,
    Mlp,
    TwoLayer,
    mlp_normal,
    two_layer_normal,
    with_bias,
)
from condensery.records import Status

X = np.linspace(-1, 1, 6)
DATA = with_bias(X), np.abs(X) - 0.2
OBJECTIVE = mean_square(TwoLayer("relu"))
RULES = {
    "gd": SGD(0.05),
    "momentum": SGD(0.05, momentum=0.9),
    "adam": Adam(0.01),
}


@pytest.fixture(autouse=True)
def strict_promotion():
    with jax.numpy_dtype_promotion("strict"):
        yield


def draw(width, seed=0):
    return two_layer_normal(
        width,
        features=2,
        seed=seed,
        std_a=0.7,
        std_w=0.7,
    )


COUPLE = [draw(9), draw(9, seed=1)]


def same(first, second):
    """Equal trees, bit for bit."""
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def slow_gradient(a, w, x, y, pair):
    """Gradient of the mean square, one term of the double sum at a time."""
    grad_a, grad_w = [0.0] * len(a), [[0.0] * len(w[0]) for _ in a]
    for i in range(len(x)):
        z = [sum(w[k][f] * x[i][f] for f in range(len(x[i]))) for k in range(len(a))]
        error = sum(a[k] * pair[0](z[k]) for k in range(len(a))) - y[i]
        for k in range(len(a)):
            grad_a[k] += 2 / len(x) * error * pair[0](z[k])
            for f in range(len(x[i])):
                grad_w[k][f] += 2 / len(x) * error * a[k] * pair[1](z[k]) * x[i][f]
    return [*grad_a, *(entry for row in grad_w for entry in row)]


def slow_descent(member, rule, steps, pair):
    """All three rules by scalars."""
    a, w = (
        [float(value) for value in member["a"]],
        [[float(value) for value in row] for row in member["w"]],
    )
    m = len(a)
    theta = [*a, *(entry for row in w for entry in row)]
    first, second = [0.0] * len(theta), [0.0] * len(theta)
    for step in range(1, steps + 1):
        rows = [theta[m + 2 * k : m + 2 * k + 2] for k in range(m)]
        gradient = slow_gradient(
            theta[:m], rows, DATA[0].tolist(), DATA[1].tolist(), pair
        )
        for j, g in enumerate(gradient):
            if isinstance(rule, SGD):
                first[j] = rule.momentum * first[j] + g
                theta[j] -= rule.rate * first[j]
            else:
                first[j] = 0.9 * first[j] + 0.1 * g
                second[j] = 0.999 * second[j] + 0.001 * g**2
                mean, square = first[j] / (1 - 0.9**step), second[j] / (1 - 0.999**step)
                theta[j] -= rule.rate * mean / (math.sqrt(square) + 1e-8)
    return np.array(theta[:m]), np.array(theta[m:]).reshape(m, 2)


PAIRS = {
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
}


@pytest.mark.parametrize(
    ("rule", "name"),
    [("gd", "relu"), ("momentum", "relu"), ("adam", "relu"), ("gd", "tanh")],
)
def test_agrees_with_loops_over_scalars(rule, name):
    result = descend(
        COUPLE, mean_square(TwoLayer(name)), *DATA, optimiser=RULES[rule], steps=30
    )
    for member, trained in zip(COUPLE, result.all_parameters(), strict=True):
        a, w = slow_descent(member, RULES[rule], 30, PAIRS[name])
        np.testing.assert_allclose(
            trained["a"],
            a,
            rtol=1e-10,
            atol=1e-13,
        )
        np.testing.assert_allclose(
            trained["w"],
            w,
            rtol=1e-10,
            atol=1e-13,
        )


@jax.jit
def written_and_derived(member):
    found = {}
    member = jax.tree.map(jnp.asarray, member)
    x, y = map(jnp.asarray, DATA)
    for name in ACTIVATIONS:
        model = TwoLayer(name, scale=0.3)
        objective = mean_square(model, factor=0.5)
        packed = objective.pack(member)
        loss, gradient = objective.value_and_grad(packed, x, y)
        written = loss, objective.value(packed, x, y), objective.unpack(gradient)

        def mean_of_squares(parameters, model=model):
            return 0.5 * jnp.mean((model(parameters, x) - y) ** 2)

        found[name] = written, jax.value_and_grad(mean_of_squares)(member)
    return found


def test_written_gradient_is_the_derived_one():
    for (loss, value, written), (expected, derived) in written_and_derived(
        draw(7, seed=3)
    ).values():
        np.testing.assert_allclose([loss, value], [expected, expected], rtol=1e-13)
        for key in ("a", "w"):
            np.testing.assert_allclose(
                written[key], derived[key], rtol=1e-12, atol=1e-15
            )


def test_closed_form_of_a_quadratic():
    # loss θ² h with h = mean x²: θ_t = (1 − 2·rate·h)^t
    data = np.array([[1.0], [3.0]]), np.zeros(2)
    line = mean_square(lambda theta, x: x @ theta)
    result = descend(
        [np.array([2.0])],
        line,
        *data,
        optimiser=SGD(0.03),
        steps=50,
        schedule=range(51),
    )
    np.testing.assert_allclose(
        result.loss[0], 5 * (2 * 0.7 ** np.arange(51)) ** 2, rtol=1e-12
    )
    assert result.recorded.tolist() == list(range(51))
    assert result.steps.tolist() == [50]


def test_first_step_of_adam_is_the_sign_of_the_gradient():
    result = descend(
        COUPLE,
        OBJECTIVE,
        *DATA,
        optimiser=Adam(1e-3),
        steps=1,
    )
    for member, trained in zip(COUPLE, result.all_parameters(), strict=True):
        moved = trained["a"] - member["a"]
        # units that are active on no sample have no gradient and stay
        assert set(np.round(moved / 1e-3, 4)) <= {-1.0, 0.0, 1.0}
        assert (moved != 0).sum() > 4


PIECES = {
    "gd": (None, SGD(0.05)),
    "momentum": (4, SGD(0.05, momentum=0.9)),
    "adam": (None, Adam(0.01)),
    "batches": (2, Adam(0.01)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("batch_size", "rule"), PIECES.values(), ids=PIECES)
@given(
    first=st.integers(0, 13),
    schedule=st.lists(st.integers(0, 13), max_size=4),
)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
)
def test_in_pieces_is_in_one(batch_size, rule, first, schedule):
    options = {"optimiser": rule, "batch_size": batch_size, "seeds": [5, 6]}
    whole = descend(
        COUPLE,
        OBJECTIVE,
        *DATA,
        steps=13,
        **options,
    )
    part = descend(
        COUPLE,
        OBJECTIVE,
        *DATA,
        steps=first,
        schedule=schedule,
        probes={"all": RecordParameters()},
        **options,
    )
    rest = descend(
        COUPLE,
        OBJECTIVE,
        *DATA,
        steps=13 - first,
        state=part.state,
        **options,
    )
    assert same(whole.all_parameters(), rest.all_parameters())
    assert np.array_equal(whole.loss[:, -1], rest.loss[:, -1])
    assert rest.steps.tolist() == [13, 13]


COMPANY = {
    "full batch": (None, "float64", [*COUPLE, draw(7)], ([0], [2, 1, 0], [2])),
    "batches": (4, "float32", COUPLE, ([1], [1, 0])),
}


@pytest.mark.parametrize(
    ("batch_size", "dtype", "members", "choices"), COMPANY.values(), ids=COMPANY
)
def test_company_changes_no_bit(batch_size, dtype, members, choices):
    seeds, rule = [10, 11, 12], SGD(0.05)

    def trained(chosen):
        return descend(
            [members[k] for k in chosen],
            OBJECTIVE,
            *DATA,
            optimiser=rule,
            steps=200,
            batch_size=batch_size,
            seeds=[seeds[k] for k in chosen],
            dtype=dtype,
        )

    together = trained(range(len(members)))
    assert together.parameters(0)["a"].dtype == dtype
    assert not same(together.parameters(0), together.parameters(1))
    for chosen in choices:
        for place, member in enumerate(trained(chosen).all_parameters()):
            assert same(member, together.parameters(chosen[place]))


def test_schedule_and_probes_change_no_bit():
    plain = descend(
        COUPLE, OBJECTIVE, *DATA, optimiser=SGD(0.05), steps=100, schedule=[]
    )
    probed = descend(
        COUPLE,
        OBJECTIVE,
        *DATA,
        optimiser=SGD(0.05),
        steps=100,
        schedule=range(100),
        probes={"all": RecordParameters()},
    )
    assert same(plain.all_parameters(), probed.all_parameters())
    assert plain.recorded.tolist() == [100]


def test_a_diverging_member_is_a_value_and_the_other_goes_on():
    objective, rule = mean_square(TwoLayer("linear")), SGD(0.05)
    steep = {name: 1e3 * array for name, array in COUPLE[1].items()}
    result = descend(
        [steep, COUPLE[0]],
        objective,
        *DATA,
        optimiser=rule,
        steps=40,
    )
    assert result.status.tolist() == [Status.DIVERGED, Status.CONVERGED]
    assert np.isinf(result.loss[0, -1])
    assert result.steps[1] == 40
    assert same(
        descend(
            [COUPLE[0]] * 2,
            objective,
            *DATA,
            optimiser=rule,
            steps=40,
        ).parameters(1),
        result.parameters(1),
    )
    # frozen at the last parameters with a finite loss, wherever the recorded steps lie
    kept = int(result.steps[0])
    just = descend(
        [steep] * 2,
        objective,
        *DATA,
        optimiser=rule,
        steps=kept,
    )
    one_more = descend(
        [steep] * 2,
        objective,
        *DATA,
        optimiser=rule,
        steps=kept + 1,
    )
    assert kept > 0
    assert same(just.parameters(0), result.parameters(0))
    assert np.isfinite(just.loss[0, -1])
    assert one_more.status.tolist() == [Status.DIVERGED] * 2
    assert one_more.steps.tolist() == [kept] * 2
    assert same(one_more.parameters(0), just.parameters(0))


def test_a_member_whose_first_loss_is_not_finite_stays_where_it_is():
    wild = {name: np.full_like(array, 1e200) for name, array in COUPLE[0].items()}
    result = descend(
        [wild, COUPLE[1]],
        OBJECTIVE,
        *DATA,
        optimiser=SGD(0.05),
        steps=5,
    )
    assert result.status.tolist() == [Status.DIVERGED, Status.CONVERGED]
    assert result.steps.tolist() == [0, 5]
    assert same(result.parameters(0), wild)


def test_stop_loss_stops_at_the_first_step_that_reaches_it():
    members = COUPLE
    every = descend(
        members, OBJECTIVE, *DATA, optimiser=SGD(0.1), steps=300, schedule=range(301)
    )
    target = float(every.loss[0, 120])
    stopped = descend(
        members, OBJECTIVE, *DATA, optimiser=SGD(0.1), steps=300, stop_loss=target
    )
    expected = [
        int(np.argmax(row <= target)) if (row <= target).any() else 300
        for row in every.loss
    ]
    assert stopped.steps.tolist() == expected
    assert len(set(expected)) > 1
    for place, step in enumerate(expected):
        reached = every.loss[place, step] <= target
        assert stopped.status[place] == (
            Status.CONVERGED if reached else Status.OUT_OF_STEPS
        )
        assert stopped.loss[place, -1] == pytest.approx(
            every.loss[place, step], rel=1e-13
        )


def test_a_stopped_member_goes_on_to_a_smaller_loss():
    members = COUPLE
    direct = descend(
        members,
        OBJECTIVE,
        *DATA,
        optimiser=RULES["momentum"],
        steps=200,
        stop_loss=1e-3,
    )
    first = descend(
        members,
        OBJECTIVE,
        *DATA,
        optimiser=RULES["momentum"],
        steps=100,
        stop_loss=1e-2,
    )
    rest = descend(
        members,
        OBJECTIVE,
        *DATA,
        optimiser=RULES["momentum"],
        steps=100,
        stop_loss=1e-3,
        state=first.state,
    )
    assert same(direct.all_parameters(), rest.all_parameters())
    assert direct.steps.tolist() == rest.steps.tolist()


def test_it_stops_recording_when_all_have_ended():
    result = descend(
        COUPLE, OBJECTIVE, *DATA, optimiser=SGD(0.1), steps=10**6, stop_loss=1e-2
    )
    assert result.status.tolist() == [Status.CONVERGED] * 2
    assert result.recorded[-1] < 10**6
    assert result.state.step == 10**6


def one_hot(samples):
    """θ_i moves only when sample i is in the batch, from 0 towards 1."""
    return (np.eye(samples), np.ones(samples)), mean_square(lambda theta, x: x @ theta)


@pytest.mark.parametrize(("samples", "batch_size"), [(13, 4), (8, 8)])
def test_every_epoch_takes_every_sample_once(samples, batch_size):
    data, objective = one_hot(samples)
    batches = samples // batch_size
    result = descend(
        [np.zeros(samples)],
        objective,
        *data,
        optimiser=SGD(0.1),
        steps=3 * batches,
        batch_size=batch_size,
        schedule=range(3 * batches + 1),
        probes={"own": lambda step, arrays: {"theta": arrays[""][0]}},
    )
    theta = result.probed["own"]["theta"]
    orders = []
    for epoch in range(3):
        moved = [
            np.flatnonzero(theta[t + 1] != theta[t])
            for t in range(epoch * batches, (epoch + 1) * batches)
        ]
        assert all(len(batch) == batch_size for batch in moved)
        together = np.concatenate(moved)
        assert len(set(together.tolist())) == batches * batch_size
        orders.append([batch.tolist() for batch in moved])
    # the gradient is that of the batch's own mean
    np.testing.assert_allclose(theta[1].max(), 0.1 * 2 / batch_size, rtol=1e-12)
    if batches > 1:
        assert orders[0] != orders[1]


def test_batch_orders_come_from_the_members_own_seed():
    data, objective = one_hot(8)
    members, rule = [np.zeros(8)] * 3, SGD(0.1)

    def trained(seeds):
        return descend(
            members,
            objective,
            *data,
            optimiser=rule,
            steps=3,
            batch_size=2,
            seeds=seeds,
        ).all_parameters()

    first, second, third = trained([1, 2, 1])
    assert same(first, third)
    assert not same(first, second)
    assert same(trained([2, 2, 1])[0], second)
    assert same(*trained(None)[:2])


def test_multilayer_members_by_finite_differences():
    layers = mlp_normal(
        [2, 4, 3, 1],
        seed=0,
        std=0.6,
    )
    x = np.random.default_rng(0).standard_normal((5, 2))
    y = np.sin(x[:, :1])
    result = descend(
        [layers], mean_square(Mlp("tanh")), x, y, optimiser=SGD(1.0), steps=1
    )

    def loss(flat):
        w1, b1, w2, b2, w3, b3 = flat
        return np.mean(
            (np.tanh(np.tanh(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3 - y) ** 2
        )

    flat = [array for layer in layers for array in layer]
    after = jax.tree.leaves(result.parameters(0))
    assert result.loss[0, 0] == pytest.approx(loss(flat), rel=1e-13)
    for place, leaf in enumerate(flat):
        for index in np.ndindex(leaf.shape):
            up, down = leaf.copy(), leaf.copy()
            up[index] += 1e-6
            down[index] -= 1e-6
            slope = (
                loss([*flat[:place], up, *flat[place + 1 :]])
                - loss([*flat[:place], down, *flat[place + 1 :]])
            ) / 2e-6
            assert after[place][index] - leaf[index] == pytest.approx(-slope, abs=1e-8)


def test_snapshots_are_padded_with_zeros_and_outputs_are_those_of_each_member():
    members = [draw(3), draw(5, seed=1), draw(3, seed=2)]
    model, x = TwoLayer("sigmoid"), with_bias(np.linspace(-2, 2, 9))
    result = descend(
        members,
        mean_square(model),
        *DATA,
        optimiser=SGD(0.1),
        steps=4,
        schedule=[0, 4],
        probes={"all": RecordParameters(), "f": RecordOutput(model, x)},
    )
    leaves = result.probed["all"]
    assert leaves["a"].shape == (2, 3, 5)
    assert leaves["w"].shape == (2, 3, 5, 2)
    assert not leaves["w"][:, [0, 2], 3:].any()
    for place, member in enumerate(members):
        width = len(member["a"])
        np.testing.assert_array_equal(leaves["w"][0, place, :width], member["w"])
        for moment, parameters in enumerate((member, result.parameters(place))):
            expected = [
                sum(
                    parameters["a"][k]
                    / (1 + math.exp(-float(parameters["w"][k] @ row)))
                    for k in range(width)
                )
                for row in x
            ]
            np.testing.assert_allclose(
                result.probed["f"]["output"][moment, place], expected, rtol=1e-12
            )


def test_long_stretches_are_cut_so_that_an_interrupt_is_heard(monkeypatch):
    monkeypatch.setattr("condensery.engine._descend.CHUNK", 30)
    heard = []
    cut = descend(
        COUPLE,
        OBJECTIVE,
        *DATA,
        optimiser=SGD(0.05),
        steps=100,
        schedule=[],
        on_progress=lambda text, fraction: heard.append((text, fraction)),
    )
    assert heard == [
        ("step 30 of 100", 0.3),
        ("step 60 of 100", 0.6),
        ("step 90 of 100", 0.9),
        ("step 100 of 100", 1.0),
    ]
    monkeypatch.undo()
    assert same(
        cut.all_parameters(),
        descend(
            COUPLE,
            OBJECTIVE,
            *DATA,
            optimiser=SGD(0.05),
            steps=100,
        ).all_parameters(),
    )


def test_training_leaves_the_start_alone():
    before = [
        {name: array.copy() for name, array in member.items()} for member in COUPLE
    ]
    options = {"optimiser": RULES["adam"]}
    start = descend(COUPLE, OBJECTIVE, *DATA, steps=0, **options).state
    once, again = (
        descend(COUPLE, OBJECTIVE, *DATA, steps=20, state=start, **options)
        for _ in range(2)
    )
    assert same(COUPLE, before)
    assert same(once.all_parameters(), again.all_parameters())


def test_ensemble_scales_are_those_of_its_coordinates():
    ensemble = Ensemble.grid(
        widths=[40_000], gammas=[1.2], gamma_primes=[-0.4], seeds=[3]
    )
    (member,) = ensemble.draw(features=2)
    kappa, kappa_prime = float(ensemble.kappa[0]), float(ensemble.kappa_prime[0])
    assert kappa == pytest.approx(40_000**-1.2, rel=1e-12)
    assert np.std(member["a"]) * np.std(member["w"]) == pytest.approx(kappa, rel=0.02)
    assert np.std(member["a"]) / np.std(member["w"]) == pytest.approx(
        kappa_prime, rel=0.02
    )


LINE = mean_square(lambda theta, x: x @ theta)
REFUSED = {
    "members: given none": lambda: descend(
        [], OBJECTIVE, *DATA, optimiser=SGD(0.1), steps=1
    ),
    "parameters of member 1: given a value that is not finite": lambda: descend(
        [np.ones(2), np.array([1.0, np.nan])], LINE, *DATA, optimiser=SGD(0.1), steps=1
    ),
    "steps: given -1": lambda: descend(
        [np.ones(2)], LINE, *DATA, optimiser=SGD(0.1), steps=-1
    ),
    "data: given inputs of shape": lambda: descend(
        [np.ones(2)], LINE, DATA[0], DATA[1][:-1], optimiser=SGD(0.1), steps=1
    ),
    "data: given a value that is not finite": lambda: descend(
        [np.ones(2)], LINE, DATA[0], DATA[1] * np.inf, optimiser=SGD(0.1), steps=1
    ),
    "batch_size: given 7; allowed: 1 to 6": lambda: descend(
        [np.ones(2)], LINE, *DATA, optimiser=SGD(0.1), steps=1, batch_size=7
    ),
    "seeds: given 1 of them; allowed: 2": lambda: descend(
        [np.ones(2)] * 2, LINE, *DATA, optimiser=SGD(0.1), steps=1, seeds=[1]
    ),
    "y: given shape": lambda: descend(
        [np.ones((2, 1))], LINE, *DATA, optimiser=SGD(0.1), steps=1
    ),
    "rate: given 0": lambda: SGD(0.0),
    "momentum: given 1": lambda: SGD(0.1, momentum=1.0),
    "rate: given nan": lambda: Adam(float("nan")),
    "beta2: given 1": lambda: Adam(0.1, beta2=1.0),
    "probes: given list": lambda: descend(
        [np.ones(2)],
        LINE,
        *DATA,
        optimiser=SGD(0.1),
        steps=1,
        probes=[RecordParameters(), RecordParameters()],
    ),
    "width: given 0": lambda: Ensemble.grid(
        widths=[10, 0],
        gammas=[1.0],
    ),
    "ensemble: given no member": lambda: Ensemble.grid(
        widths=[],
        gammas=[1.0],
    ),
    "gammas: given": lambda: Ensemble.grid(
        widths=[10],
        gammas=[math.inf],
    ),
    "seed: given -2": lambda: Ensemble.grid(
        widths=[10],
        gammas=[1.0],
        seeds=[-2],
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_refusals(words):
    with pytest.raises(InvalidInputError) as told:
        REFUSED[words]()
    assert str(told.value).startswith(words)

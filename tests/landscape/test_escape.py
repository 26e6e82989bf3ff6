"""Escapes from embedded points, against a loop in NumPy and against linear growth; and
the relative gradient, against a sum over samples.
"""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.landscape import (
    Problem,
    Push,
    escapes,
    flatten,
    made_critical,
    relative_gradient,
    split,
)
from condensery.models import mlp_normal
from condensery.records import Status

X = np.linspace(-15, 15, 50)
Y = np.tanh(X - 7) + np.tanh(X) + np.tanh(X + 7)
STEPS = Problem(X[:, None], Y, "tanh")
W, A = 0.0895391, 3.7469842
BEST = [(np.array([[W]]), np.zeros(1)), (np.array([[A]]), None)]
"""The best net of one unit on three steps."""


def steps_of_a_loop(shares, noise, rate, most, *, is_mean_field, key):
    """Gradient descent on f, written out."""
    width = len(shares)
    scale = 1 / width if is_mean_field else 1.0
    random = np.random.Generator(np.random.Philox(key=key))
    push = noise * random.standard_normal((width, 3))
    w, b = W + push[:, 0], push[:, 1]
    a = A * np.asarray(shares) / scale + push[:, 2]
    speed = rate * width if is_mean_field else rate
    level = 0.99 * np.mean((A * np.tanh(W * X) - Y) ** 2)
    for step in range(most):
        unit = np.tanh(np.outer(X, w) + b)
        error = scale * unit @ a - Y
        if np.mean(error**2) <= level:
            return step
        back = 2 * scale * error[:, None] / len(X)
        slope = back * a * (1 - unit**2)
        w, b, a = (
            w - speed * (slope * X[:, None]).sum(axis=0),
            b - speed * slope.sum(axis=0),
            a - speed * (back * unit).sum(axis=0),
        )
    return most


@pytest.mark.parametrize("is_mean_field", [True, False])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.2, 0.1), (1.5, -0.5)])
def test_escapes_are_those_of_a_loop(shares, is_mean_field):
    left = escapes(
        BEST,
        STEPS,
        shares=np.array(shares),
        push=Push(
            noise=0.1,
            count=2,
            seed=3,
        ),
        rate=0.001,
        steps=3000,
        mean_field=is_mean_field,
    )
    by_hand = [
        steps_of_a_loop(
            shares, 0.1, 0.001, 3000, is_mean_field=is_mean_field, key=[3, number]
        )
        for number in range(2)
    ]
    assert left.steps.tolist() == by_hand
    stayed = left.steps == 3000
    assert ((left.status == Status.CONVERGED) == ~stayed).all()


def test_every_push_may_have_its_own_shares():
    rows = np.array([[1.5, -0.5], [0.5, 0.5]])
    options = {
        "rate": 0.001,
        "steps": 4000,
        "push": Push(0.1, 2),
    }
    together = escapes(BEST, STEPS, shares=rows, **options).steps
    apart = [
        escapes(
            BEST,
            STEPS,
            shares=row,
            **options,
        ).steps
        for row in rows
    ]
    assert together.tolist() == [apart[0][0], apart[1][1]]
    assert together[0] < together[1]


def test_one_unit_stays_at_its_minimum():
    options = {
        "rate": 0.001,
        "steps": 500,
        "push": Push(0.001, 1),
    }
    left = escapes(BEST, STEPS, shares=np.ones(1), **options)
    assert left.status.tolist() == [Status.OUT_OF_STEPS]


@pytest.mark.parametrize(
    ("net", "shares"),
    [
        (BEST, [0.5, 0.6]),
        (
            mlp_normal(
                [1, 2, 1],
                seed=0,
                std=1.0,
                output_bias=False,
            ),
            [1.0],
        ),
        (
            mlp_normal(
                [1, 1, 1],
                seed=0,
                std=1.0,
            ),
            [1.0],
        ),
    ],
)
def test_refusals(net, shares):
    options = {
        "rate": 0.001,
        "steps": 5,
        "push": Push(0.001, 1),
    }
    with pytest.raises(InvalidInputError):
        escapes(net, STEPS, shares=np.array(shares), **options)


def relative_by_hand(net, problem):
    """Every derivative of every sample by differences."""
    from condensery.landscape import forward, unflatten

    theta, step = flatten(net), 1e-6
    whole = left = 0.0
    outputs = problem.y.shape[1]
    for index in range(len(theta)):
        moved = [theta.copy(), theta.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        up, down = (
            forward(unflatten(one, net), problem.x, problem.activation) for one in moved
        )
        slope = (up - down) / (2 * step)
        output = forward(net, problem.x, problem.activation)
        of_samples = 2 / outputs * slope * (output - problem.y)
        whole += np.sum(
            2 / outputs * np.abs(slope) * (np.abs(output) + np.abs(problem.y))
        )
        left += abs(of_samples.sum())
    return left / whole


@pytest.mark.parametrize("sizes", [[2, 3, 1], [2, 2, 2, 2]])
def test_the_relative_gradient_by_differences(sizes):
    rng = np.random.default_rng(5)
    net = mlp_normal(sizes, seed=1, std=1.0)
    y = rng.standard_normal((9, sizes[-1]))
    problem = Problem(rng.standard_normal((9, 2)), y, "tanh")
    by_hand = relative_by_hand(net, problem)
    assert relative_gradient(net, problem) == pytest.approx(by_hand, rel=1e-5)
    assert 0.001 < by_hand <= 1


def test_large_shares_raise_it_less_than_the_gradient():
    """The gradient grows with the shares, in sum and in rounding; the ratio with the
    rounding of the output alone.
    """
    net = mlp_normal([1, 2, 1], seed=0, std=1.0)
    problem = made_critical(net, np.linspace(-1, 1, 20)[:, None], "tanh", seed=0)
    wide, receipt = split(
        net,
        problem,
        layer=1,
        unit=0,
        alpha=1e3,
        spectrum=False,
    )
    before = relative_gradient(net, problem)
    growth = receipt.gradient[1] / receipt.gradient[0]
    assert growth > 100 * relative_gradient(wide, problem) / before > 100
    assert relative_gradient(wide, problem) < 1e-12


def test_it_sees_a_net_that_is_not_critical():
    net = mlp_normal(
        [1, 2, 1],
        seed=0,
        std=1.0,
    )
    problem = Problem(np.linspace(-1, 1, 20)[:, None], np.ones(20), "tanh")
    wide, _ = split(
        net,
        problem,
        layer=1,
        unit=0,
        alpha=0.5,
        spectrum=False,
    )
    before = relative_gradient(net, problem)
    assert before > 0.1
    assert relative_gradient(wide, problem) == pytest.approx(before, rel=0.3)

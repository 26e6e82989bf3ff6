"""Falls of a loss curve and polynomial residuals: against loops and by hand."""

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import falling, polynomial_residual, within_decades


def slow_falling(steps, loss, slope):
    usable = [
        k
        for k, (t, r) in enumerate(
            zip(
                steps,
                loss,
                strict=True,
            )
        )
        if t * r > 0
    ]
    falls = [False] * len(steps)
    for row, index in enumerate(usable):
        near = usable[max(0, row - 2) : row + 3]
        points = [(math.log(steps[k]), math.log(loss[k])) for k in near]
        if len(points) < 3:
            continue
        mean = sum(t for t, _ in points) / len(points)
        level = sum(r for _, r in points) / len(points)
        rise = sum((t - mean) * (r - level) for t, r in points)
        falls[index] = -rise / sum((t - mean) ** 2 for t, _ in points) >= slope
    return falls


@pytest.mark.parametrize("seed", range(5))
def test_falls_against_a_loop(seed):
    rng = np.random.default_rng(seed)
    steps = np.unique(np.concatenate([[0], rng.integers(1, 10_000, 30)]))
    loss = np.exp(
        np.cumsum(
            rng.normal(
                -0.1,
                0.3,
                len(steps),
            )
        )
    )
    loss[rng.integers(0, len(loss), 2)] = 0.0
    expected = slow_falling(steps.tolist(), loss.tolist(), 0.2)
    assert falling(steps, loss, slope=0.2).tolist() == expected


def test_falls_of_a_power_law_and_of_a_plateau():
    recorded = np.unique(np.round(np.logspace(0, 4, 60)).astype(int))
    steps = np.concatenate([[0], recorded])
    t = np.maximum(steps, 1.0)
    loss = np.where(t < 100, 1.0, (t / 100) ** -0.3)
    falls = falling(steps, loss, slope=0.2)
    assert not falls[steps < 60].any()
    assert falls[steps > 150].all()
    assert not falling(steps, loss, slope=0.4).any()
    assert within_decades(steps, falls, decades=0.2)[steps > 150].all()


def test_steps_near_marked_ones():
    steps = np.array([0, 1, 5, 10, 40, 1000])
    marked = steps == 10
    near = within_decades(steps, marked, decades=0.61)
    expected = [
        t > 0 and any(abs(math.log10(t / m)) <= 0.61 for m in steps[marked])
        for t in steps.tolist()
    ]
    assert near.tolist() == expected == [False, False, True, True, True, False]
    nothing = within_decades(steps, np.zeros(6, bool), decades=1.0)
    assert nothing.tolist() == [False] * 6


def test_a_polynomial_leaves_no_residual():
    x = np.linspace(-1, 2, 30)
    assert (
        polynomial_residual(
            x,
            3 + x - 2 * x**2,
            degree=2,
        )[1]
        < 1e-12
    )
    fit, residual = polynomial_residual(x, np.abs(x), degree=1)
    line = np.polynomial.Polynomial.fit(
        x,
        np.abs(x),
        1,
    )
    np.testing.assert_allclose(fit, line(x), rtol=1e-10)
    left = sum(
        (abs(a) - b) ** 2
        for a, b in zip(
            x,
            fit,
            strict=True,
        )
    )
    spread = sum((abs(a) - np.abs(x).mean()) ** 2 for a in x)
    assert residual == pytest.approx((left / spread) ** 0.5)
    assert polynomial_residual(
        x,
        np.abs(x),
        degree=0,
    )[1] == pytest.approx(1)


def test_bad_input_is_refused_with_a_remedy():
    with pytest.raises(InvalidInputError, match="x, output: given"):
        polynomial_residual(np.ones(3), np.ones(3), degree=1)
    with pytest.raises(InvalidInputError, match="degree: given -1"):
        polynomial_residual(
            np.arange(3.0),
            np.ones(3),
            degree=-1,
        )

"""Variation, convexity changes and slopes of ReLU nets: against loops that share no
code, and in closed form.
"""

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import convexity_changes, relu_slopes, total_variation


def slow_changes(slopes, least):
    """The longest chain of moves in turn, of all that end at a piece."""
    count = len(slopes)
    up, down = [0] * count, [0] * count
    for end in range(count):
        for begin in range(end):
            move = slopes[end] - slopes[begin]
            if move >= least:
                up[end] = max(up[end], down[begin] + 1)
            if -move >= least:
                down[end] = max(down[end], up[begin] + 1)
    return max(0, max([*up, *down], default=0) - 1)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("least", [0.3, 1.0, 2.5])
def test_changes_against_every_chain(seed, least):
    rng = np.random.default_rng(seed)
    slopes = rng.standard_normal(rng.integers(1, 40))
    expected = slow_changes(slopes.tolist(), least)
    assert convexity_changes(slopes, least=least) == expected


def test_changes_of_a_sine_and_of_a_staircase():
    x = np.linspace(
        0,
        4 * np.pi,
        4001,
    )
    slopes = np.diff(np.sin(x)) / np.diff(x)
    # sin'' = -sin changes its sign at pi, 2 pi and 3 pi
    assert convexity_changes(slopes, least=0.1) == 3
    assert convexity_changes(slopes, least=2.1) == 0
    # three flights and four landings: the slope goes up and down three times
    steps = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    assert convexity_changes(steps, least=0.5) == 5
    assert convexity_changes(np.abs(np.arange(-3.0, 4.0)), least=0.5) == 1
    assert convexity_changes(np.arange(9.0), least=0.5) == 0
    assert convexity_changes(np.array([]), least=0.5) == 0


def test_rounding_adds_no_change():
    rng = np.random.default_rng(0)
    slopes = np.linspace(-1, 1, 500) + 1e-9 * rng.standard_normal(500)
    assert slow_changes(slopes[::25].tolist(), 1e-12) == 0
    assert convexity_changes(slopes, least=0.1) == 0
    assert convexity_changes(-slopes, least=0.1) == 0


def slow_slope(a, w, b, x):
    """f'(x) unit by unit."""
    active = zip(
        a,
        w,
        b,
        strict=True,
    )
    return sum(top * rate for top, rate, offset in active if rate * x + offset > 0)


@pytest.mark.parametrize("seed", range(5))
def test_slopes_against_units_one_by_one(seed):
    rng = np.random.default_rng(seed)
    a, w, b = rng.standard_normal((3, 12))
    w[3] = 0.0
    kinks = sorted(-b[k] / w[k] for k in range(12) if k != 3)
    inner = [kink for kink in kinks if -1 < kink < 2]
    ends = [-1.0, *inner, 2.0]
    middles = [(ends[k] + ends[k + 1]) / 2 for k in range(len(ends) - 1)]
    expected = [slow_slope(a, w, b, x) for x in middles]
    slopes = relu_slopes(
        a,
        w,
        b,
        low=-1.0,
        high=2.0,
    )
    np.testing.assert_allclose(
        slopes,
        expected,
        atol=1e-12,
    )


def test_slopes_and_their_changes_of_a_known_net():
    # a tent on [0, 2]: 0, 1, -1, 0
    a, w, b = np.array([1.0, -2.0, 1.0]), np.ones(3), np.array([0.0, -1.0, -2.0])
    slopes = relu_slopes(
        a,
        w,
        b,
        low=-1.0,
        high=3.0,
    )
    assert slopes.tolist() == [0.0, 1.0, -1.0, 0.0]
    assert convexity_changes(slopes, least=0.5) == 2
    assert relu_slopes(
        a,
        w,
        b,
        low=0.25,
        high=0.75,
    ).tolist() == [1.0]


def slow_variation(values):
    total = 0.0
    for k in range(len(values) - 1):
        total += abs(values[k + 1] - values[k])
    return total


def test_variation_against_a_loop_and_in_closed_form():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((3, 2, 7))
    variations = total_variation(values)
    assert variations.shape == (3, 2)
    for member in np.ndindex(3, 2):
        slow = slow_variation(values[member].tolist())
        assert variations[member] == pytest.approx(slow, rel=1e-12)
    x = np.linspace(
        0,
        2 * np.pi,
        1001,
    )
    assert total_variation(np.sin(x)) == pytest.approx(4, rel=1e-5)
    assert total_variation(np.tanh(x)) == pytest.approx(math.tanh(2 * math.pi))
    assert total_variation(np.array([3.0])) == 0
    assert np.isnan(total_variation(np.array([0.0, np.nan])))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: convexity_changes(np.ones(3), least=0.0), "least"),
        (lambda: convexity_changes(np.array([0.0, np.nan]), least=1.0), "slopes"),
        (
            lambda: relu_slopes(
                *np.ones((3, 2)),
                low=1.0,
                high=1.0,
            ),
            "high",
        ),
    ],
)
def test_what_cannot_be_measured_is_named(call, named):
    with pytest.raises(InvalidInputError, match=named):
        call()

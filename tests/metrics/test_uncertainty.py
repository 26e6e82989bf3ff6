"""Intervals of shares and of mean differences: by hand, and by how often they hold
what they should.
"""

import math
from functools import partial

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import mean_difference, share

Z = 1.959963984540054
STUDENT_2 = 4.302652729911275
REPEATS = 400


@pytest.mark.parametrize("n", [1, 4, 30])
@pytest.mark.parametrize("portion", [0.0, 0.3, 1.0])
def test_a_share_has_wilsons_interval(n, portion):
    hits = np.arange(n) < portion * n
    p = hits.sum() / n
    shrink = 1 + Z**2 / n
    centre = p + Z**2 / (2 * n)
    variance = p * (1 - p) / n
    curvature = Z**2 / (4 * n**2)
    reach = Z * math.sqrt(variance + curvature)
    measured = share(hits)
    assert measured.value == p
    low = (centre - reach) / shrink
    high = (centre + reach) / shrink
    near = partial(pytest.approx, abs=1e-12)
    assert measured.low == near(low)
    assert measured.high == near(high)


def test_all_draws_mirror_none():
    none = share(np.zeros(7, dtype=bool))
    every = share(np.ones(7, dtype=bool))
    assert none.high == pytest.approx(Z**2 / (7 + Z**2))
    assert every.low == pytest.approx(1 - none.high)
    assert every.high == pytest.approx(1 - none.low)


def test_no_draw_says_nothing():
    nothing = share(np.zeros(0, dtype=bool))
    assert math.isnan(nothing.value)
    ends = [nothing.low, nothing.high]
    assert ends == [0.0, 1.0]
    assert str(nothing) == "0 of 0"


def test_the_interval_of_a_share_holds_it_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(REPEATS):
        hits = rng.random(30) < 0.2
        interval = share(hits, confidence=0.9)
        held += interval.low <= 0.2 <= interval.high
    assert 0.85 < held / REPEATS < 0.95


def test_a_mean_difference_by_hand():
    first = np.array([5.0, 7.0, 9.0])
    second = np.full(3, 4.0)
    measured = mean_difference(first, second)
    error = 2 / math.sqrt(3)
    reach = STUDENT_2 * error
    near = pytest.approx
    assert measured.mean == near(3.0)
    assert measured.error == near(error)
    assert measured.low == near(3 - reach)
    assert measured.high == near(3 + reach)
    assert str(measured) == "+3 (−1.97 to 7.97)"


def test_the_interval_of_a_difference_holds_it_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(REPEATS):
        first = rng.normal(1.0, 1.0, 4)
        second = rng.normal(0.0, 2.0, 4)
        interval = mean_difference(
            first,
            second,
            confidence=0.9,
        )
        held += interval.low <= 1.0 <= interval.high
    assert 0.85 < held / REPEATS < 0.95


def test_the_order_of_a_difference_turns_its_sign():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 5))
    there = mean_difference(first, second)
    back = mean_difference(second, first)
    assert there.mean == -back.mean
    assert there.low == -back.high
    assert there.high == -back.low


def test_a_single_pair_decides_nothing():
    first, second = np.array([[2.0], [1.0]])
    single = mean_difference(first, second)
    assert single.mean == pytest.approx(1.0)
    assert single.low == -math.inf
    assert single.high == math.inf
    nothing = mean_difference(np.zeros(0), np.zeros(0))
    assert math.isnan(nothing.mean)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_is_a_share(confidence):
    hits = np.ones(3, dtype=bool)
    with pytest.raises(InvalidInputError, match="confidence"):
        share(hits, confidence=confidence)

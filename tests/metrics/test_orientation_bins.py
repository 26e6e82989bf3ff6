"""Weight over orientation: against loops over units and by hand."""

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import (
    angular_distance,
    effective_orientations,
    heaviest_share,
    orientation,
    orientation_bins,
    share_near,
)


@pytest.fixture(params=range(4))
def units(request):
    rng = np.random.default_rng(request.param)
    angles = rng.uniform(-np.pi, np.pi, 200)
    return angles, rng.exponential(size=200)


def slow_bins(angles, weights, bins):
    totals = [0.0] * bins
    for angle, weight in zip(angles, weights, strict=True):
        index = int((angle + math.pi) / (2 * math.pi) * bins)
        totals[min(index, bins - 1)] += weight
    return totals


@pytest.mark.parametrize("bins", [1, 5, 64])
def test_bins_against_a_loop(units, bins):
    expected = slow_bins(*units, bins)
    np.testing.assert_allclose(orientation_bins(*units, bins=bins), expected)


def test_bins_are_numpys_histogram_bit_for_bit(units):
    angles, weights = units
    limits = (-np.pi, np.pi)
    expected = np.histogram(
        angles,
        bins=64,
        range=limits,
        weights=weights,
    )[0]
    assert orientation_bins(angles, weights).tobytes() == expected.tobytes()


def test_closed_forms_of_bins():
    even = -np.pi + (np.arange(64) + 0.5) * 2 * np.pi / 64
    assert effective_orientations(orientation_bins(even)) == pytest.approx(64)
    assert heaviest_share(orientation_bins(even), 4) == pytest.approx(4 / 64)
    rows = np.outer([1.0, 2.0, 5.0], [0.3, 0.4])
    condensed = orientation_bins(orientation(rows), np.linalg.norm(rows, axis=1))
    assert effective_orientations(condensed) == 1
    assert heaviest_share(condensed, 1) == 1
    assert condensed.sum() == pytest.approx(4.0)
    assert orientation_bins(np.array([np.pi, np.nan])).tolist() == [0.0] * 63 + [1.0]


def test_heaviest_share_against_a_loop(units):
    _, weights = units
    for count in (1, 3, 300):
        heavy = sum(sorted(weights, reverse=True)[:count])
        assert heaviest_share(weights, count) == pytest.approx(heavy / sum(weights))
    assert heaviest_share(np.zeros(4), 2) == 0


def slow_distance(angle, targets):
    gaps = [math.pi]
    for target in targets:
        gap = math.fmod(abs(angle - target), 2 * math.pi)
        gaps.append(min(gap, 2 * math.pi - gap))
    return min(gaps)


def test_distances_and_shares_against_a_loop(units):
    angles, weights = units
    targets = np.array([0.4, -3.1])
    expected = [slow_distance(angle, targets) for angle in angles]
    np.testing.assert_allclose(angular_distance(angles, targets), expected, atol=1e-12)
    near = sum(w for w, gap in zip(weights, expected, strict=True) if gap <= 0.15)
    measured = share_near(
        angles,
        weights,
        targets,
        within=0.15,
    )
    assert measured == pytest.approx(near / sum(weights))


def test_distances_by_hand():
    gaps = angular_distance(np.array([0.1, 6.2]), np.array([2 * np.pi]))
    assert gaps.round(6).tolist() == [0.1, 0.083185]
    assert angular_distance(np.array([1.0]), np.empty(0)).tolist() == [np.pi]
    assert (
        share_near(
            np.ones(2),
            np.zeros(2),
            np.ones(1),
            within=0.1,
        )
        == 0
    )
    assert (
        share_near(
            np.ones(2),
            np.ones(2),
            np.ones(1),
            within=0.0,
        )
        == 1
    )


REFUSED = {
    "bins: given 0": lambda: orientation_bins(np.ones(2), bins=0),
    "weights, count: given count 0": lambda: heaviest_share(np.ones(2), 0),
    "weights, count: given count 1": lambda: heaviest_share(-np.ones(2), 1),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_refused_with_a_remedy(message):
    with pytest.raises(InvalidInputError, match=message):
        REFUSED[message]()

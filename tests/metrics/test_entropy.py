from __future__ import annotations

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import (
    amplitude,
    effective_orientations,
    effective_rank,
    orientation,
)


def slow(parts) -> float:
    total = math.fsum(parts)
    product = 1.0
    for part in parts:
        if part > 0:
            product *= (part / total) ** (-part / total)
    return product


def test_effective_orientations_equals_the_loop():
    rng = np.random.default_rng(0)
    shares = rng.exponential(size=30)
    assert effective_orientations(shares) == pytest.approx(
        slow(shares.tolist()), rel=1e-12
    )
    assert effective_orientations(1e-300 * shares) == pytest.approx(
        slow(shares.tolist()), rel=1e-12
    )


@pytest.mark.parametrize("count", [1, 2, 7])
def test_equal_shares_count_themselves(count):
    assert effective_orientations(np.array([0.0] + [3.0] * count)) == pytest.approx(
        count, rel=1e-14
    )
    assert effective_orientations(np.full(count, 1e308)) == pytest.approx(
        count, rel=1e-14
    )


def test_no_share_is_zero():
    assert not effective_orientations(np.zeros(3))
    assert not effective_orientations(np.zeros(0))


def test_bins_of_the_angle_tell_condensed_from_initial_layers():
    rng = np.random.default_rng(1)
    spread = rng.standard_normal((1000, 2))
    strong = np.array([[1.0, 1.0], [-1.0, 2.0]])[
        rng.integers(
            2,
            size=20,
        )
    ]
    numbers = []
    for rows in (spread, np.vstack([strong, 1e-4 * spread])):
        bins = np.histogram(
            orientation(rows),
            bins=64,
            range=(-np.pi, np.pi),
            weights=amplitude(None, rows),
        )[0]
        numbers.append(effective_orientations(bins))
    assert numbers[0] > 50
    assert numbers[1] < 2.5


def test_effective_rank_equals_the_loop():
    rng = np.random.default_rng(2)
    matrix = rng.standard_normal((6, 9))
    values = [math.sqrt(x) for x in np.linalg.eigvalsh(matrix @ matrix.T).tolist()]
    assert effective_rank(matrix) == pytest.approx(slow(values), rel=1e-12)
    assert effective_rank(np.outer([1.0, 2.0], [3.0, 4.0, 5.0])) == pytest.approx(
        1.0, abs=1e-12
    )
    assert effective_rank(np.eye(5)) == pytest.approx(5.0)
    assert not effective_rank(np.zeros((2, 3)))


def test_bad_input_is_named():
    with pytest.raises(InvalidInputError, match=r"^shares"):
        effective_orientations(np.array([1.0, -1.0]))
    with pytest.raises(InvalidInputError, match=r"^shares"):
        effective_orientations(np.array([1.0, math.nan]))
    with pytest.raises(InvalidInputError, match=r"^matrix"):
        effective_rank(np.array([[1.0, math.inf]]))
    with pytest.raises(InvalidInputError, match=r"^matrix"):
        effective_rank(np.zeros((0, 3)))

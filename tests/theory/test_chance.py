"""What random directions have in common, against draws of them."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import aligned_by_chance


@pytest.mark.parametrize("dimension", [2, 3, 6, 10])
@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.9])
def test_against_random_directions(dimension, threshold):
    count = 40_000
    rng = np.random.default_rng(dimension)
    rows = rng.standard_normal((count, dimension))
    lengths = np.linalg.norm(rows, axis=1)
    cosines = rows[:, 0] / lengths
    above = np.abs(cosines) > threshold
    expected = aligned_by_chance(dimension, threshold)
    variance = expected * (1 - expected)
    error = np.sqrt(variance / count)
    gap = abs(above.mean() - expected)
    assert gap < 5 * error + 1e-4


def test_the_ends():
    every = aligned_by_chance(5, 0.0)
    assert every == pytest.approx(1.0)
    none = aligned_by_chance(5, 1.0)
    assert none == pytest.approx(0.0)


WRONG = {
    "a line": (1, 0.5),
    "above": (3, 1.1),
    "below": (3, -0.1),
}


@pytest.mark.parametrize("name", WRONG)
def test_refusals(name):
    dimension, threshold = WRONG[name]
    with pytest.raises(InvalidInputError):
        aligned_by_chance(dimension, threshold)

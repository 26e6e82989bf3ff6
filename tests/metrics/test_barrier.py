"""The loss barrier against a loop and closed forms."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import loss_barrier


def slow_barrier(positions, losses):
    start = losses[positions.index(0.0)]
    end = losses[positions.index(1.0)]
    highest = 0.0
    for a, loss in zip(positions, losses, strict=True):
        if 0 <= a <= 1:
            chord = (1 - a) * start + a * end
            highest = max(highest, loss - chord)
    return highest


@pytest.mark.parametrize("seed", range(5))
def test_against_a_loop(seed):
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1, 2, 20)
    positions = np.sort([0.0, 1.0, *drawn])
    losses = rng.random(22)
    expected = slow_barrier(positions.tolist(), losses.tolist())
    assert loss_barrier(positions, losses) == pytest.approx(expected)


def test_closed_forms():
    """h·4a(1 − a) + a is h above its chord in the middle; a convex loss has none, and
    what lies outside of [0, 1] does not count.
    """
    a = np.linspace(-0.5, 1.5, 81)
    hill = 3 * 4 * a * (1 - a) + a
    assert loss_barrier(a, hill) == pytest.approx(3)
    assert loss_barrier(a, a**2) == 0
    outside = np.where(a < 0, 100.0, a)
    assert loss_barrier(a, outside) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "positions",
    [
        [0.0, 0.5],
        [0.5, 1.0],
        [1.0, 0.0],
    ],
)
def test_refusals(positions):
    with pytest.raises(InvalidInputError) as caught:
        loss_barrier(np.array(positions), np.ones(2))
    assert caught.value.what == "positions"

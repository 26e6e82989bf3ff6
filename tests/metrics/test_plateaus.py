"""The plateau detector on curves whose plateaus are known."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import plateaus

STEPS = np.unique(np.round(10 ** np.linspace(0, 5, 101))).astype(int)


def stairs(steps):
    """1 up to step 100, then down as t⁻¹ to 0.1 at 1000, and there until the end."""
    return np.clip(
        100.0 / np.maximum(steps, 1),
        0.1,
        1.0,
    )


def test_stairs_have_two_plateaus():
    first, second = plateaus(STEPS, stairs(STEPS))
    assert (first.first, first.last) == (1, 100)
    assert (second.first, second.last) == (1000, 100_000)
    assert (first.loss, second.loss) == (pytest.approx(1.0), pytest.approx(0.1))
    assert second.decades == pytest.approx(2.0)


@pytest.mark.parametrize("power", [0.019, 0.021])
def test_the_slope_is_that_of_a_power_law(power):
    steps = 10.0 ** np.arange(0, 6)
    assert len(plateaus(steps, steps**-power)) == (power < 0.02)


def test_what_is_too_short_or_not_a_number_is_none():
    steps = np.array([1, 1.5, 10, 100])
    assert plateaus(steps, np.array([1.0, 1.0, 0.1, 0.01])) == []
    assert (
        plateaus(
            steps,
            np.array([1.0, np.nan, np.nan, 1.0]),
        )
        == []
    )
    assert (
        plateaus(
            np.array([0, 1]),
            np.array([1.0, 1.0]),
        )
        == []
    )


def test_a_unit_of_the_loss_changes_nothing():
    one, other = (plateaus(STEPS, factor * stairs(STEPS)) for factor in (1.0, 1e6))
    assert [(p.first, p.last) for p in one] == [(p.first, p.last) for p in other]


@pytest.mark.parametrize(
    ("steps", "loss", "options", "what"),
    [
        ([2, 1], [1.0, 1.0], {}, "steps"),
        ([1, 2], [1.0, 1.0], {"slope": 0.0}, "slope"),
        ([1, 2], [1.0, 1.0], {"decades": -1.0}, "decades"),
    ],
)
def test_refusals(
    steps,
    loss,
    options,
    what,
):
    with pytest.raises(InvalidInputError) as caught:
        plateaus(
            np.array(steps),
            np.array(loss),
            **options,
        )
    assert caught.value.what == what

"""The plateau detector on curves whose plateaus are known."""

import inspect
import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import plateaus, slowest_fall

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


def chord(times, values, k):
    rise = values[k + 1] - values[k]
    span = times[k + 1] - times[k]
    return rise / span


def slow_derivative(times, values, k):
    """Of the parabola through a record and its neighbours; a chord at the ends."""
    last = len(times) - 1
    if k == 0:
        return chord(times, values, 0)
    if k == last:
        return chord(times, values, last - 1)
    before = times[k] - times[k - 1]
    after = times[k + 1] - times[k]
    first = after * chord(times, values, k - 1)
    second = before * chord(times, values, k)
    return (first + second) / (before + after)


def slow_slowest_fall(times, values, window, difference):
    last = len(times) - 1
    best = None
    lowest = math.inf
    for k in range(len(times)):
        if not window[k]:
            continue
        if difference == "central":
            fall = -slow_derivative(times, values, k)
        elif k < last and window[k + 1]:
            fall = -chord(times, values, k)
        else:
            continue
        if fall < lowest:
            best = k
            lowest = fall
    return best


@pytest.mark.parametrize("scale", ["linear", "logarithmic"])
@pytest.mark.parametrize("difference", ["forward", "central"])
@pytest.mark.parametrize("seed", range(5))
def test_the_slowest_fall_against_a_loop(seed, scale, difference):
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(1, 50, 30))
    drops = rng.normal(-0.1, 0.3, 30)
    loss = np.exp(np.cumsum(drops))
    window = rng.random(30) < 0.7
    times = steps.tolist()
    values = loss.tolist()
    if scale == "logarithmic":
        times = [math.log(time) for time in times]
        values = [math.log(value) for value in values]
    expected = slow_slowest_fall(times, values, window, difference)
    record = slowest_fall(
        steps,
        loss,
        window=window,
        scale=scale,
        difference=difference,
    )
    assert record == expected


@pytest.mark.parametrize("difference", ["forward", "central"])
def test_the_slowest_fall_of_closed_forms(difference):
    """R = 2 − t + t³/3 on [0, 2] is slowest, a rise, at its end, and in [0, 1] at 1; R
    = exp(t/4)/t has the exponent 1 − t/4, least at the end of any window.
    """
    t = np.linspace(0.0, 2.0, 201)
    cubic = 2 - t + t**3 / 3
    by = {"difference": difference}
    going_down = t <= 1
    first = slowest_fall(t, cubic, window=going_down, **by)
    assert t[first] == pytest.approx(1.0, abs=0.011)
    last = slowest_fall(t, cubic, **by)
    assert t[last] == pytest.approx(2.0, abs=0.011)
    steps = np.arange(1.0, 9.0)
    curve = np.exp(steps / 4) / steps
    by["scale"] = "logarithmic"
    by["window"] = steps <= 3
    record = slowest_fall(steps, curve, **by)
    expected = {"forward": 1, "central": 2}
    assert record == expected[difference]


def test_the_two_scales_find_their_own_plateaus():
    """R = 1/t until 32, and 1/(t − 31) from 64 on: at 32 it has a short
    plateau, which the linear scale does not see behind the long end.
    """
    before = 2.0 ** np.arange(6)
    after = 2.0 ** np.arange(6, 12)
    steps = np.concatenate([before, after])
    loss = 1 / np.concatenate([before, after - 31])
    assert steps[slowest_fall(steps, loss)] == 1024
    record = slowest_fall(
        steps,
        loss,
        scale="logarithmic",
    )
    assert steps[record] == 32


def test_where_no_fall_can_be_told():
    steps = np.array([1, 2, 3])
    broken = np.array([1.0, np.nan, 0.5])
    assert slowest_fall(steps, broken) is None
    flat = np.ones(3)
    single = steps == 2
    assert slowest_fall(steps, flat, window=single) is None
    assert slowest_fall(steps[:1], flat[:1]) is None
    zeros = np.zeros(3)
    record = slowest_fall(
        steps,
        zeros,
        scale="logarithmic",
    )
    assert record == 0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"window": np.array([True])}, "window"),
        ({"window": np.array([1, 0, 1])}, "window"),
        ({"scale": "log"}, "scale"),
        ({"difference": "backward"}, "difference"),
        ({"scale": "logarithmic"}, "steps"),
    ],
)
def test_refusals_of_the_slowest_fall(options, what):
    # without the annotations, which refuse before in this session
    plain = inspect.unwrap(slowest_fall)
    with pytest.raises(InvalidInputError) as caught:
        plain(np.arange(3), np.ones(3), **options)
    assert caught.value.what == what

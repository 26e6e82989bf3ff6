"""The judgement on numbers of which the answer is known: slopes, their errors, verdicts
and what would settle them.
"""

import numpy as np
import pytest
from scipy import stats

from condensery.torch._diagnosis._judge import (
    CLEAR,
    FLAT,
    LogSlope,
    Verdict,
    judge,
    judge_model,
    log_slope,
)

WIDTHS = (100, 200, 400, 800, 1600)


def power_law(
    slope,
    *,
    noise=0.0,
    bend=0.0,
    seeds=3,
    widths=WIDTHS,
    draw=0,
):
    """RD = 0.3·m^S with seed noise in log RD and a bend of the logarithm."""
    rng = np.random.default_rng(draw)
    x = np.log(widths) - np.mean(np.log(widths))
    return 0.3 * np.exp(
        (slope * x + bend * x**2)[:, None]
        + noise * rng.standard_normal((len(widths), seeds))
    )


def slow_slope(widths, values):
    """Regression over single points, by loops."""
    points = [
        (np.log(m), np.log(v))
        for m, row in zip(widths, values, strict=True)
        for v in row
    ]
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mx) ** 2 for x, _ in points)
    slope = sum((x - mx) * (y - my) for x, y in points) / spread
    left = sum((y - my - slope * (x - mx)) ** 2 for x, y in points)
    return slope, np.sqrt(left / (n - 2) / spread)


@pytest.mark.parametrize("draw", range(5))
def test_without_a_bend_it_is_the_regression_over_all_points(draw):
    values = power_law(-0.4, noise=0.2, draw=draw)
    found = log_slope(WIDTHS, values)
    slope, error = slow_slope(WIDTHS, values)
    assert found.slope == pytest.approx(slope, abs=1e-12)
    assert found.limited_by == "seeds"
    assert found.se == pytest.approx(error, rel=1e-12)
    line = stats.linregress(np.repeat(np.log(WIDTHS), 3), np.log(values).ravel())
    assert (found.slope, found.se) == pytest.approx(
        (line.slope, line.stderr), rel=1e-10
    )
    assert found.bound == pytest.approx(stats.t.ppf(0.975, 13) * line.stderr, rel=1e-10)


def test_a_bend_is_not_averaged_away_by_seeds():
    values = power_law(-0.4, noise=0.01, bend=0.1, seeds=40)
    found = log_slope(WIDTHS, values)
    means = stats.linregress(np.log(WIDTHS), np.log(values).mean(axis=1))
    assert found.limited_by == "fit"
    assert found.se == pytest.approx(means.stderr, rel=1e-10)
    assert found.bound == pytest.approx(stats.t.ppf(0.975, 3) * means.stderr, rel=1e-10)
    assert found.se > 3 * slow_slope(WIDTHS, values)[1]


def test_closed_forms():
    exact = log_slope(WIDTHS, power_law(0.25))
    assert exact.slope == pytest.approx(0.25, abs=1e-12)
    assert exact.se == pytest.approx(0.0, abs=1e-7)
    assert exact.values == pytest.approx(power_law(0.25)[:, 0])
    # three points e^0, e^0, e^3 at log m = 0, 1, 2: S = 3/2, residuals ±½ and 1, se² =
    # (1.5/1)/2
    three = log_slope([1, np.e, np.e**2], np.exp([[0.0], [0.0], [3.0]]))
    assert three.slope == pytest.approx(1.5)
    assert three.se == pytest.approx(np.sqrt(0.75))
    assert three.limited_by == "fit"


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_layer_that_did_not_move_has_no_slope(bad):
    values = power_law(0.3)
    values[1, 1] = bad
    found = log_slope(WIDTHS, values)
    assert np.isnan(found.slope)
    verdict = judge(WIDTHS, [found], seeds=3, settled=True, effort="")
    assert verdict.regime == "undetermined"
    assert "did not move" in verdict.remedy


def test_two_points_have_no_error():
    found = log_slope([10, 100], np.array([[1.0], [2.0]]))
    assert found.slope == pytest.approx(np.log10(2))
    assert np.isnan(found.bound)
    assert (
        "more seeds"
        in judge(
            [10, 100],
            [found],
            seeds=1,
            settled=True,
            effort="",
        ).remedy
    )


def line(slope, bound=0.02, limited="seeds"):
    return LogSlope(slope, bound / 2, bound, limited, (1.0,) * len(WIDTHS))


@pytest.mark.parametrize(
    ("slope", "regime"),
    [
        (-0.5, "linear"),
        (-0.121, "linear"),
        (-0.119, "undetermined"),
        (-0.05, "undetermined"),
        (-0.019, "critical"),
        (0.0, "critical"),
        (0.021, "undetermined"),
        (0.119, "undetermined"),
        (0.121, "condensed"),
        (1.0, "condensed"),
    ],
)
def test_verdicts_need_the_slope_beyond_its_margin(slope, regime):
    assert (
        judge(
            WIDTHS,
            [line(slope)],
            seeds=3,
            settled=True,
            effort="",
        ).regime
        == regime
    )
    assert (CLEAR, FLAT) == (0.1, 0.04)


def test_a_slope_that_still_changes_is_not_believed():
    settled = judge(
        WIDTHS, [line(-0.24), line(-0.25)], seeds=3, settled=True, effort="train on"
    )
    moving = judge(
        WIDTHS, [line(-0.1), line(-0.25)], seeds=3, settled=True, effort="train on"
    )
    assert (settled.regime, moving.regime) == ("linear", "undetermined")
    assert moving.remedy.startswith("train on")
    assert moving.margin == pytest.approx(0.17)


def test_no_verdict_before_training_has_gone_far_enough():
    verdict = judge(
        WIDTHS,
        [line(-2.0)],
        seeds=3,
        settled=False,
        effort="steps=4000",
    )
    assert (verdict.regime, verdict.remedy) == ("undetermined", "steps=4000")


def test_a_verdict_is_withheld_when_noise_is_large_and_given_when_it_is_small():
    words = {}
    for noise in (2.0, 0.05):
        slopes = [
            log_slope(WIDTHS, power_law(-0.3, noise=noise, draw=draw))
            for draw in range(200)
        ]
        words[noise] = [
            judge(
                WIDTHS,
                [one],
                seeds=3,
                settled=True,
                effort="",
            ).regime
            for one in slopes
        ]
    assert words[2.0].count("undetermined") >= 180
    assert words[0.05].count("linear") == 200


@pytest.mark.parametrize("noise", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("slope", [-CLEAR, 0.0, CLEAR])
def test_chance_makes_few_wrong_verdicts(slope, noise):
    """At the bounds themselves: each side errs in at most one case of forty."""
    found = [
        log_slope(WIDTHS, power_law(slope, noise=noise, draw=draw))
        for draw in range(1000)
    ]
    words = [
        judge(
            WIDTHS,
            [one],
            seeds=3,
            settled=True,
            effort="",
        ).regime
        for one in found
    ]
    wrong = (
        {"linear"}
        if slope == -CLEAR
        else {"condensed"}
        if slope == CLEAR
        else {"linear", "condensed"}
    )
    assert sum(word in wrong for word in words) / 1000 < 0.04


def test_the_number_of_seeds_it_asks_for_is_enough():
    shares = []
    for draw in range(40):
        few = log_slope(WIDTHS, power_law(-0.3, noise=0.5, draw=draw))
        verdict = judge(WIDTHS, [few], seeds=3, settled=True, effort="")
        if "seeds=" not in verdict.remedy or few.slope > -CLEAR:
            continue
        needed = int(verdict.remedy.partition("seeds=")[2].partition(":")[0])
        assert 3 < needed <= 30
        # if the slope is what it seemed to be; the noise, too, is only estimated, so
        # that single cases fall short
        enough = [
            log_slope(
                WIDTHS,
                power_law(
                    few.slope,
                    noise=0.5,
                    seeds=needed,
                    draw=k,
                ),
            )
            for k in range(100)
        ]
        decided = [
            judge(
                WIDTHS,
                [one],
                seeds=needed,
                settled=True,
                effort="",
            ).regime
            for one in enough
        ]
        shares.append(decided.count("linear") / 100)
    assert len(shares) >= 10
    assert np.mean(shares) >= 0.75


def test_wider_widths_are_asked_for_where_seeds_do_not_help():
    bent = judge(
        WIDTHS,
        [line(-0.3, bound=0.4, limited="fit")],
        seeds=3,
        settled=True,
        effort="",
    )
    assert "7 widths up to about" in bent.remedy
    assert "not a straight line" in bent.remedy
    near = judge(
        WIDTHS,
        [line(0.08)],
        seeds=3,
        settled=True,
        effort="",
    )
    assert (
        near.remedy
        == "add widths up to 6400: a slope of +0.08 is too near the critical line "
        "to tell"
    )


def test_the_model_has_the_regime_of_its_hidden_layers():
    linear, critical, condensed = (
        Verdict(word, 0.1) for word in ("linear", "critical", "condensed")
    )
    open_ = Verdict("undetermined", 0.3, "more")
    hidden = ["hidden", "hidden", "output"]
    assert judge_model(hidden, [linear, linear, condensed]).regime == "linear"
    assert judge_model(hidden, [linear, critical, open_]).regime == "critical"
    assert judge_model(hidden, [linear, condensed, open_]).regime == "condensed"
    assert judge_model(hidden, [condensed, open_, linear]).regime == "condensed"
    assert judge_model(hidden, [linear, open_, linear]) == Verdict(
        "undetermined", 0.3, "more"
    )
    assert judge_model(["output"], [condensed]).regime == "condensed"

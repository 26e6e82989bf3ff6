"""The judgement: slopes against width with their errors, and what they do and do not
decide.

NumPy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Word = Literal["linear", "critical", "condensed", "undetermined"]

CONFIDENCE = 0.975
"""One-sided: a bound that is passed by chance in one case of forty."""
CURVED = 0.05
"""Significance from which the means over seeds count as off the line (lack of fit)."""
CLEAR = 0.1
"""A slope beyond ±CLEAR has a sign.

On the critical line, where the exponent is 0, slopes over widths 256 to 4096 reach 0.09
(experiment `diagnose-calibration`); a smaller bound would take that for a regime.
"""
FLAT = 0.04
"""A slope within ±FLAT is flat."""
MOST_SEEDS, MOST_RANGE = 30, 64.0
"""What is worth proposing: at most so many seeds, and a largest width of so many times
the present one.
"""


@dataclass(frozen=True)
class LogSlope:
    """The line through log value against log width, over several seeds.

    Attributes:
        slope: S; nan if a value is missing, zero or infinite.
        se: Its standard error; nan where neither seeds nor a third width tell of it.
        bound: One-sided 97.5 % bound on the error: Student's quantile times `se`.
        limited_by: What the error comes from: the scatter of ``seeds``, or the ``fit``,
            i.e. the means of the seeds do not lie on a line.
        values: Geometric mean over the seeds, per width.
    """

    slope: float
    se: float
    bound: float
    limited_by: Literal["seeds", "fit", "nothing"]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """What a slope decides.

    Attributes:
        regime: linear, critical, condensed, or undetermined.
        margin: What the slope may be off: its bound plus how much it still changed with
            the loss.
        remedy: What would settle it; empty where it is settled.
    """

    regime: Word
    margin: float
    remedy: str = ""


def log_slope(widths: Sequence[float], values: np.ndarray) -> LogSlope:
    """Slope of log value against log width, with its standard error over seeds and fit.

    Formula:
        y_m = mean over n seeds of log value, x = log m, S = Σ(x − x̄)·y/Q, Q = Σ(x −
        x̄)², over M widths. The variance of a mean is estimated twice: v_seeds =
        (variance between seeds, pooled over the widths)/n with M(n − 1) degrees of
        freedom, v_fit = Σ residual²/(M − 2) with M − 2. If their ratio says at 5 % (F
        test) that the means do not lie on a line, se² = v_fit/Q: a curve is not
        averaged away by seeds. Otherwise both are pooled, which is the ordinary
        regression over all points. With one seed only v_fit is left.

    Args:
        widths: M ≥ 2 distinct widths.
        values: Shape (width, seed), positive.
    """
    values = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(values).all() and (values > 0).all()):
        return LogSlope(
            np.nan, np.nan, np.nan, "nothing", tuple(values.mean(axis=1).tolist())
        )
    logs, count, seeds = np.log(values), *values.shape
    x = np.log(np.asarray(widths, dtype=np.float64))
    x, y = x - x.mean(), logs.mean(axis=1)
    spread = float(x @ x)
    slope = float(x @ y) / spread
    residuals = y - y.mean() - slope * x
    means = tuple(np.exp(y).tolist())
    estimate = _variance(
        float(logs.var(axis=1, ddof=1).mean()) / seeds if seeds > 1 else np.nan,
        count * (seeds - 1),
        float(residuals @ residuals) / (count - 2) if count > 2 else np.nan,
        count - 2,
    )
    if estimate is None:
        return LogSlope(slope, np.nan, np.nan, "nothing", means)
    variance, freedom, limited = estimate
    se = float(np.sqrt(variance / spread))
    return LogSlope(
        slope, se, float(_law("t").ppf(CONFIDENCE, freedom)) * se, limited, means
    )


def _variance(
    between: float, between_freedom: int, fit: float, fit_freedom: int
) -> tuple[float, int, Literal["seeds", "fit"]] | None:
    """Variance of a mean, its degrees of freedom, and what it comes from; None where
    nothing tells of it.
    """
    if between_freedom < 1:
        return (fit, fit_freedom, "fit") if fit_freedom > 0 else None
    if fit_freedom < 1:
        return between, between_freedom, "seeds"
    if (
        between == 0
        or _law("f").sf(fit / between, fit_freedom, between_freedom) < CURVED
    ):
        return (
            (fit, fit_freedom, "fit")
            if fit > between
            else (between, between_freedom, "seeds")
        )
    freedom = between_freedom + fit_freedom
    return (between_freedom * between + fit_freedom * fit) / freedom, freedom, "seeds"


def _law(name: str) -> Any:
    from scipy import stats

    return getattr(stats, name)


def judge(
    widths: Sequence[int],
    slopes: Sequence[LogSlope],
    *,
    seeds: int,
    settled: bool,
    effort: str,
) -> Verdict:
    """The regime that a layer's slopes of RD show.

    The slope S at the last stage of training decides, if it is beyond its margin:
    linear where S + margin < −0.1, condensed where S − margin > 0.1, critical where |S|
    + margin < 0.04. The margin is the 97.5 % bound of S plus the change of S since the
    stage before.

    Args:
        widths: The widths of the slopes.
        slopes: Slope at each stage of training, the last one last; at least one.
        seeds: How many seeds.
        settled: Whether training went far enough for a verdict.
        effort: What to do so that it does.
    """
    last = slopes[-1]
    # nan where a run was at the earlier stage from the start, so that nothing had moved
    change = (
        float(np.nan_to_num(abs(last.slope - slopes[-2].slope)))
        if len(slopes) > 1
        else 0.0
    )
    margin = last.bound + change
    if not settled:
        return Verdict("undetermined", margin, effort)
    if not np.isfinite(last.slope):
        return Verdict(
            "undetermined",
            np.nan,
            "the layer did not move, or its weights start at zero: RD has no slope",
        )
    if not np.isfinite(last.bound):
        return Verdict(
            "undetermined", np.nan, "the slope has no error: give more seeds"
        )
    word = _word(last.slope, margin)
    if word != "undetermined":
        return Verdict(word, margin)
    return Verdict(
        word, margin, _remedy(widths, last, change, seeds=seeds, effort=effort)
    )


def _word(slope: float, margin: float) -> Word:
    if slope + margin < -CLEAR:
        return "linear"
    if slope - margin > CLEAR:
        return "condensed"
    return "critical" if abs(slope) + margin < FLAT else "undetermined"


def _remedy(
    widths: Sequence[int], last: LogSlope, change: float, *, seeds: int, effort: str
) -> str:
    """What would bring the margin below what is missing."""
    size = abs(last.slope)
    room = size - CLEAR if size > CLEAR else FLAT - size
    low, high = min(widths), max(widths)
    if room <= 0.01:
        return (
            f"add widths up to {high * 4}: a slope of {last.slope:+.2f} is too "
            "near the critical line to tell"
        )
    if change > last.bound:
        return f"{effort}: the slope still changes with the loss"
    # One standard error more than the bound, so that the next estimate will do in five
    # cases of six.
    factor = (last.bound + last.se) / max(room - change, 1e-9)
    if last.limited_by == "seeds":
        needed = int(np.ceil(seeds * factor**2))
        if needed <= MOST_SEEDS:
            return (
                f"seeds={max(needed, seeds + 1)}: the scatter between seeds "
                "hides the slope"
            )
        why = "the scatter between seeds hides the slope"
    else:
        why = "log RD against log width is not a straight line yet"
    # The error of a slope falls in proportion to the range of log width.
    reach = min((high / low) ** (min(factor, 8.0) - 1), MOST_RANGE)
    count = max(len(widths) + 2, 5)
    return f"{count} widths up to about {max(2 * high, _round(high * reach))}: {why}"


def _round(width: float) -> int:
    """To two digits, as a person would choose it."""
    unit = 10 ** max(int(np.floor(np.log10(width))) - 1, 0)
    return int(np.ceil(width / unit) * unit)


def judge_model(roles: Sequence[str], verdicts: Sequence[Verdict]) -> Verdict:
    """The regime of the model: that of its hidden layers, those whose number of units
    is the width.

    Condensed if any of them is; linear if all are; critical if none is condensed, none
    undetermined, and one critical. A model without hidden layers is judged by all its
    layers.
    """
    hidden = [
        verdict
        for role, verdict in zip(roles, verdicts, strict=True)
        if role == "hidden"
    ] or list(verdicts)
    words = {verdict.regime for verdict in hidden}
    margin = max((verdict.margin for verdict in hidden), default=np.nan)
    if "condensed" in words:
        return Verdict("condensed", margin)
    if "undetermined" in words:
        remedies = [
            verdict.remedy for verdict in hidden if verdict.regime == "undetermined"
        ]
        return Verdict("undetermined", margin, remedies[0])
    return Verdict("critical" if "critical" in words else "linear", margin)

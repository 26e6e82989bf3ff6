"""How sure a share of draws and a mean over seeds are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from condensery._errors import InvalidInputError


@dataclass(frozen=True)
class Share:
    """A share of draws with its interval; as text ``17 of 30: 57 % (39 to 73)``.

    Attributes:
        hits: Draws that count.
        draws: All draws.
        value: hits/draws, from 0 to 1; nan without draws.
        low: Lower end of the interval.
        high: Upper end.
        confidence: Of the interval.
    """

    hits: int
    draws: int
    value: float
    low: float
    high: float
    confidence: float

    def __str__(self) -> str:
        count = f"{self.hits} of {self.draws}"
        if not self.draws:
            return count
        ends = f"{100 * self.low:.0f} to {100 * self.high:.0f}"
        return f"{count}: {100 * self.value:.0f} % ({ends})"


@dataclass(frozen=True)
class MeanDifference:
    """A mean of paired differences with its interval; as text ``+0.3 (−0.1 to 0.7)``.

    Attributes:
        pairs: n, how many.
        mean: Of first − second; nan without pairs.
        error: Standard error of the mean; nan of fewer than two pairs.
        low: Lower end of the interval; −inf of fewer than two pairs.
        high: Upper end; inf of fewer than two pairs.
        confidence: Of the interval.
    """

    pairs: int
    mean: float
    error: float
    low: float
    high: float
    confidence: float

    def __str__(self) -> str:
        text = f"{self.mean:+.3g} ({self.low:.3g} to {self.high:.3g})"
        return text.replace("-", "−")


def share(hits: Bool[np.ndarray, " draw"], *, confidence: float = 0.95) -> Share:
    """Share of draws that count, with Wilson's interval.

    A quantity with two humps (recovered or not, condensed or not) is reported so: its
    median jumps from one hump to the other, and the least of many draws falls with
    their number.

    Formula:
        With p = hits/n and z the normal quantile of (1 + confidence)/2,
        (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        hits: One truth value per draw; draws are independent.
        confidence: Of the interval, between 0 and 1.

    Returns:
        Value and interval, from 0 to 1; nan and all of [0, 1] without draws.

    Raises:
        InvalidInputError: Not one axis, no truth values, or a confidence outside (0,
            1).

    Source:
        Wilson 1927, J. Am. Stat. Assoc. 22, 209; 95 % is usual.

    Example:
        None of n draws: from 0 to z²/(n + z²), of 4 draws 3.84/7.84.

        >>> import numpy as np
        >>> from condensery.metrics import share
        >>> none = share(np.zeros(4, dtype=bool))
        >>> none.low, round(none.high, 3)
        (0.0, 0.49)
        >>> print(share(np.array([True, True, True, False])))
        3 of 4: 75 % (30 to 95)
    """
    from scipy.stats import binomtest

    counted = _checked("hits", hits, confidence)
    if counted.size and counted.dtype != np.bool_:
        raise InvalidInputError(
            "hits",
            given=f"numbers of type {counted.dtype}",
            allowed="truth values",
            remedy="compare them with a bound first, as in error < 1e-3",
        )
    total, n = int(counted.sum()), len(counted)
    if not n:
        return Share(total, n, np.nan, 0.0, 1.0, confidence)
    ends = binomtest(total, n).proportion_ci(confidence, method="wilson")
    low, high = float(ends.low), float(ends.high)
    return Share(total, n, total / n, low, high, confidence)


def mean_difference(
    first: Float[np.ndarray, " pair"],
    second: Float[np.ndarray, " pair"],
    *,
    confidence: float = 0.95,
) -> MeanDifference:
    """Mean of paired differences, with Student's interval.

    A difference of accuracies is judged by it: it is decided where the interval does
    not hold the bound.

    Formula:
        d = first − second, error = s/√n with s the standard deviation of d over n − 1,
        interval = mean(d) ± t · error, t Student's quantile with n − 1 degrees of
        freedom.

    Args:
        first: One number per pair, for example per seed.
        second: The same pairs.
        confidence: Of the interval, between 0 and 1.

    Returns:
        Mean and interval in the unit of the numbers.

    Raises:
        InvalidInputError: Lengths that differ, or a confidence outside (0, 1).

    Source:
        Student 1908, Biometrika 6, 1; 95 % is usual.

    Example:
        Differences of 0 and 2: mean 1, error 1, and t = 12.7 of one degree of freedom.

        >>> import numpy as np
        >>> from condensery.metrics import mean_difference
        >>> gain = mean_difference(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
        >>> gain.mean, gain.error, round(gain.low, 1), round(gain.high, 1)
        (1.0, 1.0, -11.7, 13.7)
    """
    from scipy.stats import t as student

    a = _checked("first", first, confidence)
    b = np.asarray(second)
    if a.shape != b.shape:
        raise InvalidInputError(
            "second",
            given=f"shape {b.shape}",
            allowed=f"the shape of first, {a.shape}",
            remedy="pair the numbers, for example by seed",
        )
    gains = a - b
    n = len(gains)
    mean = float(gains.mean()) if n else np.nan
    if n < 2:
        return MeanDifference(n, mean, np.nan, -np.inf, np.inf, confidence)
    error = float(gains.std(ddof=1) / np.sqrt(n))
    quantile = float(student.ppf((1 + confidence) / 2, n - 1))
    reach = quantile * error
    return MeanDifference(n, mean, error, mean - reach, mean + reach, confidence)


def _checked(name: str, values: np.ndarray, confidence: float) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise InvalidInputError(
            name,
            given=f"shape {array.shape}",
            allowed="one value per draw",
            remedy="flatten it if all draws are independent",
        )
    if not 0 < confidence < 1:
        raise InvalidInputError(
            "confidence",
            given=confidence,
            allowed="a number between 0 and 1",
            remedy="0.95 is usual",
        )
    return array

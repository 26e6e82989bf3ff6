"""Plateaus of a loss curve: where the loss hardly falls although training goes on, and
where it falls most slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from condensery._errors import InvalidInputError
from condensery.metrics._falls import Steps, check_one_loss_per_step

Scale = Literal["linear", "logarithmic"]
Difference = Literal["forward", "central"]


@dataclass(frozen=True)
class Plateau:
    """A stretch of training on which the loss stagnates.

    Attributes:
        first: Its first recorded step.
        last: Its last recorded step.
        decades: log10(last/first).
        loss: The loss in its middle (geometric mean of the losses at the recorded
            steps).
    """

    first: int
    last: int
    decades: float
    loss: float


def plateaus(
    steps: Steps,
    loss: Float[np.ndarray, " step"],
    *,
    slope: float = 0.02,
    decades: float = 0.3,
    skip: float = 1.0,
) -> list[Plateau]:
    """Maximal stretches of log t on which |d log10 R / d log10 t| < `slope`, if they
    span at least `decades`.

    Zhang et al. 2021 (arXiv 2105.14573, Sec. 5) look for intervals of very slow decay
    of the loss by eye; the two numbers are ours. The derivative is the difference
    quotient between successive recorded steps, so that it wants losses recorded at
    steps that are even in the logarithm (`condensery.engine.log_steps`).

    Args:
        steps: Recorded steps, increasing; those below `skip` are left out, since log 0
            is none.
        loss: The loss at them, in any unit. A stretch ends where it is not a positive
            number.
        slope: Largest |d log10 R / d log10 t|.
        decades: Least length in decades of the step.
        skip: First step that counts, at least 1.

    Returns:
        The plateaus, by their first step; empty if there is none or fewer than two
        steps.

    Raises:
        InvalidInputError: Lengths that differ, steps that do not increase, or slope,
            decades or skip not positive.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import plateaus
        >>> steps = np.array([0, 1, 10, 100, 1000, 10000])
        >>> [
        ...     (one.first, one.last)
        ...     for one in plateaus(steps, np.array([9.0, 5.0, 1.0, 1.0, 0.99, 0.1]))
        ... ]
        [(10, 1000)]
    """
    t, R = _curve(steps, loss)
    for name, value in (("slope", slope), ("decades", decades), ("skip", skip)):
        if not 0 < value < np.inf:
            raise InvalidInputError(
                name, given=value, allowed="a number > 0", remedy="use the default"
            )
    t, R = t[t >= skip], R[t >= skip]
    if len(t) < 2:
        return []
    usable = np.isfinite(R) & (R > 0)
    logs = np.log10(np.where(usable, R, 1.0))
    slow = (
        (np.abs(np.diff(logs)) < slope * np.diff(np.log10(t)))
        & usable[1:]
        & usable[:-1]
    )
    edges = np.flatnonzero(
        np.diff(np.concatenate([[False], slow, [False]]).astype(int))
    )
    rests = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        length = float(np.log10(t[end] / t[begin]))
        if length >= decades:
            middle = float(10 ** logs[begin : end + 1].mean())
            rests.append(Plateau(int(t[begin]), int(t[end]), length, middle))
    return rests


def slowest_fall(
    steps: Steps,
    loss: Float[np.ndarray, " step"],
    *,
    window: Bool[np.ndarray, " step"] | None = None,
    scale: Scale = "linear",
    difference: Difference = "forward",
) -> int | None:
    """Record in a window at which the loss falls most slowly: the middle of a plateau,
    however short.

    Formula:
        argmin over the window of −dR/dt (linear) or −d log R/d log t (logarithmic).
        Along a gradient flow −dR/dt = |∇R|², so that the first is the place of the
        least gradient; a power law t^−p has p everywhere on the second scale. A loss
        that rises falls less than one that stays.

    Args:
        steps: Recorded steps or times, increasing; above 0 on the logarithmic scale.
        loss: The loss at them, in any unit. On the logarithmic scale a loss that is not
            positive counts as the least positive number.
        window: The records that count; all of them without it.
        scale: Of the derivative.
        difference: ``"forward"``: to the next record, if that is in the window too.
            ``"central"``: of second order at the record, from its two neighbours, in
            the window or not.

    Returns:
        Index of the record, the first of equals; None where the window has none, and
        where no derivative in it is finite.

    Raises:
        InvalidInputError: Lengths that differ, steps that do not increase or, on the
            logarithmic scale, are not positive, an unknown scale or difference.

    Source:
        Zhang et al. 2021 (arXiv 2105.14573, Sec. 5) look for critical points where the
        loss decays very slowly; the measure is ours. See `plateaus` for stretches.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import slowest_fall
        >>> steps = np.array([1, 10, 20, 40])
        >>> loss = np.array([9.0, 5.0, 4.9, 1.0])
        >>> slowest_fall(steps, loss)
        1
        >>> slowest_fall(steps, loss, window=steps >= 20)
        2
    """
    t, R = _curve(steps, loss)
    count = len(t)
    inside = np.ones(count, dtype=bool) if window is None else np.asarray(window)
    _check_window(t, inside, scale, difference)
    if scale == "logarithmic":
        t = np.log(t)
        R = np.log(np.maximum(R, np.finfo(np.float64).tiny))
    if count < 2:
        return None
    if difference == "forward":
        inside = inside[:-1] & inside[1:]
        fall = -np.diff(R) / np.diff(t)
    else:
        fall = -np.gradient(R, t)
    counts = inside & np.isfinite(fall)
    if not counts.any():
        return None
    return int(np.where(counts, fall, np.inf).argmin())


def _check_window(
    t: Float[np.ndarray, " step"],
    inside: np.ndarray,
    scale: str,
    difference: str,
) -> None:
    if inside.shape != t.shape or inside.dtype != bool:
        raise InvalidInputError(
            "window",
            given=f"{inside.dtype} of shape {inside.shape}",
            allowed=f"a truth value for each of the {len(t)} steps",
            remedy="compare the steps or the losses with a bound",
        )
    if scale not in {"linear", "logarithmic"}:
        raise InvalidInputError(
            "scale",
            given=scale,
            allowed="linear, logarithmic",
            remedy="choose one of these",
        )
    if difference not in {"forward", "central"}:
        raise InvalidInputError(
            "difference",
            given=difference,
            allowed="forward, central",
            remedy="choose one of these",
        )
    if scale == "logarithmic" and (t <= 0).any():
        raise InvalidInputError(
            "steps",
            given=f"a step of {t.min():g}",
            allowed="steps above 0 on the logarithmic scale",
            remedy="leave out the start",
        )


def _curve(
    steps: Steps, loss: Float[np.ndarray, " step"]
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
    t, R = np.asarray(steps, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    check_one_loss_per_step(t, R)
    if (np.diff(t) <= 0).any() or not np.isfinite(t).all():
        raise InvalidInputError(
            "steps",
            given="steps out of order",
            allowed="increasing numbers",
            remedy="sort them",
        )
    return t, R

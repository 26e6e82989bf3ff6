"""Plateaus of a loss curve: where the loss hardly falls although training goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError


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
    steps: Int[np.ndarray, " step"] | Float[np.ndarray, " step"],
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
    t, R = np.asarray(steps, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    if t.ndim != 1 or t.shape != R.shape:
        raise InvalidInputError(
            "loss",
            given=f"shapes {t.shape} and {R.shape}",
            allowed="one loss per step",
            remedy="match their lengths",
        )
    if (np.diff(t) <= 0).any() or not np.isfinite(t).all():
        raise InvalidInputError(
            "steps",
            given="steps out of order",
            allowed="increasing numbers",
            remedy="sort them",
        )
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

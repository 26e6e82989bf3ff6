"""Where a loss curve falls, and which recorded steps lie near such places."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from condensery._errors import InvalidInputError

Steps = Int[np.ndarray, " step"] | Float[np.ndarray, " step"]
_WINDOW = 2


def check_one_loss_per_step(t: np.ndarray, R: np.ndarray) -> None:
    """Refuse steps and losses that do not belong together.

    Raises:
        InvalidInputError: They are no two lists of one length.
    """
    if t.ndim != 1 or t.shape != R.shape:
        raise InvalidInputError(
            "loss",
            given=f"shapes {t.shape} and {R.shape}",
            allowed="one loss per step",
            remedy="match their lengths",
        )


def falling(
    steps: Steps, loss: Float[np.ndarray, " step"], *, slope: float
) -> Bool[np.ndarray, " step"]:
    """Whether the loss falls at least as fast as a power at each recorded step.

    Formula:
        −d log R/d log t ≥ slope, the derivative by the least-squares line through the
        step, two recorded steps before it and two after it.

    Args:
        steps: Recorded steps, increasing; best even in the logarithm
            (`condensery.engine.log_steps`).
        loss: The loss at them, in any unit.
        slope: Least exponent.

    Returns:
        One truth value per recorded step; false at step 0, where the loss is not
        positive, and where fewer than three usable steps stand together.

    Raises:
        InvalidInputError: Lengths that differ.

    Source:
        By this project, beside the plateaus of Zhang et al. 2021, arXiv 2105.14573,
        Sec. 5 (see `plateaus`); five steps are the fewest that average the noise of a
        recorded loss.

    Example:
        R = 1/t falls with exponent 1 everywhere.

        >>> import numpy as np
        >>> from condensery.metrics import falling
        >>> steps = np.array([0, 1, 2, 4])
        >>> falling(steps, 1.0 / np.maximum(steps, 1), slope=0.9).tolist()
        [False, True, True, True]
    """
    t, R = np.asarray(steps), np.asarray(loss)
    check_one_loss_per_step(t, R)
    falls = np.zeros(
        len(t),
        dtype=bool,
    )
    usable = np.flatnonzero((t > 0) & (R > 0))
    log_t, log_r = np.log10(t[usable].astype(float)), np.log10(R[usable])
    for row, index in enumerate(usable):
        near = slice(max(0, row - _WINDOW), row + _WINDOW + 1)
        spread = log_t[near] - log_t[near].mean()
        if len(spread) > 2:
            exponent = -(spread @ log_r[near]) / (spread @ spread)
            falls[index] = exponent >= slope
    return falls


def within_decades(
    steps: Steps, marked: Bool[np.ndarray, " step"], *, decades: float
) -> Bool[np.ndarray, " step"]:
    """Whether each recorded step lies within some decades of a marked step.

    Args:
        steps: Recorded steps, increasing.
        marked: Which steps are marked, for example by `falling`.
        decades: Largest |log10(t/t')| to a marked step t'.

    Returns:
        One truth value per recorded step; false at step 0, and everywhere if no step is
        marked.

    Raises:
        InvalidInputError: Lengths that differ.

    Source:
        By this project.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import within_decades
        >>> marked = np.array([False, False, True, False])
        >>> within_decades(np.array([0, 1, 10, 30]), marked, decades=0.5).tolist()
        [False, False, True, True]
    """
    t, chosen = np.asarray(steps), np.asarray(marked)
    if t.ndim != 1 or t.shape != chosen.shape:
        raise InvalidInputError(
            "marked",
            given=f"shapes {t.shape} and {chosen.shape}",
            allowed="one truth value per step",
            remedy="match their lengths",
        )
    if not chosen.any():
        return np.zeros(
            len(t),
            dtype=bool,
        )
    at = np.log10(np.maximum(t, 1).astype(float))
    gaps = np.abs(at[:, None] - at[chosen]).min(
        axis=1,
    )
    return (gaps <= decades) & (t > 0)

"""How spectra of Hessians are shown: over the largest eigenvalue, against their rank,
on an axis that is logarithmic on both sides of zero.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from condensery.charts import Axis, Guide, Look

BAND = 1e-9
"""Share of the largest eigenvalue below which one counts as zero; the axis is linear
within it.
"""

ZEROS = Guide(y=(-BAND, BAND), look=Look(colour="grey", alpha=0.25))
"""The band of what counts as zero."""

COUNTS = "$(n_-, n_0, n_+)$"
"""What the legend's numbers mean."""

TICKS = {
    "$-1$": -1.0,
    "$-10^{-3}$": -1e-3,
    "$-10^{-6}$": -1e-6,
    "0": 0.0,
    "$10^{-6}$": 1e-6,
    "$10^{-3}$": 1e-3,
    "1": 1.0,
}


def eigenvalue_axis(highest: float, *, label: bool) -> Axis:
    """The axis of eigenvalues over the largest one.

    Args:
        highest: Upper end, which leaves room for the legend.
        label: Whether the axis is labelled; one panel of a row is enough.
    """
    return Axis(
        label="eigenvalue / largest" if label else "",
        scale="symlog",
        threshold=BAND,
        limits=(-10.0, highest),
        ticks=TICKS,
    )


def over_largest(eigenvalues: np.ndarray) -> np.ndarray:
    """Eigenvalues ascending, over the largest in absolute value.

    Example:
        >>> over_largest(np.array([4.0, -2.0]))
        array([-0.5,  1. ])
    """
    ascending = np.sort(eigenvalues)
    return ascending / np.abs(ascending).max()


def counts_text(counts: Iterable[int]) -> str:
    """Numbers of negative, zero and positive eigenvalues, as a legend has them.

    Example:
        >>> counts_text([1, 0, 2])
        '(1, 0, 2)'
    """
    numbers = ", ".join(str(int(count)) for count in counts)
    return f"({numbers})"

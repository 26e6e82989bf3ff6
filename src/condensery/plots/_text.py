"""Numbers as they stand in figures, and the ink they are printed with."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Colormap

from condensery.plots._style import INK, PAPER

_DARK = 0.25
"""Relative luminance below which white stands out more than black."""


def short(value: float) -> str:
    """Two decimals without the leading zero, one from 1 upwards.

    Example:
        >>> short(-0.4), short(0.054), short(-1.25), short(-0.001)
        ('−.40', '.05', '−1.2', '.00')
    """
    decimals = 2 if abs(value) < 0.995 else 1
    # adding 0 turns a negative zero into a positive one
    rounded = round(value, decimals) + 0.0
    shown = f"{rounded:.{decimals}f}"
    if decimals == 2:
        shown = shown.replace("0.", ".", 1)
    return shown.replace("-", "−")


def ink_on(cmap: Colormap, fraction: float) -> str:
    """Black or white, whichever stands out on the colour at `fraction` of the map."""
    red, green, blue, _ = cmap(
        float(
            np.clip(
                fraction,
                0.0,
                1.0,
            )
        )
    )
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return PAPER if luminance < _DARK else INK

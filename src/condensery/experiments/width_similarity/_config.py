"""Parameters of width-similarity, and the numbers that its statements speak of."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from condensery.declare import Count, Positive, Settings

ONE, TWO = 0.10902, 0.06979
"""The best losses of widths 1 and 2."""
NEAR = 0.1
"""Relative deviation up to which a plateau is at a level."""
LONG_ENOUGH = 100_000
"""Steps of Adam after which the widest net is expected to have fitted the data."""
X = np.linspace(-15, 15, 201)
Name = Literal["descent", "adam"]
Widths = tuple[int, ...]


class Config(Settings):
    """Parameters of width-similarity."""

    widths: Widths = Field(default=(1, 2, 3, 5, 10, 50, 500), min_length=1)
    """Widths of the trained nets; all parameters start from N(0, max(m, 2)^−3)."""
    seeds: int = Field(default=1, ge=1, le=1000)
    """Runs per width and optimiser."""
    rate: Positive = 0.004
    """Learning rate of full-batch gradient descent on the mean square (stable below
    .0043 here).
    """
    steps: Count = 100_000
    """Steps of gradient descent."""
    adam_rate: Positive = 1e-3
    """Learning rate of Adam."""
    adam_steps: Count = 60_000
    """Steps of Adam."""
    starts: int = Field(default=64, ge=4)
    """Starts of the search for critical points of widths 1, 2 and 3."""
    escape_widths: Widths = Field(default=(2, 3, 5), min_length=1)
    """Widths into which the width-1 point is embedded by equal copies."""
    escape_seeds: int = Field(default=20, ge=1, le=10_000)
    """Escapes per width."""
    escape_steps: Count = 400_000
    """Steps of gradient descent after which an escape is given up."""
    noise: Positive = 0.01
    """Standard deviation of the push at its start."""

    @property
    def is_wide(self) -> bool:
        """Whether the widest net is as wide as the statements mean."""
        return max(self.widths) >= 50

"""Parameters of embedding-width."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from condensery.declare import Count, Positive, Settings

FRACTIONS = (
    (1.0,),
    (0.5, 0.5),
    (1 / 3, 1 / 3, 1 / 3),
    (1.5, -0.5),
)
"""The splits of the published tables: none, two and three equal copies, and one with a
negative share.
"""

NAMES = (
    "none",
    "2 equal",
    "3 equal",
    "1.5, −0.5",
)

COUNTS = ("negative", "zero", "positive")

Starts = Annotated[
    int,
    Field(ge=8, le=100_000),
]
Thousand = Annotated[
    int,
    Field(ge=1, le=1000),
]
Widths = Annotated[tuple[int, ...], Field(min_length=1)]


class Config(Settings):
    """Parameters of embedding-width."""

    starts: Starts = 128
    """Random starts of the search for critical points of each width."""
    iris_starts: Starts = 128
    """The same for the net with three outputs."""
    widths: Widths = (1, 2, 3, 5, 10, 20, 50, 100, 200)
    """Widths into which the width-1 point is embedded by equal copies."""
    dense_up_to: Thousand = 20
    """Up to this width the prediction is compared with the dense Hessian."""
    escape_widths: Widths = (2, 3, 5)
    """Widths of the escapes from the embedded width-1 point."""
    escape_seeds: Thousand = 4
    """How many escapes per width."""
    escape_steps: Count = 400_000
    """Most steps of an escape."""
    rate: float = Field(default=1.0, gt=0.0, lt=2.0)
    """Its learning rate times the largest eigenvalue of the Hessian where it starts;
    stable below 2.
    """
    noise: Positive = 1e-3
    """Standard deviation of the push at its start."""

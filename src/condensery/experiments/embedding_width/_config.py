"""Parameters of embedding-width."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from condensery.declare import Positive, Settings

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

Shares = Literal["equal", "random"]

RATES: dict[Shares, float] = {"equal": 0.004, "random": 0.001}
"""Learning rate per unit of the escapes: a copy with a large share bears a small
one.
"""

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
    deep: Thousand = 8
    """Nets of two hidden layers that are embedded, by every kind of embedding."""
    widths: Widths = (1, 2, 3, 5, 10, 20, 50, 100, 200)
    """Widths into which the width-1 point is embedded by equal copies."""
    dense_up_to: Thousand = 20
    """Up to this width the prediction is compared with the dense Hessian."""
    escape_widths: Widths = (1, 2, 3, 5, 10, 20)
    """Widths of the escapes from the embedded width-1 point."""
    escape_seeds: Thousand = 8
    """How many escapes per width and kind of shares."""
    escape_time: Positive = 400.0
    """Mean-field time (steps times the rate per unit) after which a net stays."""
    noise: Positive = 0.01
    """Standard deviation of the push that every number of a unit gets at the start."""

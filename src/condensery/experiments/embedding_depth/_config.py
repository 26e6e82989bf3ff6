"""Parameters of embedding-depth."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from condensery.declare import Count, Settings

Hundred = Annotated[
    int,
    Field(ge=1, le=100),
]
Widths = Annotated[tuple[int, ...], Field(min_length=1)]
Sizes = Annotated[tuple[int, ...], Field(min_length=2)]

ACTIVATIONS = ("relu", "hardtanh", "gelu")
"""All have an affine piece, gelu one to the last bit."""

LINEAR = 0.999
"""A layer whose least linear unit has at least this correlation counts as linear (and
can be pruned by a fit).
"""


class Config(Settings):
    """Parameters of embedding-depth."""

    points: Hundred = 3
    """Critical points per activation, at most: so many minima on demo-c, and so many
    made by their targets.
    """
    starts: int = Field(default=40, ge=1, le=10_000)
    """Random starts from which the minima are looked for."""
    lift_widths: Widths = (2, 3)
    """Units of the inserted layer."""
    samples: Sizes = (5, 10, 20, 40)
    """Sizes of the data (points of demo-c); the largest is also that of the other
    comparisons.
    """
    width: int = Field(default=20, ge=1, le=1000)
    """Units of every hidden layer of the trained tanh nets, which have three."""
    steps: int = Field(default=8_000, ge=10)
    """Full-batch steps of Adam at rate 1e-3."""
    seeds: Hundred = 3
    """Nets per setting."""
    retrain: Count = 200
    """Steps of the pruned nets, and of the deep ones beside them."""

    @property
    def most(self) -> int:
        """The largest number of samples."""
        return max(self.samples)

    @property
    def trained(self) -> list[tuple[int, int, bool]]:
        """(hidden layers, samples, batch norm) of the trained nets."""
        deep = [(3, samples, False) for samples in sorted(self.samples)]
        return [
            *deep,
            (1, self.most, False),
            (2, self.most, False),
            (3, min(self.samples), True),
            (3, self.most, True),
        ]

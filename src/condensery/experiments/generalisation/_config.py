"""Parameters of generalisation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from condensery.declare import Count, Positive, Settings

Numbers = Annotated[tuple[int, ...], Field(min_length=1)]


class Config(Settings):
    """Parameters of generalisation."""

    features: int = Field(
        default=3,
        ge=1,
        le=50,
    )
    """d, inputs x ~ N(0, I)."""
    units: Numbers = (1, 2)
    """Intrinsic widths k of the targets, each a sum of k tanh units of norm 2 without
    bias.
    """
    samples: Numbers = (2, 3, 4, 5, 6, 8, 10, 12, 16)
    """Numbers of training samples n."""
    widths: Numbers = (2, 8, 32)
    """Widths of the trained nets."""
    scales: tuple[float, ...] = Field(default=(1.0, 0.3, 0.1, 0.001), min_length=1)
    """Standard deviations of all initial weights."""
    seeds: int = Field(
        default=3,
        ge=1,
        le=1000,
    )
    """Data sets and initialisations per cell."""
    steps: Count = 50_000
    """Steps of full-batch gradient descent on the mean square, at most."""
    rate: Positive = 0.04
    """Learning rate."""
    stop: Positive = 1e-7
    """Training loss at which a net counts as fitted, over the mean square of the
    targets.
    """
    recovered: Positive = 1e-3
    """Test error, over the mean square of the target, below which the target counts as
    recovered.
    """

    def optimistic(self, units: int) -> int:
        """O = k(d + 1), the optimistic sample size of a sum of k tanh units without
        bias.
        """
        return units * (self.features + 1)

"""What generalisation can be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """What generalisation can be told.

    Attributes:
        features: d, inputs x ~ N(0, I).
        units: Intrinsic widths k of the targets, each a sum of k tanh units of norm 2
            without bias.
        samples: Numbers of training samples n.
        widths: Widths of the trained nets.
        scales: Standard deviations of all initial weights.
        seeds: Data sets and initialisations per cell.
        steps: Most steps of full-batch gradient descent on the mean square.
        rate: Its learning rate.
        stop: Training loss at which a net counts as fitted, over the mean square of the
            targets.
        recovered: Test error, over the mean square of the target, below which the
            target counts as recovered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: int = Field(default=3, ge=1, le=50)
    units: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    samples: tuple[int, ...] = Field(
        default=(2, 3, 4, 5, 6, 8, 10, 12, 16), min_length=1
    )
    widths: tuple[int, ...] = Field(default=(2, 8, 32), min_length=1)
    scales: tuple[float, ...] = Field(default=(1.0, 0.3, 0.1, 0.001), min_length=1)
    seeds: int = Field(default=3, ge=1, le=1000)
    steps: int = Field(default=50_000, ge=1)
    rate: float = Field(default=0.04, gt=0.0, allow_inf_nan=False)
    stop: float = Field(default=1e-7, gt=0.0, allow_inf_nan=False)
    recovered: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)

    def optimistic(self, units: int) -> int:
        """O = k(d + 1), the optimistic sample size of a sum of k tanh units without
        bias.
        """
        return units * (self.features + 1)

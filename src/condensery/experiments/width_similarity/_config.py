"""What width-similarity can be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """What width-similarity can be told.

    Attributes:
        widths: Widths of the trained nets; all parameters start from N(0, max(m,
            2)^−3).
        seeds: Runs per width and optimiser.
        rate: Learning rate of full-batch gradient descent on the mean square (stable
            below .0043 here).
        steps: Its steps.
        adam_rate: Learning rate of Adam.
        adam_steps: Its steps.
        starts: From how many places critical points of widths 1, 2 and 3 are searched.
        escape_widths: Widths into which the width-1 point is embedded by equal copies.
        escape_seeds: Escapes per width.
        escape_steps: Most steps of gradient descent of one escape.
        noise: Standard deviation of the push at its start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = Field(default=(1, 2, 3, 5, 10, 50, 500), min_length=1)
    seeds: int = Field(default=1, ge=1, le=1000)
    rate: float = Field(default=0.004, gt=0.0, allow_inf_nan=False)
    steps: int = Field(default=100_000, ge=1)
    adam_rate: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)
    adam_steps: int = Field(default=60_000, ge=1)
    starts: int = Field(default=64, ge=4)
    escape_widths: tuple[int, ...] = Field(default=(2, 3, 5), min_length=1)
    escape_seeds: int = Field(default=20, ge=1, le=10_000)
    escape_steps: int = Field(default=400_000, ge=1)
    noise: float = Field(default=0.01, gt=0.0, allow_inf_nan=False)

    @property
    def is_wide(self) -> bool:
        """Whether the widest net is as wide as the statements mean."""
        return max(self.widths) >= 50

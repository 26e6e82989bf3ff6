"""What embedding-width can be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

FRACTIONS = ((1.0,), (0.5, 0.5), (1 / 3, 1 / 3, 1 / 3), (1.5, -0.5))
"""The splits of the published tables: none, two and three equal copies, and one with a
negative share.
"""

NAMES = ("none", "2 equal", "3 equal", "1.5, −0.5")


class Config(BaseModel):
    """What embedding-width can be told.

    Attributes:
        starts: From how many random places critical points of each width are searched.
        iris_starts: The same for the net with three outputs.
        widths: Widths into which the width-1 point is embedded by equal copies.
        dense_up_to: Up to this width the prediction is compared with the dense Hessian.
        escape_widths: Widths of the escapes from the embedded width-1 point.
        escape_seeds: How many escapes per width.
        escape_steps: Most steps of an escape.
        rate: Its learning rate times the largest eigenvalue of the Hessian where it
            starts; stable below 2.
        noise: Standard deviation of the push at its start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts: int = Field(default=128, ge=8, le=100_000)
    iris_starts: int = Field(default=128, ge=8, le=100_000)
    widths: tuple[int, ...] = Field(
        default=(1, 2, 3, 5, 10, 20, 50, 100, 200), min_length=1
    )
    dense_up_to: int = Field(default=20, ge=1, le=1000)
    escape_widths: tuple[int, ...] = Field(default=(2, 3, 5), min_length=1)
    escape_seeds: int = Field(default=4, ge=1, le=1000)
    escape_steps: int = Field(default=400_000, ge=1)
    rate: float = Field(default=1.0, gt=0.0, lt=2.0)
    noise: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)

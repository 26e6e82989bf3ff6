"""What critical-census can be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """What critical-census can be told.

    Attributes:
        widths: Widths of the nets, increasing.
        starts: From how many random places critical points of each width are searched;
            half of them by steps that lower the loss first, half by steps that lower
            the gradient alone.
        blocks: Into how many tasks the starts of a width are cut.
        steps: Most steps of each kind per start.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = Field(default=(1, 2, 3), min_length=1)
    starts: int = Field(default=512, ge=4, le=1_000_000)
    blocks: int = Field(default=1, ge=1, le=1000)
    steps: int = Field(default=300, ge=1)

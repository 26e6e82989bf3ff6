"""Parameters of dropout-regulariser."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from condensery.declare import Count, Positive, Settings, Share


class Config(Settings):
    """Parameters of dropout-regulariser."""

    keep: Share = 0.9
    """The keep probability p of the modified flow and of the two-unit pictures, in
    (0, 1].
    """
    keeps: Annotated[tuple[float, ...], Field(min_length=1)] = (
        *(0.3, 0.5, 0.6, 0.7),
        *(0.8, 0.9, 0.95),
    )
    """Values of p at which R1 is compared with all masks, each in (0, 1)."""
    nets: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
        ),
    ] = 3
    """Random nets of every kind (ReLU and tanh, two and three layers, one and three
    outputs).
    """
    masks: Annotated[int, Field(ge=2)] = 20_000
    """Masks drawn for the averages (the source takes 3000)."""
    rate: Positive = 0.01
    """The learning rate ε of R2."""
    picture_rate: Positive = 0.05
    """Learning rate of the two-unit pictures."""
    picture_steps: Count = 20_000
    """Steps of the two-unit pictures."""
    seed: Annotated[int, Field(ge=0)] = 0
    """First seed of nets and masks."""

    @field_validator("keeps")
    @classmethod
    def _inside(cls, keeps: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.0 < p < 1.0 for p in keeps) or len(set(keeps)) < len(keeps):
            raise ValueError("different numbers with 0 < p < 1")
        return keeps

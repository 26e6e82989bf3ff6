"""The parameters of critical-census."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from condensery.declare import Count, Settings


class Config(Settings):
    """Parameters of critical-census."""

    widths: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    """Widths of the nets, increasing."""
    starts: Annotated[
        int,
        Field(
            ge=4,
            le=1_000_000,
        ),
    ] = 512
    """Random starts of the search for critical points of each width; half of them take
    steps that lower the loss first, half steps that lower the gradient alone.
    """
    blocks: Annotated[int, Field(ge=1, le=1000)] = 1
    """Into how many tasks the starts of a width are cut."""
    steps: Count = 300
    """Most steps of each kind per start."""
    train_seeds: Annotated[int, Field(ge=0, le=100_000)] = 200
    """Nets of each width that are trained from the published start, N(0, m⁻³)."""
    train_steps: Count = 30_000
    """Steps of gradient descent of each."""

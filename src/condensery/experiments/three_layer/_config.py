"""Parameters of the three-layer phase diagram."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from condensery.declare import Count, Settings

SHOWN_GAMMAS = (1.0, 1.5, 2.0)
"""γ₃ of the paper's Fig. 2: scatter unchanged, between, condensed."""

FEW = 0.5
"""Share of the orientations at the start from which on they are few, as at γ₂ = 0,
γ₃ = 2 of Fig. 2.
"""

Seeds = Annotated[int, Field(ge=1, le=1000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Config(Settings):
    """Parameters of phase-diagram-three-layer.

    The paper (Zhou et al. 2022) gives the model, the data's size (four points, d = 1),
    the order parameters, γ₃ = 1, 1.5, 2 and 0.9, 1.5, 2.1 at γ₂ = 0, and widths up to
    10⁴. The grid, the orientation of γ₂, the points themselves, the stopping rule and
    the seeds are choices made here.
    """

    gamma2s: tuple[Finite, ...] = Field(
        default=(-0.5, 0.0, 0.5, 1.0),
        min_length=1,
    )
    """Values of the phase coordinate γ₂, κ₂ = β₂/β₁ = m^−γ₂ with β₃ = β₂."""
    gamma3s: tuple[Finite, ...] = Field(
        default=(0.9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.0, 3.3), min_length=1
    )
    """Values of the phase coordinate γ₃, κ₃ = β₁β₂β₃/α = m^−γ₃."""
    widths: tuple[int, ...] = Field(default=(100, 200, 400), min_length=2)
    """Widths whose relative distances give the slopes, at least two."""
    seeds: Seeds = 3
    """Runs per cell and width."""
    row_seeds: Seeds = 8
    """Runs per cell and width in the row γ₂ = 0, which the claims are about; at least
    `seeds`.
    """
    shown_width: Count = 400
    """Width whose outputs and neurons are drawn."""
    eta: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        allow_inf_nan=False,
    )
    """Step parameter of the flow."""
    target_loss: float = Field(
        default=1e-6,
        gt=0,
        allow_inf_nan=False,
    )
    """Mean square at which training stops."""
    max_steps: Count = 20_000
    """Steps after which a member is given up."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if any(width < 1 for width in self.widths):
            raise ValueError("widths must be whole numbers >= 1")
        for name in ("gamma2s", "gamma3s", "widths"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must differ from one another")
        if any(abs(value) > 10 for value in (*self.gamma2s, *self.gamma3s)):
            raise ValueError("gamma2s and gamma3s must lie within -10 and 10")
        if self.row_seeds < self.seeds:
            raise ValueError("row_seeds must be at least seeds")
        return self


def shown_gammas(config: Config) -> list[float]:
    """At most five γ₃ of the row γ₂ = 0, evenly chosen; none where it is not run."""
    if 0.0 not in config.gamma2s:
        return []
    gammas = sorted(config.gamma3s)
    count = min(5, len(gammas))
    chosen = np.linspace(0, len(gammas) - 1, count).round().astype(int)
    return [gammas[index] for index in np.unique(chosen)]

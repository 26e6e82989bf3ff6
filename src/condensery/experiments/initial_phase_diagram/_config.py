"""Parameters of the phase diagram of initial condensation."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from condensery.declare import Count, Distinct, Settings
from condensery.theory import ACTIVATION_NAMES, activation_facts

Seeds = Annotated[int, Field(ge=1, le=1000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Coordinates = Annotated[
    tuple[Finite, ...],
    Field(min_length=1),
    Distinct,
]
Numbers = tuple[float, ...]
Widths = Annotated[
    tuple[int, ...],
    Field(min_length=2),
    Distinct,
]


class Config(Settings):
    """Parameters of initial-phase-diagram."""

    gammas: Coordinates = (1.0, 1.5, 2.0, 2.5, 3.0)
    """Values of the phase coordinate γ of the map, at least 1: below, the output is not
    small at the start.
    """
    gamma_primes: Coordinates = (-1.0, -0.5, 0.0, 0.5, 1.0)
    """Values of the phase coordinate γ' of the map."""
    widths: Widths = (100, 300, 1000, 3000)
    """Widths of the map, at least two."""
    row_widths: Widths = (100, 300, 1000, 3000, 10_000)
    """Widths of the cells that are followed, at least two."""
    seeds: Seeds = 1
    """Runs per cell and width of the map."""
    row_seeds: Seeds = 3
    """Runs per width of the cells that are followed."""
    activation: str = "tanh"
    """Name of an activation; the predictions are for tanh, sin, hardtanh and linear,
    where σ(0) = 0 and σ'(0) = 1.
    """
    drop: float = Field(default=0.1, gt=0.0, lt=1.0, allow_inf_nan=False)
    """Share of the loss by whose fall the initial stage is over."""
    max_steps: Count = 20_000
    """Steps after which a member is given up."""

    @field_validator("activation")
    @classmethod
    def _registered(cls, name: str) -> str:
        if name not in ACTIVATION_NAMES:
            raise ValueError(f"one of {', '.join(ACTIVATION_NAMES)}")
        return name

    @field_validator("widths", "row_widths")
    @classmethod
    def _units(cls, widths: Widths) -> Widths:
        narrowest, widest = min(widths), max(widths)
        if narrowest < 2 or widest > 10_000_000:
            raise ValueError("whole numbers from 2 to 10,000,000")
        return widths

    @field_validator("gammas", "gamma_primes")
    @classmethod
    def _within(cls, values: Numbers, info: Any) -> Numbers:
        least = 1.0 if info.field_name == "gammas" else -5.0
        smallest, largest = min(values), max(values)
        if smallest < least or largest > 5.0:
            raise ValueError(f"numbers from {least:g} to 5")
        return values


def theorem_applies(config: Config) -> bool:
    """Whether the closed forms are for this activation: σ(0) = 0 and σ'(0) = 1."""
    facts = activation_facts(config.activation)
    expansion = facts.value_at_zero, facts.leading_derivative, facts.multiplicity
    return expansion == (0.0, 1.0, 1)

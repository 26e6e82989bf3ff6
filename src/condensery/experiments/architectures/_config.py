"""The parameters of architectures."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from condensery.declare import Count, Settings

Kind = Literal["mlp", "cnn", "residual", "transformer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LAYERS: dict[str, tuple[str, ...]] = {
    "mlp": ("first", "second"),
    "cnn": ("kernels_1", "kernels_2", "dense"),
    "residual": ("embed", "block_1", "block_2"),
    "transformer": ("queries", "keys", "values", "rows", "heads"),
}
"""The layers that `condensery.models.ImageNet.rows` gives, in its order."""


class Config(Settings):
    """Parameters of architectures."""

    kinds: tuple[Kind, ...] = Field(default=KINDS, min_length=1)
    """Which networks."""
    exponents: tuple[float, ...] = Field(
        default=(0.5, 0.75, 1.0),
        min_length=1,
    )
    """Every weight starts from N(0, std²) with std = d^−exponent, d the number of its
    inputs; ½ is LeCun's scale.
    """
    keeps: tuple[float, ...] = Field(
        default=(1.0, 0.8),
        min_length=1,
    )
    """Keep probabilities of dropout on every hidden layer; 1 is none."""
    decays: tuple[float, ...] = Field(
        default=(0.0, 0.3),
        min_length=1,
    )
    """Decoupled weight decay of Adam."""
    seeds: int = Field(default=1, ge=1, le=1000)
    """Runs per setting."""
    samples: int = Field(default=800, ge=10, le=1700)
    """Digits to train on; the others are for testing."""
    steps: Count = 1000
    """Steps of Adam."""
    batch_size: Count = 64
    """Digits per step."""
    rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    """Learning rate."""

    @model_validator(mode="after")
    def _sensible(self) -> Config:
        for name in ("kinds", "exponents", "keeps", "decays"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must differ from one another")
        if not all(0 < keep <= 1 for keep in self.keeps):
            raise ValueError("keeps must be probabilities 0 < p <= 1")
        if not all(0 <= decay < 100 for decay in self.decays):
            raise ValueError("decays must lie within 0 and 100")
        if not all(abs(exponent) <= 5 for exponent in self.exponents):
            raise ValueError("exponents must lie within -5 and 5")
        if self.batch_size > self.samples:
            raise ValueError("batch_size must not exceed samples")
        return self

    @property
    def settings(self) -> list[tuple[float, float, float]]:
        """Exponent, keep probability and weight decay, from large scales on."""
        return [
            (exponent, keep, decay)
            for exponent in sorted(self.exponents)
            for keep in sorted(self.keeps, reverse=True)
            for decay in sorted(self.decays)
        ]

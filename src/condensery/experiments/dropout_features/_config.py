"""The configuration, and the two targets with what is expected of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

TargetName = Literal["tanh", "relu"]
Kind = Literal["plain", "dropout", "batches"]

REACH = {"tanh": 12.0, "relu": 1.5}
"""The samples are even on [−reach, reach]."""
PREDICTED = {
    "tanh": tuple(
        sign * float(np.arctan2(6.0, side)) for sign in (1, -1) for side in (1.0, -1.0)
    ),
    "relu": (float(np.arctan2(-1 / 3, 1.0)), float(np.arctan2(-1 / 3, -1.0))),
}
"""Orientations of the units of which the targets are made: ±1.406, ±1.736 (tanh is
odd), and −0.322, −2.820.
"""


def target(name: TargetName, x: np.ndarray) -> np.ndarray:
    """tanh(x − 6) + tanh(x + 6), or ½ ReLU(−x − 1/3) + ½ ReLU(x − 1/3)."""
    if name == "tanh":
        return np.tanh(x - 6) + np.tanh(x + 6)
    return np.maximum(-x - 1 / 3, 0) / 2 + np.maximum(x - 1 / 3, 0) / 2


class Config(BaseModel):
    """What dropout-features can be told.

    Attributes:
        keep: The keep probability p in (0, 1]; dropout acts after every hidden layer,
            with a mask per sample.
        targets: Which of the two.
        width: Units of the two-layer nets.
        deep_width: Units of each hidden layer of the three-layer nets; 0 leaves them
            out.
        init_exponent: All parameters start from N(0, std²) with std =
            width^−init_exponent (0.1: the linear regime).
        samples: Points of data (the source does not say how many; about 15 are seen in
            its figures).
        rate: Learning rate of Adam, full batch.
        steps: Steps of the two-layer fits.
        deep_steps: Steps of the three-layer fits.
        switch_steps: Steps on R_S before the switch, and steps after it.
        batch_size: Of the control by mini-batches without dropout.
        batch_rate: Its learning rate (plain gradient descent).
        vector_keep: p of the fit in more dimensions, a two-layer tanh net on tanh(Σ
            x_i).
        vector_inputs: Its inputs, without the constant one.
        vector_width: Its units.
        vector_samples: Its samples.
        vector_steps: Its steps by Adam at `rate`, the last third at a tenth of it. The
            source does not say how many; after 300,000 the directions of some pairs of
            units are still nearly 60 degrees apart.
        seeds: How many runs of everything, with seeds 0, 1, ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    keep: float = Field(default=0.9, gt=0.0, le=1.0)
    targets: tuple[TargetName, ...] = Field(default=("tanh", "relu"), min_length=1)
    width: int = Field(default=1000, ge=2, le=100_000)
    deep_width: int = Field(default=200, ge=0, le=10_000)
    init_exponent: float = Field(default=0.1, ge=0.0, le=10.0)
    samples: int = Field(default=15, ge=3)
    rate: float = Field(default=1e-3, gt=0.0)
    steps: int = Field(default=150_000, ge=1)
    deep_steps: int = Field(default=80_000, ge=1)
    switch_steps: tuple[int, int] = (60_000, 120_000)
    batch_size: int = Field(default=2, ge=1)
    batch_rate: float = Field(default=1e-3, gt=0.0)
    vector_keep: float = Field(default=0.5, gt=0.0, le=1.0)
    vector_inputs: int = Field(default=10, ge=1, le=1000)
    vector_width: int = Field(default=100, ge=2, le=2000)
    vector_samples: int = Field(default=30, ge=1)
    vector_steps: int = Field(default=1_000_000, ge=3)
    seeds: int = Field(default=1, ge=1, le=1000)

    @property
    def is_reference(self) -> bool:
        """Whether the statements are about this setting, and long enough to see
        them.
        """
        setting = (
            self.keep,
            self.init_exponent,
            self.samples,
            self.rate,
            self.batch_size,
            self.batch_rate,
        )
        sizes = (
            self.width >= 1000
            and self.steps >= 100_000
            and self.switch_steps[1] >= 100_000
        )
        return setting == (0.9, 0.1, 15, 1e-3, 2, 1e-3) and sizes

    @property
    def is_deep_reference(self) -> bool:
        """The same of the three-layer nets."""
        return (
            self.is_reference and self.deep_width >= 200 and self.deep_steps >= 80_000
        )

    @property
    def is_vector_reference(self) -> bool:
        """The same of the fit in ten dimensions."""
        setting = (
            self.vector_keep,
            self.vector_inputs,
            self.vector_width,
            self.vector_samples,
        )
        known = (self.init_exponent, self.rate) == (
            0.1,
            1e-3,
        ) and self.vector_steps >= 1_000_000
        return known and setting == (0.5, 10, 100, 30)


@dataclass(frozen=True)
class Fit:
    """One way of training one net."""

    target: TargetName
    layers: int
    kind: Kind


def fits(config: Config) -> Iterator[Fit]:
    """All fits of a configuration, in the order of their tasks."""
    for name in config.targets:
        for layers in (2, 3) if config.deep_width else (2,):
            for kind in ("plain", "dropout"):
                yield Fit(name, layers, kind)
    yield Fit(config.targets[0], 2, "batches")


def parameters_of(config: Config, fit: Fit) -> dict[str, JsonValue]:
    """What `train` is told."""
    deep, noisy = fit.layers == 3, fit.kind == "batches"
    return {
        "target": fit.target,
        "layers": fit.layers,
        "kind": fit.kind,
        "keep": config.keep if fit.kind == "dropout" else 1.0,
        "samples": config.samples,
        "width": config.deep_width if deep else config.width,
        "init_exponent": config.init_exponent,
        "steps": config.deep_steps if deep else config.steps,
        "rate": config.batch_rate if noisy else config.rate,
        "batch_size": config.batch_size if noisy else None,
        "count": config.seeds,
    }

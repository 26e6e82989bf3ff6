"""The configuration, and the two targets with what is expected of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from condensery.declare import (
    Count,
    Exponent,
    Positive,
    Settings,
    Share,
    exactly,
    needs,
    no_less,
)

TargetName = Literal["tanh", "relu"]
Kind = Literal["plain", "dropout", "batches"]
KINDS: tuple[Kind, ...] = ("plain", "dropout")

REACH = {"tanh": 12.0, "relu": 1.5}
"""The samples are even on [−reach, reach]."""

FINE = 481
"""Number of abscissas on which outputs are drawn."""

_UNITS = {
    "tanh": [(6.0, 1.0), (6.0, -1.0)],
    "relu": [(-1 / 3, 1.0), (-1 / 3, -1.0)],
}
"""(bias, weight) of the units of which the targets are made."""


def _orientations(name: TargetName) -> tuple[float, ...]:
    angles = [float(np.arctan2(*unit)) for unit in _UNITS[name]]
    if name == "tanh":
        angles += [-angle for angle in angles]
    return tuple(angles)


PREDICTED = {
    "tanh": _orientations("tanh"),
    "relu": _orientations("relu"),
}
"""Orientations of the units of which the targets are made: ±1.406, ±1.736 (tanh is
odd), and −0.322, −2.820.
"""


def target_output(name: TargetName, x: np.ndarray) -> np.ndarray:
    """tanh(x − 6) + tanh(x + 6), or ½ ReLU(−x − 1/3) + ½ ReLU(x − 1/3)."""
    if name == "tanh":
        return np.tanh(x - 6) + np.tanh(x + 6)
    left = np.maximum(-x - 1 / 3, 0)
    right = np.maximum(x - 1 / 3, 0)
    return left / 2 + right / 2


def abscissas(name: TargetName, count: int = FINE) -> np.ndarray:
    """Even points on the range of a target's samples."""
    return np.linspace(-REACH[name], REACH[name], count)


class Config(Settings):
    """Parameters of dropout-features."""

    keep: Share = 0.9
    """The keep probability p in (0, 1]; dropout acts after every hidden layer, with a
    mask per sample.
    """
    targets: tuple[TargetName, ...] = Field(default=("tanh", "relu"), min_length=1)
    """Targets that are fitted."""
    width: int = Field(default=1000, ge=2, le=100_000)
    """Units of the two-layer nets."""
    deep_width: int = Field(default=200, ge=0, le=10_000)
    """Units of each hidden layer of the three-layer nets; 0 leaves them out."""
    exponent: Exponent = 0.1
    """All parameters start from N(0, std²) with std = width^−exponent (0.1: the
    linear regime).
    """
    samples: int = Field(default=15, ge=3)
    """Points of data (the source does not say how many; about 15 are seen in its
    figures).
    """
    rate: Positive = 1e-3
    """Learning rate of Adam, full batch."""
    steps: Count = 150_000
    """Steps of the two-layer fits."""
    deep_steps: Count = 80_000
    """Steps of the three-layer fits."""
    switch_steps: tuple[int, int] = (60_000, 120_000)
    """Steps on R_S before the switch, and steps after it."""
    batch_size: Count = 2
    """Batch size of the control by mini-batches without dropout."""
    batch_rate: Positive = 1e-3
    """Learning rate of that control (plain gradient descent)."""
    vector_keep: Share = 0.5
    """p of the fit in more dimensions, a two-layer tanh net on tanh(Σ x_i)."""
    vector_inputs: int = Field(default=10, ge=1, le=1000)
    """Inputs of that net, without the constant one."""
    vector_width: int = Field(default=100, ge=2, le=2000)
    """Units of that net."""
    vector_samples: Count = 30
    """Samples of that fit."""
    vector_steps: int = Field(default=1_000_000, ge=3)
    """Steps of that fit by Adam at `rate`, the last third at a tenth of it. The source
    does not say how many; after 300,000 the directions of some pairs of units are still
    nearly 60 degrees apart.
    """
    seeds: int = Field(default=1, ge=1, le=1000)
    """How many runs of everything, with seeds 0, 1, …."""


SETTING = exactly(
    keep=0.9,
    exponent=0.1,
    samples=15,
    rate=1e-3,
    batch_size=2,
    batch_rate=1e-3,
)
REFERENCE = (
    SETTING
    & no_less(width=1000, steps=100_000)
    & needs("switch_steps of 100000 and more", lambda c: c.switch_steps[1] >= 100_000)
)
"""The paper's setting, long enough to see what it states."""
DEEP_REFERENCE = REFERENCE & no_less(deep_width=200, deep_steps=80_000)
SWITCH_REFERENCE = REFERENCE & needs("targets=tanh", lambda c: c.targets[0] == "tanh")
VECTOR_SETTING = exactly(
    vector_keep=0.5,
    vector_inputs=10,
    vector_width=100,
    vector_samples=30,
    exponent=0.1,
    rate=1e-3,
)
VECTOR_REFERENCE = VECTOR_SETTING & no_less(vector_steps=1_000_000)

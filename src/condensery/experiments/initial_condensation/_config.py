"""Parameters of initial-condensation, and the settings of the repeated figures."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from condensery.declare import Count, Distinct, Settings
from condensery.theory import ACTIVATION_NAMES, activation_facts

PARTS = ("line", "five", "deep", "demo-b")
Part = Literal["line", "five", "deep", "demo-b"]
Names = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    Distinct,
]
ACTIVATIONS = ("tanh", "sigmoid", "softplus", "sin", "xtanh", "x2tanh", "relu")
DEEP = ("x2tanh", "xtanh", "sigmoid", "tanh", "softplus")
"""Activations of the hidden layers of Fig. 3, input first."""

STD, STD_DEEP = 0.005, 0.01
LINE_WIDTH, LINE_SAMPLES, LINE_RATE = 100, 40, 5e-4
FIVE_WIDTH, FIVE_SAMPLES, FIVE_RATE = 50, 80, 1e-3
FIVE_FEATURES = 5
FIVE_RATES = {"sigmoid": 8e-4, "softplus": 2.5e-4}
"""Rates of Fig. 2 that differ from the others' 1e-3; sin, which is not in it, takes
that of tanh.
"""
DEEP_WIDTH, DEEP_FEATURES, DEEP_RATE = 18, 3, 4e-5
STD_B = 50.0**-4
TAU_LINE, TAU = 0.99, 0.95
MINOR = 0.1
"""A line counts if at least this share of the neurons is on it."""
DROP = 0.1
"""The control by gradient descent ends when the loss has fallen by this share of what
is there to fall.
"""


class Config(Settings):
    """Parameters of initial-condensation."""

    parts: tuple[Part, ...] = Field(
        default=PARTS,
        min_length=1,
    )
    """``line`` (Figs. 5 and 6), ``five`` (Fig. 2), ``deep`` (Fig. 3), ``demo-b`` (the
    notebook)."""
    activations: Names = ACTIVATIONS
    """Names of activations, for `line` and `five`; without a multiplicity there is no
    prediction."""
    draws: int = Field(
        default=12,
        ge=1,
        le=10_000,
    )
    """Draws of data and weights in five dimensions, and of weights on the line."""
    deep_draws: int = Field(
        default=4,
        ge=1,
        le=1000,
    )
    """Draws of data and weights of the deep network."""
    line_steps: tuple[int, int, int] = (100, 200, 1000)
    """Steps of Adam after which neurons are drawn, lines are counted, and outputs are
    drawn once more."""
    five_steps: Count = 100
    """Steps of Adam in five dimensions."""
    deep_steps: tuple[int, int, int, int, int] = (1000, 900, 900, 1400, 1400)
    """Steps after which the hidden layers, input first, are measured."""
    demo_b_steps: Count = 101
    """Steps of Adam of the notebook."""
    control: bool = True
    """Whether plain gradient descent is run beside Adam."""
    control_steps: Count = 100_000
    """Steps after which the control is given up."""

    @field_validator("activations")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:

        for name in names:
            if name not in ACTIVATION_NAMES:
                raise ValueError(f"names out of {', '.join(ACTIVATION_NAMES)}")
        return names

    @field_validator("line_steps", "deep_steps")
    @classmethod
    def _positive(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if min(steps) < 1:
            raise ValueError("steps >= 1")
        return steps

    @field_validator("line_steps")
    @classmethod
    def _rising(cls, steps: tuple[int, int, int]) -> tuple[int, int, int]:
        if not steps[0] < steps[1] < steps[2]:
            raise ValueError("three rising steps")
        return steps


def multiplicity(name: str) -> int:
    """The multiplicity p of an activation, 0 where it has none."""
    return activation_facts(name).multiplicity or 0


def line_data() -> tuple[np.ndarray, np.ndarray]:
    """Figs. 5 and 6: sin 3x + ½ sin 6x at 40 points on [−1, 1.5] (even: our choice);
    inputs (sample, 1).
    """
    x = np.linspace(-1, 1.5, LINE_SAMPLES)
    return x[:, None], line_target(x)


def line_target(x: np.ndarray | np.floating) -> np.ndarray:
    """Sin 3x + ½ sin 6x."""
    return np.asarray(np.sin(3 * x) + 0.5 * np.sin(6 * x))


def cloud_data(
    seed: int,
    *,
    features: int = FIVE_FEATURES,
    amplitude: float = 3.5,
    frequency: float = 5.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Figs. 2 and 3: amplitude · Σ sin(frequency·x_k + 1) at 80 points drawn evenly
    from [−4, 2]^features.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 7]))
    x = random.uniform(-4, 2, (FIVE_SAMPLES, features))
    return x, amplitude * np.sin(frequency * x + 1).sum(axis=1)

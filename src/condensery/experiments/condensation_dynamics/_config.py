"""The targets, and the parameters of condensation-dynamics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from condensery.data import demo_c_target
from condensery.declare import Exponent, Positive, Settings


@dataclass(frozen=True)
class Target:
    """A function on a line, where it is sampled, and the learning rate at which
    descent on it is stable.
    """

    title: str
    lower: float
    upper: float
    rate: float
    function: Callable[[np.ndarray], np.ndarray]


def _two_kinks(x: np.ndarray) -> np.ndarray:
    return np.maximum(x - 1 / 3, 0) + np.maximum(-x - 1 / 3, 0)


def _waves(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) + 0.5 * np.sin(6 * x)


TARGETS = {
    "demo-c": Target(
        title="four kinks (demo C)",
        lower=-1.0,
        upper=1.0,
        rate=0.1,
        function=demo_c_target,
    ),
    "two-kinks": Target(
        title="two kinks",
        lower=-1.0,
        upper=1.0,
        rate=0.1,
        function=_two_kinks,
    ),
    "waves": Target(
        title="sin 3x + ½ sin 6x",
        lower=-1.0,
        upper=1.5,
        rate=0.02,
        function=_waves,
    ),
}
"""Demo C, a symmetric target of two kinks, and a smooth one (Zhou et al. 2022, arXiv
2105.11686, Fig. 5)."""


class Config(Settings):
    """Parameters of condensation-dynamics."""

    targets: tuple[str, ...] = Field(default=tuple(TARGETS), min_length=1)
    """Names of the targets: demo-c, two-kinks, waves."""
    exponent: Exponent = 2.0
    """All parameters start from N(0, std²) with std = width^−exponent."""
    width: int = Field(default=100, ge=2, le=100_000)
    """Number of units."""
    samples: int = Field(default=40, ge=2)
    """Points of data, even on the target's interval."""
    steps: int = Field(default=100_000, ge=10)
    """Steps of full-batch gradient descent on the mean square, at the target's rate."""
    seeds: int = Field(default=3, ge=1, le=10_000)
    """Runs per target, with seeds 0, 1, …."""
    per_decade: int = Field(default=40, ge=5, le=200)
    """Recorded steps per factor of ten."""
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.99
    """Cosine within which the neurons of a group lie."""
    persistence: float = Field(default=0.1, gt=0.0, le=2.0)
    """Decades of time that a group must last to count."""
    falling: Positive = 0.2
    """−d log loss/d log step from which the loss is said to fall."""

    @model_validator(mode="after")
    def _named(self) -> Self:
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or len(set(self.targets)) < len(self.targets):
            raise ValueError(
                "targets must differ from one another and be among "
                f"{', '.join(TARGETS)}"
            )
        return self

    @property
    def frames(self) -> int:
        """Least number of recorded steps of a group that counts."""
        return max(2, round(self.persistence * self.per_decade))

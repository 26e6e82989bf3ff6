"""The targets, and what condensation-dynamics can be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True)
class Target:
    """A function on a line, where it is sampled, and the learning rate at which descent
    on it is stable.
    """

    title: str
    lower: float
    upper: float
    rate: float
    function: Callable[[np.ndarray], np.ndarray]


def _kinks(*parts: tuple[float, float, float]) -> Callable[[np.ndarray], np.ndarray]:
    def function(x: np.ndarray) -> np.ndarray:
        return np.sum(
            [sign * np.maximum(slope * (x - at), 0) for sign, slope, at in parts],
            axis=0,
        )

    return function


TARGETS = {
    "demo-c": Target(
        "four kinks (demo C)",
        -1.0,
        1.0,
        0.1,
        _kinks((-1.0, 1.0, 0.0), (1.0, 2.0, -0.3), (-1.0, 1.5, 0.4), (1.0, 0.5, 0.8)),
    ),
    "two-kinks": Target(
        "two kinks", -1.0, 1.0, 0.1, _kinks((1.0, 1.0, 1 / 3), (1.0, -1.0, -1 / 3))
    ),
    "waves": Target(
        "sin 3x + ½ sin 6x",
        -1.0,
        1.5,
        0.02,
        lambda x: np.sin(3 * x) + 0.5 * np.sin(6 * x),
    ),
}
"""Demo C, a symmetric target of two kinks, and a smooth one (Zhou et al. 2022, arXiv
2105.11686, Fig. 5).
"""


class Config(BaseModel):
    """What condensation-dynamics can be told.

    Attributes:
        targets: Names of `TARGETS`.
        gamma: All parameters start from N(0, std²) with std = width^−gamma.
        width: Number of units.
        samples: Points of data, even on the target's interval.
        steps: Steps of full-batch gradient descent on the mean square, at the target's
            rate.
        seeds: Runs per target, with seeds 0, 1, …
        per_decade: Recorded steps per factor of ten.
        threshold: Cosine within which the neurons of a group lie.
        persistence: Decades of time that a group must last to count.
        falling: −d log loss/d log step from which the loss is said to fall.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    targets: tuple[str, ...] = Field(default=tuple(TARGETS), min_length=1)
    gamma: float = Field(default=2.0, ge=0.0, le=10.0)
    width: int = Field(default=100, ge=2, le=100_000)
    samples: int = Field(default=40, ge=2)
    steps: int = Field(default=100_000, ge=10)
    seeds: int = Field(default=3, ge=1, le=10_000)
    per_decade: int = Field(default=40, ge=5, le=200)
    threshold: float = Field(default=0.99, gt=0.0, lt=1.0)
    persistence: float = Field(default=0.1, gt=0.0, le=2.0)
    falling: float = Field(default=0.2, gt=0.0)

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or len(set(self.targets)) < len(self.targets):
            raise ValueError(
                "targets must differ from one another and be among "
                f"{', '.join(TARGETS)}"
            )
        return self

    @property
    def is_reference(self) -> bool:
        """Whether the statements are about this setting."""
        return (self.gamma, self.width, self.samples, self.steps) == (
            2.0,
            100,
            40,
            100_000,
        )

    @property
    def frames(self) -> int:
        """Least number of recorded steps of a group that counts."""
        return max(2, round(self.persistence * self.per_decade))

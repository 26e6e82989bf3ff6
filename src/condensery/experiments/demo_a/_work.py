"""The parameters of demo-a and its training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from condensery.data import demo_a_target
from condensery.declare import (
    Count,
    Exponent,
    Positive,
    Settings,
    Work,
    exactly,
    task,
)
from condensery.protocols import Advance, Arrays

MILESTONES = (0, 999, 1999, 3999, 10_000)
REFERENCE = {
    0: 8.89e-3,
    999: 3.66e-3,
    1999: 1.67e-3,
    3999: 2.4e-5,
    10_000: 9.6e-7,
}
"""Loss of the notebook, std 1/m, after so many steps."""
RIGHT = -float(np.arccos(1 / np.sqrt(1 + 1 / 9)))
LEFT = -float(np.arccos(-1 / np.sqrt(1 + 1 / 9)))
ANGLES = (RIGHT, LEFT)
"""Orientations whose kinks lie at the inner data points, x = −b/w = ±1/3 with b < 0:
−0.32175 and −2.81984."""
NEAR = 0.02
SEEDS_PER_TASK = 16
X = np.linspace(-1, 1, 4)
"""Abscissae of the data."""


class Config(Settings):
    """Parameters of demo-a."""

    exponent: Exponent = 1.0
    """All parameters start from N(0, std²) with std = width^−exponent; the phase
    coordinates are (2·exponent, 0)."""
    width: int = Field(
        default=1000,
        ge=1,
        le=10_000_000,
    )
    """Number of units."""
    steps: Count = 10_001
    """Full-batch steps."""
    rate: Positive = 0.05
    """Learning rate."""
    seeds: int = Field(
        default=16,
        ge=1,
        le=10_000,
    )
    """How many runs, with seeds 0, 1, …."""
    dtype: Literal["float32", "float64"] = "float32"
    """Arithmetic of the training; float32 is the notebook's. (float64 changes the
    losses by 1e-5 of them.)"""

    @property
    def is_reference(self) -> bool:
        """Whether the notebook's numbers are for this setting."""
        return SETTING(self)


SETTING = exactly(exponent=1.0, width=1000, steps=10_001, rate=0.05)
"""The setting of the notebook."""


@task(Config)
def train(config: Config, seed: int, advance: Advance, *, count: int) -> Arrays:
    """Train one network per seed, side by side.

    Args:
        config: The configuration.
        seed: The first seed.
        advance: Progress callback, (text, fraction).
        count: How many seeds from `seed` on.

    Returns:
        step, loss (member, step), status, and initial and final a (member, unit) and
        w (member, unit, feature).
    """
    from condensery.engine import (
        SGD,
        Ensemble,
        descend,
        log_steps,
        mean_square,
    )
    from condensery.models import TwoLayer

    steps = config.steps
    ensemble = Ensemble.grid(
        widths=[config.width],
        gammas=[2 * config.exponent],
        seeds=range(seed, seed + count),
    )
    rule = SGD(config.rate)
    drawn = ensemble.draw(features=2)
    result = descend(
        drawn,
        mean_square(TwoLayer("relu")),
        X[:, None],
        demo_a_target(X),
        optimiser=rule,
        steps=steps,
        dtype=config.dtype,
        schedule=log_steps(steps, extra=MILESTONES).tolist(),
        on_progress=advance,
    )
    arrays = {"step": result.recorded, "loss": result.loss, "status": result.status}
    for when in ("initial", "final"):
        members = result.all_parameters(initial=when == "initial")
        for name in ("a", "w"):
            weights = [member[name] for member in members]
            arrays[f"{when}_{name}"] = np.stack(weights)
    return arrays


def work(config: Config) -> Iterator[Work]:
    """Blocks of sixteen seeds."""
    for first in range(0, config.seeds, SEEDS_PER_TASK):
        count = min(SEEDS_PER_TASK, config.seeds - first)
        cost = float(count * config.steps) * config.width
        label = f"seeds {first} to {first + count - 1}"
        yield train.work(label, cost, first, count=count)

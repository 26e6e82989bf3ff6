"""Where nets rest that are trained from the published start."""

from __future__ import annotations

import numpy as np

from condensery.data import load
from condensery.declare import task
from condensery.experiments.critical_census._config import Config
from condensery.metrics import plateaus, slowest_fall
from condensery.protocols import Advance, Arrays

RATE = 0.004
"""Learning rate: stable at the width-1 optimum, whose curvature is 458."""
PER_DECADE = 40
"""Records per factor of ten of the step."""
SKIP = 10.0
"""Step before which no plateau is looked for."""


@task(Config)
def train(config: Config, seed: int, advance: Advance, *, width: int) -> Arrays:
    """Train nets of one width from N(0, m⁻³) by gradient descent, and keep what they
    are where the loss stagnates.

    Returns:
        seed, step, loss and theta (w, b, a) of every plateau, at its record of slowest
        fall; and end, the loss of every net after the last step.
    """
    from condensery.engine import SGD, RecordParameters, descend, log_steps, mean_square
    from condensery.models import TwoLayer, two_layer_normal

    data = load("three-steps")
    std = width**-1.5
    seeds = range(seed, seed + config.train_seeds)
    members = [
        two_layer_normal(
            width,
            features=2,
            seed=number,
            std_a=std,
            std_w=std,
        )
        for number in seeds
    ]
    result = descend(
        members,
        mean_square(TwoLayer("tanh")),
        data.x,
        np.ravel(data.y),
        optimiser=SGD(RATE),
        steps=config.train_steps,
        probes={"parameters": RecordParameters()},
        schedule=log_steps(config.train_steps, per_decade=PER_DECADE).tolist(),
        on_progress=lambda text, fraction: advance(f"width {width}, {text}", fraction),
    )
    leaves = result.probed["parameters"]
    found, thetas = [], []
    for member, loss in enumerate(result.loss):
        for row in resting_records(result.recorded, loss):
            found.append((member, result.recorded[row], loss[row]))
            w, b = leaves["w"][row, member].T
            thetas.append([*w, *b, *leaves["a"][row, member]])
    numbers = np.array(found, dtype=np.float64).reshape(-1, 3)
    member, step, loss = numbers.T
    return {
        "seed": member.astype(np.int64),
        "step": step.astype(np.int64),
        "loss": loss,
        "theta": np.array(thetas, dtype=np.float64).reshape(-1, 3 * width),
        "end": result.loss[:, -1],
    }


def resting_records(steps: np.ndarray, loss: np.ndarray) -> list[int]:
    """Of every plateau the record after which the loss falls most slowly.

    Example:
        A loss of 1 until step 100 and again, at .1, from 1000 on.

        >>> import numpy as np
        >>> steps = np.array([10, 30, 100, 300, 1000, 3000, 10000])
        >>> loss = np.array([1.0, 0.999, 0.998, 0.5, 0.1, 0.1, 0.0999])
        >>> resting_records(steps, loss)
        [1, 4]
    """
    records = []
    for plateau in plateaus(steps, loss, skip=SKIP):
        window = (steps >= plateau.first) & (steps <= plateau.last)
        record = slowest_fall(steps, loss, window=window)
        if record is not None:
            records.append(record)
    return records

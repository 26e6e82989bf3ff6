"""The tasks of critical-census: critical points from many starts, and the smallest net
that each one is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from condensery.data import load
from condensery.declare import task
from condensery.experiments.critical_census._config import Config
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalSearch, Parameters, Problem

GENTLE = 0.3
"""Factor of the slopes of starts whose loss is not lowered first."""


@task(Config)
def search(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    width: int,
    first: int,
    count: int,
) -> Arrays:
    """Search critical points of one width from `count` starts, the first of number
    `first`.

    Returns:
        theta (point, parameter), loss, gradient, status of every start, and for those
        found counts (n₋, n₀, n₊), decided and units (those of the smallest equivalent
        net); zeros elsewhere.
    """
    from condensery.landscape import Problem, find_critical

    data = load("three-steps")
    problem = Problem(data.x, data.y, "tanh")
    starts = [
        random_start(width, seed=seed, number=number)
        for number in range(first, first + count)
    ]
    # steep units tend to saturate when the loss does not hold them: gentler ones for
    # the second kind
    gentle = [_gentle(start) for start in starts[1::2]]
    halves = {"minimum": starts[::2], "any": gentle}
    searches: list[CriticalSearch] = []
    for turn, (method, half) in enumerate(halves.items()):
        advance(f"width {width}, {method}", 0.1 + 0.4 * turn)
        if half:
            # pyrefly: ignore[bad-argument-type]
            points = find_critical(half, problem, method=method, steps=config.steps)
            searches.append(points)
    advance(f"width {width}, inertia", 0.9)
    counts, decided, units = [], [], []
    for points in searches:
        for signs, is_decided, effective in _inertias(points, problem):
            counts.append(signs)
            decided.append(is_decided)
            units.append(effective)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(points, name) for points in searches])

    return {
        "theta": joined("theta"),
        "loss": joined("loss"),
        "gradient": joined("gradient_norm"),
        "status": joined("status"),
        "counts": np.asarray(counts, dtype=np.int64),
        "decided": np.asarray(decided),
        "units": np.asarray(units, dtype=np.int64),
    }


def _inertias(
    points: CriticalSearch, problem: Problem
) -> Iterator[tuple[tuple[int, int, int], bool, int]]:
    """Inertia, whether it is decided, and effective units of every point found."""
    from condensery.landscape import effective_units, inertia_at

    critical = set(points.found.tolist())
    for row in range(len(points.loss)):
        if row not in critical:
            yield (0, 0, 0), False, 0
            continue
        parameters = points.parameters(row)
        inertia = inertia_at(parameters, problem)
        is_decided = bool(inertia.decided)
        units = effective_units(parameters)
        yield inertia.counts, is_decided, units


def random_start(
    width: int,
    *,
    seed: int,
    number: int,
) -> Parameters:
    """The start of a number."""
    from condensery.landscape import random_steps

    key = [seed, 1_000_000 * width + number]
    random = np.random.Generator(np.random.Philox(key=key))
    return random_steps(width, random)


def _gentle(start: Parameters) -> Parameters:
    (W, b), output = start
    bias = None if b is None else GENTLE * b
    return [(GENTLE * W, bias), output]

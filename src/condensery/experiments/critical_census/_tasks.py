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

PARALLEL = 1e-4
"""Two tanh units whose (w, b) differ by less, relative to their size and up to sign,
are copies.
"""

GENTLE = 0.3
"""Factor of the slopes of starts whose loss is not lowered first."""

SILENT = 1e-6
"""Summed output weights below this contribute nothing."""


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
    from condensery.landscape import inertia_at

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


def effective_units(parameters: Parameters) -> int:
    """Units of the smallest tanh net with the same function: copies up to sign count
    once, and silent ones not at all.

    A unit without input weight is a constant and counts as a unit, all of them together
    as one.
    """
    (W, b), (A, _) = parameters
    bias = np.zeros(len(W)) if b is None else b
    rows, out = np.column_stack([W, bias]), A[0]
    flat = np.abs(W[:, 0]) <= SILENT
    constant = float(out[flat] @ np.tanh(rows[flat, 1]))
    groups: list[tuple[np.ndarray, float]] = []
    for row, a in zip(rows[~flat], out[~flat], strict=True):
        for index, (first, total) in enumerate(groups):
            sign = _parallel(row, first)
            if sign:
                groups[index] = (first, total + sign * a)
                break
        else:
            groups.append((row, float(a)))
    audible = sum(abs(total) > SILENT for _, total in groups)
    return int(audible) + int(abs(constant) > SILENT)


def _parallel(
    row: np.ndarray,
    first: np.ndarray,
) -> float:
    """1 or −1 where the rows are copies up to this sign, else 0."""
    sign = float(np.sign(row @ first) or 1.0)
    size = max(np.linalg.norm(row), np.linalg.norm(first))
    is_copy = np.linalg.norm(row - sign * first) <= PARALLEL * size
    return sign if is_copy else 0.0

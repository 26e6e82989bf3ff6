"""The tasks of critical-census: critical points from many starts, and the smallest net
that each one is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import Parameters

PARALLEL = 1e-4
"""Two tanh units whose (w, b) differ by less, relative to their size and up to sign,
are copies.
"""

GENTLE = 0.3
"""Factor of the slopes of starts whose loss is not lowered first."""

SILENT = 1e-6
"""Summed output weights below this contribute nothing."""


def search(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Search critical points of one width.

    Args:
        parameters: width, steps, count (starts in this task), first (number of the
            first start).
        seed: Of the starts.
        advance: Told how far it is.

    Returns:
        theta (point, parameter), loss, gradient, status of every start, and for those
        found counts (n₋, n₀, n₊), decided and units (those of the smallest equivalent
        net); zeros elsewhere.
    """
    from condensery.data import load
    from condensery.landscape import Problem, find_critical, inertia_at

    width, count, first = (
        # pyrefly: ignore[bad-argument-type]
        int(parameters[name])
        for name in ("width", "count", "first")
    )
    data = load("three-steps")
    problem = Problem(data.x, data.y, "tanh")
    starts = [
        random_start(width, seed=seed, number=first + number) for number in range(count)
    ]
    parts = []
    for turn, method in enumerate(("minimum", "any")):
        advance(f"width {width}, {method}", 0.1 + 0.4 * turn)
        # steep units tend to saturate when the loss does not hold them: gentler ones
        # for the second kind
        half = (
            starts[turn::2]
            if method == "minimum"
            else [_gentle(start) for start in starts[turn::2]]
        )
        if half:
            parts.append(
                find_critical(
                    # pyrefly: ignore[bad-argument-type]
                    half,
                    problem,
                    method=method,
                    # pyrefly: ignore[bad-argument-type]
                    steps=int(parameters["steps"]),
                )
            )
    counts, decided, units = [], [], []
    advance(f"width {width}, inertia", 0.9)
    for part in parts:
        found = set(part.found.tolist())
        for row in range(len(part.loss)):
            one = inertia_at(part.parameters(row), problem) if row in found else None
            counts.append(one.counts if one else (0, 0, 0))
            decided.append(bool(one and one.decided))
            units.append(effective_units(part.parameters(row)) if one else 0)
    return {
        "theta": np.concatenate([part.theta for part in parts]),
        "loss": np.concatenate([part.loss for part in parts]),
        "gradient": np.concatenate([part.gradient_norm for part in parts]),
        "status": np.concatenate([part.status for part in parts]),
        "counts": np.asarray(counts, dtype=np.int64),
        "decided": np.asarray(decided),
        "units": np.asarray(units, dtype=np.int64),
    }


def random_start(width: int, *, seed: int, number: int) -> Parameters:
    """Tanh steps of random slope, their middles anywhere among the data."""
    random = np.random.Generator(
        np.random.Philox(key=[seed, 1_000_000 * width + number])
    )
    w, middle, a = (
        random.standard_normal(width),
        random.uniform(-15, 15, width),
        random.standard_normal(width),
    )
    return [(w[:, None], -w * middle), (2 * a[None], None)]


def _gentle(start: Parameters) -> Parameters:
    (W, b), output = start
    return [(GENTLE * W, None if b is None else GENTLE * b), output]


def effective_units(parameters: Parameters) -> int:
    """Units of the smallest tanh net with the same function: copies up to sign count
    once, and silent ones not at all.

    A unit without input weight is a constant and counts as a unit, all of them together
    as one.
    """
    (W, b), (A, _) = parameters
    rows, out = np.column_stack([W, b if b is not None else np.zeros(len(W))]), A[0]  # pyrefly: ignore
    flat = np.abs(W[:, 0]) <= SILENT
    constant = float(out[flat] @ np.tanh(rows[flat, 1]))
    groups: list[tuple[np.ndarray, float]] = []
    for row, a in zip(rows[~flat], out[~flat], strict=True):
        for place, (other, total) in enumerate(groups):
            sign = np.sign(row @ other) or 1.0
            if np.linalg.norm(row - sign * other) <= PARALLEL * max(
                np.linalg.norm(row), np.linalg.norm(other)
            ):
                groups[place] = (other, total + sign * a)
                break
        else:
            groups.append((row, float(a)))
    return sum(abs(total) > SILENT for _, total in groups) + int(abs(constant) > SILENT)

"""From shards to tables: ends, courses, and R_S on the lines between the ends of L1 to
L4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from condensery.experiments.dropout_images._config import PARTS, Config, images, runs
from condensery.protocols import Arrays
from condensery.records import Table

PAIRS = (
    ("L1", "L3"),
    ("L2", "L4"),
    ("L1", "L2"),
    ("L1", "L4"),
    ("L3", "L2"),
    ("L3", "L4"),
)
"""Two of one type, with R1 or without it, and then one with R1 and one without."""
ALIKE = PAIRS[:2]
PLACES = np.linspace(-0.5, 1.5, 81)
"""Where on the line (1 − a) θ_first + a θ_second R_S is taken; 0 and 1 are among
them.
"""
_FIRST, _SECOND = 20, 60

Net = tuple[np.ndarray, np.ndarray, np.ndarray]
"""W (unit, feature), b (unit,) and the output weights (output, unit)."""


def tables_of(config: Config, shards: Sequence[Arrays]) -> Mapping[str, Table]:
    """``runs``, ``courses``, ``paths`` and ``barriers``."""
    ends, courses, trained = [], [], {}
    count = config.seeds
    for (kind, keep), shard in zip(runs(config), shards, strict=True):
        step = np.asarray(shard["step"])
        names = ("accuracy", "loss", "r1")
        last = {name: np.asarray(shard[name], dtype=np.float64)[-1] for name in names}
        ends.append(
            {
                "kind": np.full(count, kind),
                "keep": np.full(count, keep),
                "seed": np.arange(count),
                "status": np.asarray(shard["status"]),
                **last,
            }
        )
        every = {
            name: np.asarray(shard[name], dtype=np.float64).ravel() for name in names
        }
        courses.append(
            {
                "kind": np.full(len(step) * count, kind),
                "keep": np.full(len(step) * count, keep),
                "seed": np.tile(np.arange(count), len(step)),
                "step": np.repeat(step, count),
                **every,
            }
        )
        if kind in PARTS:
            trained[kind, keep] = tuple(
                np.asarray(shard[name], dtype=np.float64) for name in ("W", "b", "top")
            )
    units = {
        "accuracy": "on held-out images",
        "loss": "R_S",
        "r1": "at the run's own p",
    }
    return {
        "runs": _joined(ends, units),
        "courses": _joined(courses, units),
        **_lines(config, trained),
    }


def _lines(
    config: Config, trained: Mapping[tuple[str, float], Net]
) -> dict[str, Table]:
    data, _ = images(config.model_dump())
    paths, barriers = [], []
    for keep, seed, pair, losses in _along_all(config, trained, data):
        named = {"first": pair[0], "second": pair[1], "keep": keep, "seed": seed}
        rows = {name: np.full(len(PLACES), value) for name, value in named.items()}
        paths.append({**rows, "place": PLACES, "loss": losses})
        found = {
            "barrier": barrier(losses),
            "bend_first": _bend(losses, _FIRST),
            "bend_second": _bend(losses, _SECOND),
        }
        barriers.append(
            {name: np.array([value]) for name, value in {**named, **found}.items()}
        )
    bend = "second derivative of R_S along the line, at that end"
    return {
        "paths": _joined(
            paths, {"place": "0 at the first, 1 at the second", "loss": "R_S"}
        ),
        "barriers": _joined(
            barriers,
            {
                "barrier": "largest height of R_S between the ends over the "
                "straight line that joins its values there",
                "bend_first": bend,
                "bend_second": bend,
            },
        ),
    }


def _along_all(
    config: Config,
    trained: Mapping[tuple[str, float], Net],
    data: tuple[np.ndarray, np.ndarray],
) -> Iterator[tuple[float, int, tuple[str, str], np.ndarray]]:
    for keep in config.part_keeps:
        for seed in range(config.seeds):
            for first, second in PAIRS:
                one, other = (
                    [array[seed] for array in trained[part, keep]]
                    for part in (first, second)
                )
                yield (
                    keep,
                    seed,
                    (first, second),
                    along(
                        (one[0], one[1], one[2]), (other[0], other[1], other[2]), data
                    ),
                )


def along(
    first: Net,
    second: Net,
    data: tuple[np.ndarray, np.ndarray],
    places: Float[np.ndarray, " place"] = PLACES,
) -> Float[np.ndarray, " place"]:
    """R_S on the line (1 − a) θ_first + a θ_second.

    Formula:
        R_S(θ) = 1/(2n) Σ ‖W_2 relu(W_1 x + b) − y‖². What goes into the hidden layer is
        affine in a, and is worked out at the two ends alone.

    Args:
        first: θ at a = 0.
        second: θ at a = 1.
        data: Inputs (sample, feature) and targets (sample, output).
        places: The values of a.

    Returns:
        R_S at every place.
    """
    x, y = data
    start, end = (x @ W.T + b for W, b, _ in (first, second))
    losses = np.empty(len(places))
    for k, a in enumerate(places):
        top = (1 - a) * first[2] + a * second[2]
        output = np.maximum((1 - a) * start + a * end, 0) @ top.T
        losses[k] = np.sum((output - y) ** 2) / (2 * len(x))
    return losses


def barrier(losses: Float[np.ndarray, " place"]) -> float:
    """Largest height of R_S, for `PLACES` in [0, 1], over the straight line between its
    values at 0 and 1: ≥ 0.
    """
    between = slice(_FIRST, _SECOND + 1)
    chord = losses[_FIRST] + PLACES[between] * (losses[_SECOND] - losses[_FIRST])
    return float(np.max(losses[between] - chord))


def _bend(losses: Float[np.ndarray, " place"], at: int) -> float:
    step = PLACES[1] - PLACES[0]
    return float((losses[at - 1] - 2 * losses[at] + losses[at + 1]) / step**2)


def _joined(parts: Sequence[Mapping[str, np.ndarray]], units: dict[str, str]) -> Table:
    return Table(
        columns={
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        },
        units=units,
    )

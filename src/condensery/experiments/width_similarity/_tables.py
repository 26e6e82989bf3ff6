"""The tables of width-similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.protocols import Arrays
from condensery.records import Table

Part = tuple[str, int, str]
"""Kind of a task, width and optimiser."""


def build_tables(parts: Sequence[Part], shards: Sequence[Arrays]) -> dict[str, Table]:
    """Loss curves, plateaus with the nearest critical level, their outputs and
    features, levels, and escapes.
    """
    trained = [
        (width, name, shard)
        for (kind, width, name), shard in zip(parts, shards, strict=True)
        if kind == "train"
    ]
    level = next(
        shard
        for (kind, _, _), shard in zip(parts, shards, strict=True)
        if kind == "levels"
    )
    escapes = [
        (width, shard)
        for (kind, width, _), shard in zip(parts, shards, strict=True)
        if kind == "escape"
    ]
    x = np.linspace(-15, 15, np.asarray(level["output"]).shape[1])
    best = {
        int(width): int(np.flatnonzero(np.asarray(level["width"]) == width)[0])
        for width in np.unique(level["width"])
    }
    return {
        "loss": _losses(trained),
        "plateaus": _plateaus(trained, level),
        "outputs": _outputs(trained, x),
        "features": _features(trained),
        "levels": Table(
            columns={
                name: np.asarray(level[name]) for name in ("width", "loss", "gradient")
            }
        ),
        "optima": Table(
            columns={
                "width": np.repeat(list(best), len(x)),
                "x": np.tile(x, len(best)),
                "y": np.concatenate(
                    [np.asarray(level["output"])[row] for row in best.values()]
                ),
            }
        ),
        "escapes": Table(
            columns={
                "width": np.concatenate(
                    [
                        np.full(len(np.asarray(one["steps"])), width)
                        for width, one in escapes
                    ]
                ),
                "seed": np.concatenate(
                    [np.arange(len(np.asarray(one["steps"]))) for _, one in escapes]
                ),
                "steps": np.concatenate(
                    [np.asarray(one["steps"]) for _, one in escapes]
                ),
                "status": np.concatenate(
                    [np.asarray(one["status"]) for _, one in escapes]
                ),
            },
            units={
                "steps": "of gradient descent until the loss is 1 % below that of "
                "the embedded point"
            },
        ),
    }


def _losses(trained: Sequence[tuple[int, str, Arrays]]) -> Table:
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("optimiser", "width", "seed", "step", "loss")
    }
    for width, name, shard in trained:
        step, loss = np.asarray(shard["step"]), np.asarray(shard["loss"])
        columns["optimiser"].append(np.full(loss.size, name))
        columns["width"].append(np.full(loss.size, width))
        columns["seed"].append(np.repeat(np.arange(len(loss)), len(step)))
        columns["step"].append(np.tile(step, len(loss)))
        columns["loss"].append(loss.ravel())
    return Table(
        columns={name: np.concatenate(parts) for name, parts in columns.items()}
    )


def _plateaus(trained: Sequence[tuple[int, str, Arrays]], level: Arrays) -> Table:
    """One row per plateau; the nearest level is that of the critical function nearest
    to the output there.
    """
    critical = np.asarray(level["output"])
    rows, names = [], []
    for width, name, shard in trained:
        for place, output in enumerate(np.asarray(shard["output"])):
            distance = np.linalg.norm(critical - output, axis=1) / np.linalg.norm(
                critical, axis=1
            )
            nearest = int(np.argmin(distance))
            numbers = [
                float(np.asarray(shard[key])[place])
                for key in ("member", "first", "last", "rest", "at")
            ]
            more = [
                float(np.asarray(shard[key])[place])
                for key in ("gradient", "effective", "neurons", "all_neurons")
            ]
            near = (
                float(np.asarray(level["width"])[nearest]),
                float(np.asarray(level["loss"])[nearest]),
            )
            rows.append((width, *numbers, *more, *near, float(distance[nearest])))
            names.append(name)
    table = np.array(rows, dtype=np.float64).reshape(-1, 13)
    keys = (
        "width",
        "seed",
        "first",
        "last",
        "loss",
        "at",
        "gradient",
        "effective",
        "neurons",
        "all_neurons",
        "level_width",
        "level",
        "distance",
    )
    columns = {key: table[:, place] for place, key in enumerate(keys)}
    whole = (
        "width",
        "seed",
        "first",
        "last",
        "at",
        "neurons",
        "all_neurons",
        "level_width",
    )
    return Table(
        columns={
            "optimiser": np.asarray(names, dtype=np.str_),
            **columns,
            **{key: columns[key].astype(np.int64) for key in whole},
        },
        units={
            "at": "step of the least gradient",
            "effective": "exp of the entropy of the group amplitudes, up to sign",
            "neurons": "effective neurons at cosine .95, up to sign, of units above "
            ".05 of the largest amplitude",
            "all_neurons": "the same of all units",
            "level": "loss of the critical function of a narrow net nearest to the "
            "output",
            "distance": "L2 on the grid, over the norm of that function",
        },
    )


def resting(plateaus: Table, name: str, width: int) -> int | None:
    """Row of the first plateau below loss 1 of a width's first seed."""
    chosen = np.flatnonzero(
        (plateaus["optimiser"] == name)
        & (plateaus["width"] == width)
        & (plateaus["seed"] == 0)
        & (plateaus["loss"] < 1)
    )
    return int(chosen[np.argmin(plateaus["first"][chosen])]) if chosen.size else None


def _first_rest(shard: Arrays) -> int | None:
    rows = np.flatnonzero(
        (np.asarray(shard["rest"]) < 1) & (np.asarray(shard["member"]) == 0)
    )
    return int(rows[np.argmin(np.asarray(shard["first"])[rows])]) if rows.size else None


def _outputs(trained: Sequence[tuple[int, str, Arrays]], x: np.ndarray) -> Table:
    """Output of the first seed at the least gradient of its first plateau below loss
    1.
    """
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("optimiser", "width", "x", "y")
    }
    for width, name, shard in trained:
        row = _first_rest(shard)
        if row is not None:
            columns["optimiser"].append(np.full(len(x), name))
            columns["width"].append(np.full(len(x), width))
            columns["x"].append(x)
            columns["y"].append(np.asarray(shard["output"])[row])
    return _joined(columns)


def _features(trained: Sequence[tuple[int, str, Arrays]]) -> Table:
    """Orientation in [0, π), which does not tell w from −w, and amplitude over the
    largest, at the same place.
    """
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("optimiser", "width", "orientation", "amplitude")
    }
    for width, name, shard in trained:
        row = _first_rest(shard)
        if row is not None:
            w, b, a = np.asarray(shard["features"])[row].T
            size = np.abs(a) * np.hypot(w, b)
            columns["optimiser"].append(np.full(width, name))
            columns["width"].append(np.full(width, width))
            columns["orientation"].append(np.mod(np.arctan2(b, w), np.pi))
            columns["amplitude"].append(size / size.max())
    return _joined(columns)


def _joined(columns: dict[str, list[np.ndarray]]) -> Table:
    empty = {"optimiser": np.zeros(0, dtype="U1"), "width": np.zeros(0, dtype=np.int64)}
    return Table(
        columns={
            name: np.concatenate(parts) if parts else empty.get(name, np.zeros(0))
            for name, parts in columns.items()
        }
    )

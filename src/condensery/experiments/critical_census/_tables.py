"""The tables of critical-census: statuses, classes of critical points, and which embed
in which.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.experiments.critical_census._config import Config
from condensery.protocols import Arrays
from condensery.records import Table

SAME = 1e-5
"""Outputs that differ by less, relative to the largest, are those of one class."""

STATUSES = (
    "found",
    "gradient flat",
    "at infinity",
    "at kink",
    "out of steps",
    "not finite",
)


def build_tables(config: Config, shards: Sequence[Arrays]) -> dict[str, Table]:
    """Searches per width, classes (one row per function and width) and edges (a class
    and its embedding).
    """
    per_width = {
        width: {
            name: np.concatenate(
                [
                    np.asarray(shard[name])
                    for shard in shards[place :: len(config.widths)]
                ]
            )
            for name in (
                "theta",
                "loss",
                "gradient",
                "status",
                "counts",
                "decided",
                "units",
            )
        }
        for place, width in enumerate(config.widths)
    }
    classes = [
        _nothing(),
        *(_classes(width, arrays) for width, arrays in per_width.items()),
    ]
    rows = {
        name: np.concatenate([part[name] for part in classes])
        for name in classes[0]
        if name != "output"
    }
    outputs = [output for part in classes for output in part["output"]]
    rows["class"] = np.arange(len(rows["width"]))
    return {
        "searches": _searches(per_width),
        "classes": Table(
            columns=rows,
            units={
                "units": "of the smallest net with this function",
                "new": "whether no narrower net has this function",
                "mirror": "whether the mirror image f(−x) = −f(x) is the class itself",
                "starts": "how many starts led to it",
            },
        ),
        "edges": _edges(rows, outputs),
    }


def _nothing() -> dict[str, np.ndarray]:
    """The net without units: one function, f = 0, and nothing to vary, so that it is
    critical.
    """
    from condensery.data import load

    whole = {
        name: np.zeros(1, dtype=np.int64)
        for name in ("width", "units", "starts", "negative", "most_negative")
    }
    sure = {name: np.ones(1, dtype=bool) for name in ("new", "decided", "mirror")}
    loss = float(np.mean(load("three-steps").y ** 2))
    return {
        **whole,
        "zero": np.zeros(1, dtype=np.int64),
        **sure,
        "loss": np.array([loss]),
        "output": np.zeros((1, 181)),
    }


def _searches(per_width: dict[int, dict[str, np.ndarray]]) -> Table:
    columns: dict[str, list] = {"width": [], "status": [], "count": []}
    for width, arrays in per_width.items():
        for number, name in enumerate(STATUSES):
            columns["width"].append(width)
            columns["status"].append(name)
            columns["count"].append(int((arrays["status"] == number).sum()))
    return Table(columns={name: np.asarray(column) for name, column in columns.items()})


def _classes(width: int, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Critical points of a width by their function; of each class the least and largest
    inertia that was met.
    """
    found = np.flatnonzero(arrays["status"] == 0)
    outputs = np.array([_output(arrays["theta"][row], width) for row in found])
    groups: list[list[int]] = []
    for place in np.argsort(arrays["loss"][found], kind="stable"):
        for group in groups:
            scale = max(1.0, float(np.abs(outputs[group[0]]).max()))
            if np.abs(outputs[place] - outputs[group[0]]).max() <= SAME * scale:
                group.append(int(place))
                break
        else:
            groups.append([int(place)])
    rows = [[int(found[place]) for place in group] for group in groups]
    sure = [[row for row in group if arrays["decided"][row]] or group for group in rows]
    best = [min(group, key=lambda row: arrays["gradient"][row]) for group in rows]
    units = np.array(
        [int(np.median(arrays["units"][group])) for group in rows], dtype=np.int64
    )
    counts = arrays["counts"]
    return {
        "width": np.full(len(rows), width),
        "loss": np.array([arrays["loss"][row] for row in best], dtype=np.float64),
        "units": units,
        "new": units == width,
        "starts": np.array([len(group) for group in rows], dtype=np.int64),
        "negative": np.array(
            [min(counts[row, 0] for row in group) for group in sure], dtype=np.int64
        ),
        "most_negative": np.array(
            [max(counts[row, 0] for row in group) for group in sure], dtype=np.int64
        ),
        "zero": np.array(
            [min(counts[row, 1] for row in group) for group in sure], dtype=np.int64
        ),
        "decided": np.array(
            [bool(arrays["decided"][group].any()) for group in rows], dtype=bool
        ),
        "mirror": np.array(
            [_is_odd(_output(arrays["theta"][row], width)) for row in best], dtype=bool
        ),
        "output": np.array(
            [_output(arrays["theta"][row], width) for row in best]
        ).reshape(len(best), -1),
    }


def _output(theta: np.ndarray, width: int) -> np.ndarray:
    """The function on 181 points of [−18, 18], beyond the data on both sides."""
    x = np.linspace(-18, 18, 181)
    w, b, a = theta[:width], theta[width : 2 * width], theta[2 * width :]
    return np.tanh(np.outer(x, w) + b) @ a


def _is_odd(output: np.ndarray) -> bool:
    return bool(
        np.abs(output + output[::-1]).max() <= SAME * max(1.0, np.abs(output).max())
    )


def _edges(rows: dict[str, np.ndarray], outputs: list[np.ndarray]) -> Table:
    """From every new class to the classes of wider nets with its function, found there
    or only known to be there.
    """
    widths = sorted({int(width) for width in rows["width"]})
    columns: dict[str, list] = {"class": [], "width": [], "embedded": [], "found": []}
    for number in np.flatnonzero(rows["new"]):
        for width in widths:
            if width <= rows["width"][number]:
                continue
            scale = max(1.0, float(np.abs(outputs[number]).max()))
            same = [
                int(other)
                for other in np.flatnonzero(rows["width"] == width)
                if np.abs(outputs[int(other)] - outputs[number]).max() <= SAME * scale
            ]
            columns["class"].append(int(number))
            columns["width"].append(width)
            columns["embedded"].append(same[0] if same else -1)
            columns["found"].append(bool(same))
    kinds = {"class": np.int64, "width": np.int64, "embedded": np.int64, "found": bool}
    return Table(
        columns={
            name: np.asarray(columns[name], dtype=kind) for name, kind in kinds.items()
        },
        units={
            "embedded": "−1 where no start of that width led to it; that it is "
            "critical there is a theorem"
        },
    )

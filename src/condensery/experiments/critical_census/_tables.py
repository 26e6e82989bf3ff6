"""The tables of critical-census: statuses, classes of critical points, and which embed
in which.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.data import load
from condensery.declare import Blocks, Results, Tables, rows, table
from condensery.experiments.critical_census._config import Config
from condensery.experiments.critical_census._tasks import search
from condensery.experiments.critical_census._trainings import train
from condensery.protocols import Arrays

SAME = 1e-5
"""Outputs that differ by less, relative to the largest, are those of one class."""

AT = 0.01
"""A net rests at a class if its output differs by less, relative L2."""

POINTS = 181
"""Where outputs are compared."""

STATUSES = (
    "found",
    "gradient flat",
    "at infinity",
    "at kink",
    "out of steps",
    "not finite",
)


COUNTS = ("width", "units", "starts", "negative", "most_negative", "zero")


def _found(results: Results) -> dict[int, Arrays]:
    """All blocks of starts of each width, joined."""
    blocks: dict[int, list[Arrays]] = {}
    for arguments, run in results.of(search):
        blocks.setdefault(arguments["width"], []).append(run)
    return {width: _joined(runs) for width, runs in blocks.items()}


def _joined(blocks: Sequence[Arrays]) -> dict[str, np.ndarray]:
    return {
        name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]
    }


def _all_classes(results: Results) -> dict[str, np.ndarray]:
    """The classes of all widths with their outputs."""
    blocks = [_nothing()]
    for width, arrays in _found(results).items():
        blocks.append(_classes(width, arrays))
    return _joined(blocks)


@table()
def searches(config: Config, results: Results) -> Blocks:
    """How the searches of each width ended."""
    for width, arrays in _found(results).items():
        status = arrays["status"]
        codes = range(len(STATUSES))
        counts = [(status == code).sum() for code in codes]
        axes = {
            "width": [width],
            "status": STATUSES,
        }
        yield rows(
            axes,
            count=[counts],
        )


@table(
    units="of the smallest net with this function",
    new="whether no narrower net has this function",
    mirror="whether the mirror image f(−x) = −f(x) is the class itself",
    starts="how many starts led to it",
)
def classes(config: Config, results: Results) -> Blocks:
    """One row per function and width; the first is the net without units."""
    columns = _all_classes(results)
    del columns["output"]
    columns["class"] = np.arange(len(columns["width"]))
    yield columns


def _nothing() -> dict[str, np.ndarray]:
    """The net without units: one function, f = 0, and nothing to vary, so that it is
    critical.
    """
    targets = load("three-steps").y
    zero = np.zeros(1, dtype=np.int64)
    true = np.ones(1, dtype=bool)
    return {
        **dict.fromkeys(COUNTS, zero),
        **dict.fromkeys(("new", "decided", "mirror"), true),
        "loss": np.array([float(np.mean(targets**2))]),
        "output": np.zeros((1, POINTS)),
    }


def _classes(width: int, arrays: Arrays) -> dict[str, np.ndarray]:
    """Critical points of a width by their function; of each class the least and largest
    inertia that was met.
    """
    groups = _same_functions(width, arrays)
    gradient = arrays["gradient"]
    decided = arrays["decided"]
    negative, zero, _ = arrays["counts"].T
    best = [
        min(
            group,
            key=lambda row: gradient[row],
        )
        for group in groups
    ]
    sure = []
    for group in groups:
        clear = [row for row in group if decided[row]]
        sure.append(clear or group)
    outputs = [_output(arrays["theta"][row], width) for row in best]
    units = _whole([np.median(arrays["units"][group]) for group in groups])
    is_decided = [bool(decided[group].any()) for group in groups]
    losses = [arrays["loss"][row] for row in best]
    is_odd = [_is_odd(output) for output in outputs]
    return {
        "width": np.full(len(groups), width),
        "loss": np.array(losses, dtype=np.float64),
        "units": units,
        "new": units == width,
        "starts": _whole([len(group) for group in groups]),
        "negative": _whole([negative[group].min() for group in sure]),
        "most_negative": _whole([negative[group].max() for group in sure]),
        "zero": _whole([zero[group].min() for group in sure]),
        "decided": np.array(is_decided, dtype=bool),
        "mirror": np.array(is_odd, dtype=bool),
        "output": np.array(outputs).reshape(len(best), POINTS),
    }


def _same_functions(width: int, arrays: Arrays) -> list[list[int]]:
    """The rows of each class, the class of least loss first."""
    critical = np.flatnonzero(arrays["status"] == 0)
    losses = arrays["loss"][critical]
    ascending = critical[np.argsort(losses, kind="stable")]
    groups: list[list[int]] = []
    firsts: list[np.ndarray] = []
    for row in ascending.tolist():
        output = _output(arrays["theta"][row], width)
        for group, first in zip(
            groups,
            firsts,
            strict=True,
        ):
            if _is_same(output, first):
                group.append(row)
                break
        else:
            groups.append([row])
            firsts.append(output)
    return groups


def _is_same(output: np.ndarray, first: np.ndarray) -> bool:
    scale = max(1.0, float(np.abs(first).max()))
    return bool(np.abs(output - first).max() <= SAME * scale)


def _whole(values: Sequence[float]) -> np.ndarray:
    return np.array(
        [int(value) for value in values],
        dtype=np.int64,
    )


def _output(theta: np.ndarray, width: int) -> np.ndarray:
    """The function on `POINTS` points of [−18, 18], beyond the data on both sides."""
    from condensery.models import Network

    x = np.linspace(-18, 18, POINTS)
    w, b, a = np.split(theta, [width, 2 * width])
    network = Network.of([(w[:, None], b), (a[None], None)], "tanh")
    return network.forward(x[:, None])[:, 0]


def _is_odd(output: np.ndarray) -> bool:
    scale = max(1.0, np.abs(output).max())
    return bool(np.abs(output + output[::-1]).max() <= SAME * scale)


@table(
    embedded="−1 where no start of that width led to it; that it is "
    "critical there is a theorem"
)
def edges(config: Config, results: Results) -> Blocks:
    """From every new class to the classes of wider nets with its function, found there
    or only known to be there.
    """
    columns = _all_classes(results)
    width, outputs = columns["width"], columns["output"]
    pairs = []
    for number in np.flatnonzero(columns["new"]):
        wider = np.unique(width[width > width[number]])
        for level in wider:
            same = [
                row
                for row in np.flatnonzero(width == level)
                if _is_same(outputs[row], outputs[number])
            ]
            end = same[0] if same else -1
            pairs.append((number, level, end, bool(same)))
    starts, levels, ends, met = (
        np.array(
            pairs,
            dtype=np.int64,
        )
        .reshape(-1, 4)
        .T
    )
    yield {
        "class": starts,
        "width": levels,
        "embedded": ends,
        "found": met.astype(bool),
    }


@table(
    step="record of the plateau after which the loss falls most slowly",
    at="nearest class",
    distance="of the outputs, relative L2",
    rests="whether it is below .01",
)
def rests(config: Config, results: Results) -> Blocks:
    """One row per plateau of a net that was trained from the published start."""
    columns = _all_classes(results)
    outputs = columns["output"]
    sizes = np.linalg.norm(outputs, axis=1)
    # the constant output has no size: it is compared with the best net of one unit
    reach = np.where(sizes > 0, sizes, sizes[sizes > 0].min(initial=np.inf))
    yield rows(
        {"seed": np.zeros(0, dtype=np.int64)},
        width=0,
        step=0,
        loss=0.0,
        at=0,
        distance=0.0,
        rests=False,
    )
    for arguments, run in results.of(train):
        width = arguments["width"]
        nearest, least = [], []
        for theta in run["theta"]:
            output = _output(theta, width)
            distances = np.linalg.norm(outputs - output, axis=1) / reach
            nearest.append(int(distances.argmin()))
            least.append(float(distances.min()))
        distance = np.array(least, dtype=np.float64)
        yield {
            "width": width,
            "seed": run["seed"],
            "step": run["step"],
            "loss": run["loss"],
            "at": np.array(nearest, dtype=np.int64),
            "distance": distance,
            "rests": distance < AT,
        }


@table(share="of the trained nets of this width that rested at the class at some time")
def visits(config: Config, tables: Tables) -> Blocks:
    """Which classes trainings visit."""
    classes, resting = tables["classes"], tables["rests"]
    for width in config.widths:
        at = resting.select(width=width, rests=True)
        shares = []
        for number in classes["class"].tolist():
            visitors = np.unique(at.select(at=number)["seed"])
            shares.append(len(visitors) / max(config.train_seeds, 1))
        yield rows(
            {"class": classes["class"]},
            width=width,
            loss=classes["loss"],
            share=shares,
        )

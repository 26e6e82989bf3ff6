"""From shards to tables: ends, courses, and R_S on the lines between the ends of L1 to
L4.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery.declare import Blocks, Results, Tables, rows, stack, table
from condensery.experiments.dropout_images._config import (
    PARTS,
    SMALL,
    Config,
    images,
    runs,
)
from condensery.experiments.dropout_images._tasks import train
from condensery.metrics import loss_barrier
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
WITH_R1 = ("L1", "L3")
PLACES = np.linspace(-0.5, 1.5, 81)
"""Where on the line (1 − a) θ_first + a θ_second R_S is taken; 0 and 1 are among
them.
"""
_FIRST, _SECOND = 20, 60

Net = tuple[np.ndarray, np.ndarray, np.ndarray]
"""W (unit, feature), b (unit,) and the output weights (output, unit)."""


Trained = dict[tuple[str, float], Net]
"""Loss and p to the parameters at the end, stacked over seeds."""

VALUES = ("accuracy", "loss", "r1")
UNITS = {
    "accuracy": "on held-out images",
    "loss": "R_S",
    "r1": "at the run's own p",
}
BEND = "second derivative of R_S along the line, at that end"


def _values(shard: Arrays) -> dict[str, np.ndarray]:
    return {name: np.asarray(shard[name], dtype=np.float64) for name in VALUES}


def ends(config: Config, results: Results) -> Table:
    """Accuracy, R_S and R1 at the end of every run."""
    seeds, blocks = range(config.seeds), []
    for run, shard in results.of(train):
        last = {name: column[-1] for name, column in _values(shard).items()}
        axes = {
            "kind": [run["kind"]],
            "keep": [run["keep"]],
            "seed": seeds,
        }
        blocks.append(
            rows(
                axes,
                status=shard["status"],
                **last,
            )
        )
    return stack(blocks, **UNITS)


def courses(config: Config, results: Results) -> Table:
    """The same at every recorded step."""
    seeds, blocks = range(config.seeds), []
    for run, shard in results.of(train):
        labels = {"kind": run["kind"], "keep": run["keep"]}
        axes = {"step": shard["step"], "seed": seeds}
        blocks.append(
            rows(
                axes,
                **labels,
                **_values(shard),
            )
        )
    return stack(blocks, **UNITS)


@table(place="0 at the first, 1 at the second", loss="R_S")
def paths(config: Config, results: Results) -> Blocks:
    """R_S on the lines between the ends of L1 to L4."""
    lines = _lines(config, results)
    for axes, losses in lines:
        yield rows({**axes, "place": PLACES}, loss=losses)


@table(
    accuracy="percent, mean over seeds",
    error="percent that are wrong, mean over seeds",
    low="of it, less one standard error over seeds",
    high="of it, plus one standard error over seeds",
)
def means(config: Config, tables: Tables) -> Blocks:
    """Of every loss and p the means over seeds."""
    ends = tables["runs"]
    for kind, keep in runs(config):
        subset = ends.select(kind=kind, keep=keep)
        wrong = 100 * (1 - subset["accuracy"])
        mean = float(np.mean(wrong))
        count = len(wrong)
        spread = np.std(wrong, ddof=1) if count > 1 else 0.0
        error = float(spread) / np.sqrt(count)
        yield {
            "kind": kind,
            "keep": keep,
            "accuracy": 100 - mean,
            "error": mean,
            "low": mean - error,
            "high": mean + error,
            "loss": np.mean(subset["loss"]),
            "r1": np.mean(subset["r1"]),
        }


@table(
    moves="range of the mean accuracy in the last half of the steps, points",
    falls="how far R_S + R1 falls in it",
)
def settling(config: Config, tables: Tables) -> Blocks:
    """How far every loss and p has settled."""
    courses = tables["courses"]
    for kind, keep in runs(config):
        course = courses.select(kind=kind, keep=keep)
        steps = np.unique(course["step"])
        late = steps[steps >= steps.max() // 2]
        total = course["loss"] + course["r1"]
        means, losses = [], []
        for step in late:
            at = course["step"] == step
            means.append(100 * float(np.mean(course["accuracy"][at])))
            losses.append(float(np.mean(total[at])))
        yield {
            "kind": kind,
            "keep": keep,
            "moves": np.ptp(means),
            "falls": losses[0] - losses[-1],
        }


STARTED = ("plain", "dropout", "expected")


@table(small="whether the start was small")
def starts(config: Config, tables: Tables) -> Blocks:
    """Errors from the large and the small start, at the first p."""
    if not config.small_steps:
        return
    means, keep = tables["means"], config.keeps[0]
    for position, kind in enumerate(STARTED, start=1):
        for is_small in (False, True):
            row = means.select(
                kind=SMALL * is_small + kind,
                keep=1.0 if kind == "plain" else keep,
            )
            yield {
                "position": position,
                "small": is_small,
                "error": row["error"][0],
                "low": row["low"][0],
                "high": row["high"][0],
            }


@table()
def parts(config: Config, tables: Tables) -> Blocks:
    """The four losses that take dropout apart, at the p at which they are judged."""
    if not config.part_keeps:
        return
    keep = config.part_keeps[0]
    for position, part in enumerate(PARTS, start=1):
        row = tables["means"].select(kind=part, keep=keep)
        yield {
            "position": position,
            "loss": part,
            "with_r1": part in WITH_R1,
            "error": row["error"][0],
            "low": row["low"][0],
            "high": row["high"][0],
        }


FAMILIES = {
    (True, True): "both with $R_1$",
    (False, False): "both without",
    (True, False): "one with, one without",
}
"""Whether the first and the second solution have R1, to the name of the line."""


@table(place="0 at the first, 1 at the second", loss="R_S")
def path_medians(config: Config, tables: Tables) -> Blocks:
    """R_S on the lines, medians over seeds, and which of both ends have R1."""
    for first, second in PAIRS:
        family = FAMILIES[first in WITH_R1, second in WITH_R1]
        for keep in config.part_keeps:
            line = tables["paths"].select(
                first=first,
                second=second,
                keep=keep,
            )
            places = np.unique(line["place"])
            losses = [line.select(place=place)["loss"] for place in places]
            yield rows(
                {"place": places},
                pair=f"{first} to {second}",
                family=family,
                keep=keep,
                loss=np.median(losses, axis=1),
            )


@table(
    barrier="largest height of R_S between the ends over the straight line that "
    "joins its values there",
    bend_first=BEND,
    bend_second=BEND,
)
def barriers(config: Config, results: Results) -> Blocks:
    """Height of R_S on every line, and how it bends at the ends."""
    for axes, losses in _lines(config, results):
        yield rows(
            axes,
            barrier=loss_barrier(PLACES, losses),
            bend_first=_bend(losses, _FIRST),
            bend_second=_bend(losses, _SECOND),
        )


def _lines(
    config: Config, results: Results
) -> Iterator[tuple[dict[str, ArrayLike], np.ndarray]]:
    """p, seed and pair of every line, as axes of one row, and R_S on it."""
    data, _ = images(config)
    trained = _trained(results)
    for keep in config.part_keeps:
        for seed in range(config.seeds):
            for first, second in PAIRS:
                start = _member(trained[first, keep], seed)
                end = _member(trained[second, keep], seed)
                axes: dict[str, ArrayLike] = {
                    "first": [first],
                    "second": [second],
                    "keep": [keep],
                    "seed": [seed],
                }
                yield axes, along(start, end, data)


def _trained(results: Results) -> Trained:
    """L1 to L4 alone keep their parameters."""
    trained = {}
    for run, shard in results.of(train):
        if run["kind"] in PARTS:
            layers = (shard[name] for name in ("W", "b", "top"))
            W, b, top = (np.asarray(layer, dtype=np.float64) for layer in layers)
            trained[run["kind"], run["keep"]] = (W, b, top)
    return trained


def _member(net: Net, seed: int) -> Net:
    W, b, top = net
    return W[seed], b[seed], top[seed]


def along(
    first: Net,
    second: Net,
    data: tuple[np.ndarray, np.ndarray],
    places: Float[np.ndarray, " place"] = PLACES,
) -> Float[np.ndarray, " place"]:
    """R_S on the line (1 − a) θ_first + a θ_second.

    Formula:
        R_S(θ) = 1/(2n) Σ ‖W_2 relu(W_1 x + b) − y‖². What goes into the hidden layer is
        affine in a, and is worked out at the two ends alone: on images that is many
        times faster than `condensery.landscape.loss_along`, and needs no JAX.

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


def _bend(losses: Float[np.ndarray, " place"], at: int) -> float:
    step = PLACES[1] - PLACES[0]
    return float((losses[at - 1] - 2 * losses[at] + losses[at + 1]) / step**2)

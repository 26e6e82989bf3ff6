"""The tables of embedding-depth: lifts, spectra, curves, scores, prunings, and what the
figures show of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.embedding_depth._config import Config
from condensery.experiments.embedding_depth._lifts import COLUMNS, lifted
from condensery.experiments.embedding_depth._training import PRUNED, train
from condensery.records import Table

KINDS = ("negative", "zero", "positive")
WHOLE = (
    "point",
    "width",
    "added",
    "decided",
)
"""Columns of whole numbers, beside those of the kinds."""

SIDES = ("before", "after")
CURVES = {"before": "point", "after": "lift"}
"""Side of a lift to its name in the legend."""


def lifts(config: Config, results: Results) -> Table:
    """Every lift."""
    blocks = []
    for arguments, run in results.of(lifted):
        array = run["lifts"]
        activation = np.repeat(arguments["activation"], len(array))
        block: dict[str, Any] = {"activation": activation}
        for name, column in zip(COLUMNS, array.T, strict=True):
            is_count = name in WHOLE or name.endswith(KINDS)
            block[name] = column.astype(np.int64) if is_count else column
        blocks.append(block)
    return stack(
        blocks, added="parameters of the deep net less those of the shallow one"
    )


def spectra(config: Config, results: Results) -> Table:
    """Eigenvalues at the first point of every activation, and at its first lift."""
    blocks = []
    for arguments, run in results.of(lifted):
        for when, side in enumerate(SIDES):
            values = np.asarray(run[f"spectrum_{side}"])
            count = len(values)
            block = {
                "activation": np.repeat(arguments["activation"], count),
                "when": np.repeat(when, count),
                "eigenvalue": values,
            }
            blocks.append(block)
    return stack(blocks, when="0 at the critical point, 1 at its lift")


def ranked(config: Config, results: Results) -> Table:
    """See `ranked_spectra`."""
    return ranked_spectra(spectra(config, results), lifts(config, results))


def ranked_spectra(spectra: Table, lifts: Table) -> Table:
    """The eigenvalues over the largest, by rank; the name of a curve counts its signs,
    as the first lift of the activation has them.
    """
    blocks = []
    for activation in dict.fromkeys(spectra["activation"].tolist()):
        counted = lifts.select(activation=activation)
        for when, side in enumerate(SIDES):
            curve = spectra.select(activation=activation, when=when)
            counts = [str(counted[f"{side}_{kind}"][0]) for kind in KINDS]
            ascending = np.sort(curve["eigenvalue"])
            ranks = np.arange(1, len(curve) + 1)
            block = rows(
                {"rank": ranks},
                activation=activation,
                when=when,
                curve=f"{CURVES[side]} ({', '.join(counts)})",
                eigenvalue=ascending / np.abs(ascending).max(),
            )
            blocks.append(block)
    if not blocks:
        names = (
            "activation",
            "when",
            "rank",
            "curve",
            "eigenvalue",
        )
        return Table(columns={name: np.zeros(0) for name in names})
    return stack(blocks, eigenvalue="over the largest in absolute value")


def _setting(arguments: Any) -> dict[str, int]:
    """The columns that name a setting."""
    return {
        "hidden": arguments["hidden"],
        "samples": arguments["samples"],
        "batch_norm": int(arguments["batch_norm"]),
    }


def _blocks(results: Results, name: str, *axes: str) -> Iterator[dict[str, Any]]:
    """One block per setting, of an array over seeds, steps and maybe layers."""
    for arguments, run in results.of(train):
        values = np.asarray(run[name])
        points = {"seed": np.arange(len(values)), "step": run["step"]}
        for number, axis in enumerate(axes, start=2):
            points[axis] = np.arange(1, values.shape[number] + 1)
        columns: dict[str, Any] = _setting(arguments)
        columns[name] = values
        yield rows(points, **columns)


def curves(config: Config, results: Results) -> Table:
    """Loss of every net at the recorded steps."""
    return stack(_blocks(results, "loss"))


def scores(config: Config, results: Results) -> Table:
    """Linearity of every layer at the recorded steps."""
    return stack(
        _blocks(results, "score", "layer"),
        score="least |correlation| of pre-activation and activation over the "
        "live units",
    )


def pruned(config: Config, results: Results) -> Table:
    """What became of every net without batch normalisation."""
    blocks = []
    for arguments, run in results.of(train):
        if "removed" in run:
            seeds = np.arange(len(run["removed"]))
            columns: dict[str, Any] = _setting(arguments)
            columns |= {name: run[name] for name in PRUNED}
            block = rows({"seed": seeds}, **columns)
            blocks.append(block)
    return stack(blocks, removed="hidden layers taken out")


def median_losses(config: Config, results: Results) -> Table:
    """See `losses_by_depth`."""
    return losses_by_depth(curves(config, results), config.most)


def losses_by_depth(curves: Table, samples: int) -> Table:
    """Median loss over the seeds at every step, for every depth without batch
    normalisation.
    """
    blocks = []
    for hidden in np.unique(curves["hidden"]).tolist():
        nets = curves.select(
            hidden=hidden,
            samples=samples,
            batch_norm=0,
        )
        steps, medians = _medians(nets, "loss")
        block = rows({"step": steps}, hidden=hidden, loss=medians)
        blocks.append(block)
    return stack(blocks, loss="median over the seeds")


def _medians(nets: Table, column: str) -> tuple[np.ndarray, list[float]]:
    """Steps, and the median over the seeds at each."""
    steps = np.unique(nets["step"])
    medians = []
    for step in steps.tolist():
        values = nets.select(step=step)[column]
        medians.append(float(np.median(values)))
    return steps, medians


def least_scores(config: Config, results: Results) -> Table:
    """See `scores_over_layers`."""
    return scores_over_layers(scores(config, results))


def scores_over_layers(scores: Table) -> Table:
    """The least score of any layer of the deepest nets, for every seed and step."""
    deep = scores.select(hidden=int(scores["hidden"].max()))
    layers = len(np.unique(deep["layer"]))
    values = deep["score"].reshape(-1, layers)
    # nan is a silent layer: it is passed over, and a net of silent ones stays nan
    least = np.fmin.reduce(values, axis=1)
    names = (
        "samples",
        "batch_norm",
        "seed",
        "step",
    )
    columns = {name: deep[name][::layers] for name in names}
    return Table(
        columns={**columns, "score": least},
        units={"score": "least of the layers"},
    )


def median_scores(config: Config, results: Results) -> Table:
    """See `scores_over_seeds`."""
    return scores_over_seeds(least_scores(config, results))


def scores_over_seeds(least: Table) -> Table:
    """Median over the seeds of the least score, and whether it is the last step."""
    blocks = []
    last = int(least["step"].max())
    settings = np.column_stack([least["samples"], least["batch_norm"]])
    for samples, batch_norm in np.unique(settings, axis=0).tolist():
        nets = least.select(samples=samples, batch_norm=batch_norm)
        steps, medians = _medians(nets, "score")
        block = rows(
            {"step": steps},
            samples=samples,
            batch_norm=batch_norm,
            score=medians,
            last=steps == last,
        )
        blocks.append(block)
    return stack(blocks, score="median over the seeds of the least of the layers")

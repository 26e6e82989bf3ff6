"""The tables of embedding-depth: lifts, spectra, curves, scores, prunings, and what the
figures show of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, table
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


@table(added="parameters of the deep net less those of the shallow one")
def lifts(config: Config, results: Results) -> Blocks:
    """Every lift."""
    for arguments, run in results.of(lifted):
        columns = run["lifts"].T
        block: dict[str, Any] = dict(arguments)
        for name, column in zip(COLUMNS, columns, strict=True):
            block[name] = column
            if name in WHOLE or name.endswith(KINDS):
                block[name] = column.astype(np.int64)
        yield block


@table(when="0 at the critical point, 1 at its lift")
def spectra(config: Config, results: Results) -> Blocks:
    """Eigenvalues at the first point of every activation, and at its first lift."""
    for arguments, run in results.of(lifted):
        for when, side in enumerate(SIDES):
            yield {
                "activation": arguments["activation"],
                "when": when,
                "eigenvalue": run[f"spectrum_{side}"],
            }


@table(eigenvalue="over the largest in absolute value")
def ranked(config: Config, tables: Tables) -> Blocks:
    """The eigenvalues over the largest, by rank; the name of a curve counts its signs,
    as the first lift of the activation has them.
    """
    no_row = {"rank": np.zeros(0, dtype=np.int64)}
    yield rows(
        no_row,
        activation="",
        when=0,
        curve="",
        eigenvalue=0.0,
    )
    spectra = tables["spectra"]
    for activation in dict.fromkeys(spectra["activation"].tolist()):
        counted = tables["lifts"].select(activation=activation)
        for when, side in enumerate(SIDES):
            curve = spectra.select(
                activation=activation,
                when=when,
            )
            counts = [counted[f"{side}_{kind}"][0] for kind in KINDS]
            listed = ", ".join(map(str, counts))
            ascending = np.sort(curve["eigenvalue"])
            largest = np.abs(ascending).max()
            yield {
                "rank": np.arange(1, len(curve) + 1),
                "activation": activation,
                "when": when,
                "curve": f"{CURVES[side]} ({listed})",
                "eigenvalue": ascending / largest,
            }


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
        measures = {name: values}
        yield rows(
            points,
            **_setting(arguments),
            **measures,
        )


@table()
def curves(config: Config, results: Results) -> Blocks:
    """Loss of every net at the recorded steps."""
    yield from _blocks(results, "loss")


@table(score="least |correlation| of pre-activation and activation over the live units")
def scores(config: Config, results: Results) -> Blocks:
    """Linearity of every layer at the recorded steps."""
    yield from _blocks(results, "score", "layer")


@table(removed="hidden layers taken out")
def pruned(config: Config, results: Results) -> Blocks:
    """What became of every net without batch normalisation."""
    for arguments, run in results.of(train):
        if "removed" in run:
            yield {
                "seed": np.arange(len(run["removed"])),
                **_setting(arguments),
                **{name: run[name] for name in PRUNED},
            }


@table(loss="median over the seeds")
def median_losses(config: Config, tables: Tables) -> Blocks:
    """Median loss over the seeds at every step, for every depth without batch
    normalisation.
    """
    curves = tables["curves"].select(
        samples=config.most,
        batch_norm=0,
    )
    for hidden in np.unique(tables["curves"]["hidden"]).tolist():
        nets = curves.select(hidden=hidden)
        steps, medians = _medians(nets, "loss")
        yield {
            "step": steps,
            "hidden": hidden,
            "loss": medians,
        }


def _medians(nets: Table, column: str) -> tuple[np.ndarray, list[float]]:
    """Steps, and the median over the seeds at each."""
    steps = np.unique(nets["step"])
    medians = []
    for step in steps.tolist():
        values = nets.select(step=step)[column]
        medians.append(float(np.median(values)))
    return steps, medians


@table(score="least of the layers", loss="at the same step")
def least_scores(config: Config, tables: Tables) -> Blocks:
    """The least score of any layer of the deepest nets, for every seed and step."""
    scores = tables["scores"]
    deepest = int(scores["hidden"].max())
    deep = scores.select(hidden=deepest)
    # both tables have the settings, seeds and steps in one order
    curves = tables["curves"].select(hidden=deepest)
    layers = len(np.unique(deep["layer"]))
    values = deep["score"].reshape(-1, layers)
    first = deep.take(deep["layer"] == 1)
    names = (
        "samples",
        "batch_norm",
        "seed",
        "step",
    )
    yield {
        **{name: first[name] for name in names},
        # nan is a silent layer: it is passed over, and a net of silent ones stays nan
        "score": np.fmin.reduce(values, axis=1),
        "loss": curves["loss"],
    }


@table(loss="median over the seeds, three hidden layers without batch normalisation")
def plateau_levels(config: Config, tables: Tables) -> Blocks:
    """The loss of the plateau at which nets are compared."""
    pruned = tables["pruned"]
    deepest = int(pruned["hidden"].max())
    of_most = pruned.select(
        samples=config.most,
        hidden=deepest,
    )
    yield rows({}, loss=float(np.median(of_most["plateau_loss"])))


@table(score="median over the seeds of the least of the layers")
def median_scores(config: Config, tables: Tables) -> Blocks:
    """Median over the seeds of the least score, and whether it is the last step."""
    least = tables["least_scores"]
    last = int(least["step"].max())
    settings = np.column_stack([least["samples"], least["batch_norm"]])
    for samples, batch_norm in np.unique(settings, axis=0).tolist():
        nets = least.select(
            samples=samples,
            batch_norm=batch_norm,
        )
        steps, medians = _medians(nets, "score")
        yield {
            "step": steps,
            "samples": samples,
            "batch_norm": batch_norm,
            "score": medians,
            "last": steps == last,
        }

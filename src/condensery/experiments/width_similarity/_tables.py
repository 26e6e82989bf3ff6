"""Tables of width-similarity."""

from __future__ import annotations

import numpy as np

from condensery.declare import Blocks, Results, rows, table
from condensery.experiments.width_similarity._config import Config, Target, X
from condensery.experiments.width_similarity._work import (
    escape,
    levels,
    printed,
    train,
)
from condensery.protocols import Arrays

OF_A_NET = ("fallen", "left", "slowest", "rest", "distance", "neurons", "negatives")
"""Columns of a net that the tasks return under the same name."""


@table(time="mean-field time: steps times the rate per unit")
def losses(config: Config, results: Results) -> Blocks:
    """Loss curves of the first net of every width."""
    for arguments, run in results.of(train):
        yield rows(
            {"time": run["time"]},
            **arguments,
            loss=run["loss"][0],
        )


@table(
    fallen="first recorded time below 1.1 of the best width-1 loss; inf: never",
    left="first recorded time below .917 of it; inf: never",
    slowest="time between them after which the loss falls most slowly",
    rest="loss there",
    distance="there, from the best width-1 function: L2 over its norm",
    neurons="there, effective neurons at cosine .95, up to sign",
    negatives="there, negative eigenvalues of the Hessian: beyond .01 of the least",
)
def nets(config: Config, results: Results) -> Blocks:
    """One row per net: when it came down to the plateau and left it, and what it was
    there.
    """
    for arguments, run in results.of(train):
        of_nets = {name: run[name] for name in OF_A_NET}
        seeds = {"seed": range(len(run["rest"]))}
        yield rows(seeds, **arguments, **of_nets)


def _judged_time(config: Config, results: Results, target: Target) -> float:
    """The median time at which nets of the middle width leave."""
    widths = sorted(config.widths)
    middle = {"target": target, "width": widths[len(widths) // 2]}
    (left,) = (
        run["left"] for arguments, run in results.of(train) if arguments == middle
    )
    return float(np.median(left))


@table(
    by="median time at which nets of the middle width leave",
    gone="nets that have left by then",
    share="their share",
    median="median time of leaving; inf: more than half never left",
)
def departures(config: Config, results: Results) -> Blocks:
    """How many nets of every width have left by one time, and the median time."""
    for arguments, run in results.of(train):
        by = _judged_time(config, results, arguments["target"])
        left = run["left"]
        gone = left[np.isfinite(left)] <= by
        yield rows(
            {},
            **arguments,
            nets=len(left),
            by=by,
            gone=int(gone.sum()),
            share=gone.sum() / len(left),
            median=np.median(left),
        )


@table(negatives="mean over the nets", predicted="m − 1")
def descent_directions(config: Config, results: Results) -> Blocks:
    """Mean number of descent directions at rest, and what theory gives."""
    for arguments, run in results.of(train):
        count = run["negatives"].mean()
        yield rows(
            {},
            **arguments,
            negatives=count,
            predicted=arguments["width"] - 1,
        )


@table()
def outputs(config: Config, results: Results) -> Blocks:
    """Output of the first net of every width where it rests."""
    for arguments, run in results.of(train):
        yield rows(
            {"x": X},
            **arguments,
            y=run["output"][0],
        )


@table()
def features(config: Config, results: Results) -> Blocks:
    """Orientation in [0, π), which does not tell w from −w, and amplitude over the
    largest, at the same place.
    """
    for arguments, run in results.of(train):
        w, b, a = run["features"][0].T
        amplitude = np.abs(a) * np.hypot(w, b)
        axes = {"orientation": np.mod(np.arctan2(b, w), np.pi)}
        relative = amplitude / amplitude.max()
        yield rows(axes, **arguments, amplitude=relative)


@table()
def levels_of_narrow_nets(config: Config, results: Results) -> Blocks:
    """Critical losses of narrow nets."""
    names = ("width", "loss", "gradient")
    for arguments, level in results.of(levels):
        axes = {"number": np.arange(len(level["loss"]))}
        columns = {name: level[name] for name in names}
        yield rows(axes, **arguments, **columns)


def _best(level: Arrays, width: int) -> int:
    of_width = np.flatnonzero(level["width"] == width)
    return int(of_width[level["loss"][of_width].argmin()])


@table()
def optima(config: Config, results: Results) -> Blocks:
    """The best function of each narrow width, and its loss."""
    for arguments, level in results.of(levels):
        for width in (1, 2):
            best = _best(level, width)
            yield rows(
                {"x": X},
                **arguments,
                width=width,
                y=level["output"][best],
                loss=level["loss"][best],
            )


@table()
def best_losses(config: Config, results: Results) -> Blocks:
    """The lowest critical loss of width 1, at which wider nets rest."""
    for arguments, level in results.of(levels):
        loss = level["loss"][_best(level, 1)]
        yield rows(
            {},
            **arguments,
            loss=loss,
        )


@table(steps="of gradient descent until the loss is 1 % below that of the embedded net")
def escapes(config: Config, results: Results) -> Blocks:
    """One row per parametrisation, width and seed."""
    seeds = {"seed": range(config.escape_seeds)}
    for arguments, run in results.of(escape):
        yield rows(
            seeds,
            **arguments,
            steps=run["steps"],
            status=run["status"],
        )


@table(steps="median over the seeds; those that stay count in full")
def escape_medians(config: Config, results: Results) -> Blocks:
    """The median of every width, which the figure marks."""
    for arguments, run in results.of(escape):
        yield rows(
            {},
            **arguments,
            steps=np.median(run["steps"]),
        )


@table()
def as_printed(config: Config, results: Results) -> Blocks:
    """Loss in the published setting, where it was asked for."""
    for _, run in results.of(printed):
        yield rows({"step": run["step"]}, loss=run["loss"])

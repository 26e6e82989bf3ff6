"""Tables of width-similarity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, rows, table
from condensery.experiments.width_similarity._config import Config, X
from condensery.experiments.width_similarity._work import escape, levels, train
from condensery.protocols import Arrays

OF_A_PLATEAU = (
    "first",
    "last",
    "at",
    "gradient",
    "effective",
    "neurons",
    "all_neurons",
)
"""Columns of a plateau that the tasks return under the same name."""


@table()
def losses(config: Config, results: Results) -> Blocks:
    """Loss curves."""
    for arguments, run in results.of(train):
        axes = {"seed": range(config.seeds), "step": run["step"]}
        yield rows(axes, **arguments, loss=run["loss"])


@table()
def resting(config: Config, results: Results) -> Blocks:
    """The stretches of the loss curves that lie on plateaus."""
    yield rows(
        {"step": []},
        width=0,
        optimiser="",
        seed=0,
        loss=0.0,
        plateau=0,
    )
    for arguments, run in results.of(train):
        spans = zip(run["member"], run["first"], run["last"], strict=True)
        for number, (seed, first, last) in enumerate(spans):
            steps = run["step"]
            rests = (steps >= first) & (steps <= last)
            yield rows(
                {"step": steps[rests]},
                **arguments,
                seed=seed,
                loss=run["loss"][seed, rests],
                plateau=number,
            )


@table(
    at="step of the least gradient",
    effective="exp of the entropy of the group amplitudes, up to sign",
    neurons="effective neurons at cosine .95, up to sign, of units above .05 of "
    "the largest amplitude",
    all_neurons="the same for all units",
    level="loss of the critical function of a narrow net nearest to the output",
    distance="L2 on the grid, over the norm of that function",
)
def plateaus(config: Config, results: Results) -> Blocks:
    """One row per plateau; the nearest level is that of the critical function nearest
    to the output there.
    """
    level = results.only(levels)
    for arguments, run in results.of(train):
        apart = level["output"] - run["output"][:, None]
        norm = np.linalg.norm(level["output"], axis=1)
        distance = np.linalg.norm(apart, axis=2) / norm
        nearest = distance.argmin(axis=1)
        yield rows(
            {"seed": run["member"]},
            **arguments,
            loss=run["rest"],
            **{name: run[name] for name in OF_A_PLATEAU},
            level_width=level["width"][nearest],
            level=level["loss"][nearest],
            distance=distance.min(axis=1),
        )


def _first_rests(results: Results) -> Iterator[tuple[dict[str, Any], Arrays, int]]:
    """Of each width the first plateau below loss 1 of the first seed."""
    for arguments, run in results.of(train):
        low = np.flatnonzero((run["rest"] < 1) & (run["member"] == 0))
        if low.size:
            first = np.argmin(run["first"][low])
            yield dict(arguments), run, int(low[first])


@table()
def outputs(config: Config, results: Results) -> Blocks:
    """Output of the first seed at the least gradient of its first plateau below loss
    1.
    """
    yield rows(
        {"x": np.zeros(0)},
        width=0,
        optimiser="",
        y=0.0,
    )
    for arguments, run, row in _first_rests(results):
        yield rows({"x": X}, **arguments, y=run["output"][row])


@table()
def features(config: Config, results: Results) -> Blocks:
    """Orientation in [0, π), which does not tell w from −w, and amplitude over the
    largest, at the same place.
    """
    no_row = {"orientation": np.zeros(0)}
    yield rows(
        no_row,
        width=0,
        optimiser="",
        amplitude=0.0,
    )
    for arguments, run, row in _first_rests(results):
        w, b, a = run["features"][row].T
        amplitude = np.abs(a) * np.hypot(w, b)
        axes = {"orientation": np.mod(np.arctan2(b, w), np.pi)}
        relative = amplitude / amplitude.max()
        yield rows(axes, **arguments, amplitude=relative)


@table()
def levels_of_narrow_nets(config: Config, results: Results) -> Blocks:
    """Critical losses of narrow nets."""
    level = results.only(levels)
    names = ("width", "loss", "gradient")
    yield {name: level[name] for name in names}


@table()
def best_losses(config: Config, results: Results) -> Blocks:
    """The lowest critical loss of widths 1 and 2, at which wider nets rest."""
    level = results.only(levels)
    for width in (1, 2):
        losses_of_width = level["loss"][level["width"] == width]
        yield {"width": width, "loss": losses_of_width.min()}


@table()
def optima(config: Config, results: Results) -> Blocks:
    """The best function of each narrow width."""
    level = results.only(levels)
    for width in np.unique(level["width"]):
        best = np.flatnonzero(level["width"] == width)[0]
        yield rows(
            {"x": X},
            width=int(width),
            y=level["output"][best],
        )


@table(
    steps="of gradient descent until the loss is 1 % below that of the embedded point",
)
def escapes(config: Config, results: Results) -> Blocks:
    """One row per width and seed."""
    seeds = range(config.escape_seeds)
    for arguments, run in results.of(escape):
        yield {"seed": seeds, **arguments, **run}


@table(steps="median over the seeds")
def escape_medians(config: Config, results: Results) -> Blocks:
    """The median of every width, which the figure marks."""
    for arguments, run in results.of(escape):
        yield {**arguments, "steps": np.median(run["steps"])}

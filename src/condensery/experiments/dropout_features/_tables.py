"""From the arrays of the tasks to tables."""

from __future__ import annotations

import numpy as np

from condensery.declare import Blocks, Results, rows, table
from condensery.experiments.dropout_features._config import (
    PREDICTED,
    Config,
    abscissas,
    target_output,
)
from condensery.experiments.dropout_features._features import MEASURES, STRIDES
from condensery.experiments.dropout_features._smoothness import LEAST_MOVE
from condensery.experiments.dropout_features._tasks import BRANCHES, switch, train

UNITS = {
    "effective_orientations": "exp of the entropy of the amplitude over 64 bins of "
    "orientation",
    "four_bins": "share of the amplitude in the four heaviest of the 64 bins",
    "near": "share of the amplitude within 0.15 rad of the target's own orientations",
}


def _by_name(measures: np.ndarray) -> dict[str, np.ndarray]:
    """The measures, which stand on the last axis, as columns."""
    columns = np.moveaxis(measures, -1, 0)
    return dict(zip(MEASURES, columns, strict=True))


@table(
    loss="R_S without masks",
    off="largest |f − target| between the outermost samples",
    changes=f"of convexity between the outermost samples, of {LEAST_MOVE:g} in slope",
    variation="of the output between the outermost samples over that of the target",
    **UNITS,
)
def fits(config: Config, results: Results) -> Blocks:
    """One row per fit and seed."""
    for arguments, run in results.of(train):
        start, *_, end = run["measures"]
        yield rows(
            {"seed": range(config.seeds)},
            **arguments,
            status=run["status"],
            loss=run["loss"][:, -1],
            off=run["off"],
            changes=run["changes"],
            variation=run["variation"],
            initial_orientations=start[:, 0],
            **_by_name(end),
        )


@table(**UNITS)
def growth(config: Config, results: Results) -> Blocks:
    """One row per fit and recorded step, of the first seed."""
    for arguments, run in results.of(train):
        yield rows(
            {"step": run["step"]},
            **arguments,
            loss=run["loss"][0],
            **_by_name(run["measures"][:, 0]),
        )


@table()
def outputs(config: Config, results: Results) -> Blocks:
    """One row per fit and abscissa, of the first seed."""
    for arguments, run in results.of(train):
        name = arguments["target"]
        x = abscissas(name)
        initial, final = run["output"]
        yield rows(
            {"x": x},
            **arguments,
            initial=initial,
            final=final,
            wanted=target_output(name, x),
        )


@table(when="0 initial, 1 final", orientation="rad", amplitude="over the largest")
def features(config: Config, results: Results) -> Blocks:
    """One row per fit, moment and unit that takes part, of the first seed; amplitudes
    over the moment's largest.
    """
    for arguments, run in results.of(train):
        for when, units in enumerate(run["features"]):
            is_alive = units[:, 2] > 0
            orientation, size, _ = units[is_alive].T
            largest = size.max(initial=0.0) or 1.0
            yield rows(
                {"orientation": orientation},
                **arguments,
                when=when,
                amplitude=size / largest,
            )


@table(distance="in lengths of each layer's parameters", loss="R_S, geometric mean")
def profiles(config: Config, results: Results) -> Blocks:
    """One row per fit and distance along a direction: R_S, geometric mean over
    directions and seeds.
    """
    for arguments, run in results.of(train):
        losses = run["profile"].reshape(-1, len(STRIDES))
        logarithms = np.log(np.maximum(losses, 1e-300))
        mean = np.exp(np.mean(logarithms, axis=0))
        yield rows({"distance": STRIDES}, **arguments, loss=mean)


@table(loss="R_S", r1="at the keep probability of the run, on every branch", **UNITS)
def switched(config: Config, results: Results) -> Blocks:
    """One row per branch (``first`` before the switch), step and seed."""
    run = results.only(switch)
    for branch in ("first", *BRANCHES):
        plain = run[f"{branch}_plain"]
        both = run[f"{branch}_both"]
        yield rows(
            {"step": run[f"{branch}_step"], "seed": range(config.seeds)},
            branch=branch,
            loss=plain,
            r1=both - plain,
            **_by_name(run[f"{branch}_measures"]),
        )


@table()
def switch_outputs(config: Config, results: Results) -> Blocks:
    """One row per branch, seed and abscissa."""
    run = results.only(switch)
    name = config.targets[0]
    x = abscissas(name)
    axes = {"seed": range(config.seeds), "x": x}
    for branch in BRANCHES:
        yield rows(
            axes,
            branch=branch,
            final=run[f"{branch}_output"],
            wanted=target_output(name, x),
        )


@table()
def data(config: Config, results: Results) -> Blocks:
    """The samples of every target."""
    for name in config.targets:
        x = abscissas(name, config.samples)
        yield rows({"x": x}, target=name, y=target_output(name, x))


@table(orientation="rad; of the units that make up the target")
def predicted(config: Config, results: Results) -> Blocks:
    """The orientations of which every target is made."""
    for name in config.targets:
        yield rows({"orientation": PREDICTED[name]}, target=name)

"""Nets, drawn masks, flattening, orders, paths of two numbers and of two vectors."""

from __future__ import annotations

import numpy as np

from condensery.declare import Blocks, Results, rows, table
from condensery.experiments.dropout_regulariser._config import Config
from condensery.experiments.dropout_regulariser._identities import identities
from condensery.experiments.dropout_regulariser._tasks import orders as orders_of_flow
from condensery.experiments.dropout_regulariser._tasks import pictures
from condensery.records import Table

LOSSES = ("plain", "expected", "dropped")
"""R_S, R_S + R1, R_drop."""
GRID = 65


def _prefixed(results: Results, prefix: str, **units: str) -> Table:
    columns = {
        name.removeprefix(prefix): np.asarray(array)
        for name, array in results.only(identities).items()
        if name.startswith(prefix)
    }
    return Table(
        columns=columns,
        units=units,
    )


def nets(config: Config, results: Results) -> Table:
    """R1 of every net and p, and what all masks add."""
    return _prefixed(results, "net_", excess="E R_drop − R_S over all masks")


def drawn(config: Config, results: Results) -> Table:
    """Averages over drawn masks of every p and kind of mask."""
    return _prefixed(results, "drawn_", excess="mean of R_drop over drawn masks − R_S")


def flattening(config: Config, results: Results) -> Table:
    """How fast R1 lowers the trace of the Hessian, per net."""
    return _prefixed(results, "flat_", closed="d/dt of (1/n) Σ‖∇f‖²")


@table()
def orders(config: Config, results: Results) -> Blocks:
    """Distance of one step from both flows, per step size."""
    arrays = results.only(orders_of_flow)
    yield {name: np.asarray(array) for name, array in arrays.items()}


@table(loss="what is minimised; dropped is the mean of 64 runs")
def paths(config: Config, results: Results) -> Blocks:
    """One row per loss, start and step: the contributions of both units on one
    sample.
    """
    shard = results.only(pictures)
    step = np.asarray(shard["path_step"])
    on_sample = [np.asarray(shard[f"path_{name}"])[..., 0] for name in LOSSES]
    first, second = np.moveaxis(np.stack(on_sample), -1, 0)
    starts = range(first.shape[1])
    axes = {
        "loss": LOSSES,
        "start": starts,
        "step": step,
    }
    yield rows(
        axes,
        first=first,
        second=second,
    )


@table()
def vectors(config: Config, results: Results) -> Blocks:
    """One row per loss and unit: its contribution on two samples at the start and at
    the end.
    """
    shard = results.only(pictures)
    runs = [np.asarray(shard[f"vector_{name}"])[0] for name in LOSSES]
    starts = np.stack([run[0] for run in runs])
    ends = np.stack([run[-1] for run in runs])
    yield rows(
        {
            "loss": LOSSES,
            "unit": [0, 1],
        },
        start_x=starts[..., 0],
        start_y=starts[..., 1],
        end_x=ends[..., 0],
        end_y=ends[..., 1],
    )


@table()
def landscape(config: Config, results: Results) -> Blocks:
    """R_S = ½(o1 + o2 − 1)² and R1 = (1 − p)/(2p)·(o1² + o2²) on a grid of
    contributions on one sample.
    """
    keep = config.keep
    side = np.linspace(-0.1, 1.5, GRID)
    first, second = (axis.ravel() for axis in np.meshgrid(side, side))
    yield {
        "first": first,
        "second": second,
        "plain": (first + second - 1) ** 2 / 2,
        "r1": (1 - keep) / (2 * keep) * (first**2 + second**2),
    }

"""Effective ratio of two layers, and accuracy, while a network trains from a small and
from an ordinary start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, PAGE, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table

_DASHES = {1: "-", 2: (0, (4, 1.5))}


@dataclass(frozen=True)
class Bundle:
    """One start and layer (0 for the accuracy): the steps, a row per seed, and the
    median over them.
    """

    start: str
    layer: int
    step: np.ndarray
    seeds: np.ndarray
    median: np.ndarray


@dataclass(frozen=True)
class MonitorDemo:
    """Bundles of effective ratios and of accuracies."""

    ratios: tuple[Bundle, ...]
    accuracies: tuple[Bundle, ...]


def figure_data(tables: Mapping[str, Table]) -> MonitorDemo:
    """Bundles by start and layer.

    Args:
        tables: Those of `monitor-demo`.
    """
    monitor = need(
        tables, "monitor", "start", "seed", "step", "layer", "effective_ratio"
    )
    fit = need(tables, "fit", "start", "seed", "step", "accuracy")
    starts = list(dict.fromkeys(monitor["start"].tolist()))
    layers = sorted(set(monitor["layer"].tolist()))
    ratios = [
        _bundle(
            monitor.select(start=start, layer=layer), start, layer, "effective_ratio"
        )
        for start in starts
        for layer in layers
    ]
    return MonitorDemo(
        tuple(ratios),
        tuple(_bundle(fit.select(start=s), s, 0, "accuracy") for s in starts),
    )


def _bundle(table: Table, start: str, layer: int, column: str) -> Bundle:
    seeds = [table.select(seed=seed) for seed in np.unique(table["seed"])]
    rows = np.stack([one[column] for one in seeds])
    return Bundle(start, layer, seeds[0]["step"], rows, np.median(rows, axis=0))


def draw(data: MonitorDemo, axes: list[Axes] | None = None) -> Figure:
    """Draw two panels over the optimiser step.

    Args:
        data: From `figure_data`.
        axes: Two Axes; by default a new figure.
    """
    with panels(axes, [["ratio", "accuracy"]], size=(PAGE, 2.6)) as (
        figure,
        (left, right),
    ):
        for bundle in (*data.ratios, *data.accuracies):
            ax, colour = (right if bundle.layer == 0 else left), _colour(bundle)
            dashes = _DASHES.get(bundle.layer, "-")
            for row in bundle.seeds:
                ax.plot(
                    bundle.step,
                    row,
                    color=colour,
                    linewidth=0.4,
                    alpha=0.6,
                    linestyle=dashes,
                )
            name = (
                f"{bundle.start}, layer {bundle.layer}"
                if bundle.layer
                else bundle.start
            )
            ax.plot(
                bundle.step,
                bundle.median,
                color=colour,
                linewidth=1.6,
                linestyle=dashes,
                label=name,
            )
        for ax, label in (
            (left, "effective ratio"),
            (right, "accuracy on test samples"),
        ):
            ax.set_xscale("symlog", linthresh=1)
            ax.set_xlim(left=0)
            ax.set_ylim(-0.03, 1.05)
            ax.set_xlabel("optimiser step")
            ax.set_ylabel(label)
            ax.legend(loc="best")
    return figure


def _colour(bundle: Bundle) -> str:
    if bundle.start == "ordinary":
        return GREY
    return PALETTE[max(bundle.layer - 1, 0)]

"""Effective ratio of every layer while a model trains, as a monitor recorded it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import COLUMN, GREY, MARKERS, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table

_MOST_NAMED = 12


@dataclass(frozen=True)
class Curve:
    """One layer: its name, the measured steps and the effective ratio at each."""

    layer: str
    step: np.ndarray
    ratio: np.ndarray


@dataclass(frozen=True)
class Monitored:
    """The curves in the order of the layers."""

    curves: tuple[Curve, ...]


def figure_data(tables: Mapping[str, Table], *, table: str = "monitor") -> Monitored:
    """Curves of a table with the columns step, layer and effective_ratio.

    Args:
        tables: Those of the run.
        table: Name of the table.
    """
    found = need(tables, table, "step", "layer", "effective_ratio")
    names = list(dict.fromkeys(found["layer"].tolist()))
    chosen = {name: found.select(layer=name) for name in names}
    return Monitored(
        tuple(
            Curve(name, rows["step"], rows["effective_ratio"])
            for name, rows in chosen.items()
        )
    )


def draw(data: Monitored, axes: Axes | None = None) -> Figure:
    """Draw one curve per layer over a logarithmic axis of steps that begins with 0.

    Args:
        data: From `figure_data`.
        axes: Where to draw; by default a new figure.
    """
    with panels(axes, [["ratio"]], size=(COLUMN * 1.35, 2.6)) as (figure, (ax,)):
        for place, curve in enumerate(data.curves):
            named = place < _MOST_NAMED
            ax.plot(
                curve.step,
                curve.ratio,
                color=PALETTE[place % len(PALETTE)] if named else GREY,
                linewidth=1.0,
                marker=MARKERS[place % len(MARKERS)],
                markersize=2.6,
                label=curve.layer if named else None,
            )
        ax.set_xscale("symlog", linthresh=1)
        ax.set_xlim(left=0)
        ax.set_ylim(-0.03, 1.05)
        ax.set_xlabel("optimiser step")
        ax.set_ylabel("effective ratio")
        ax.legend(loc="best", title="layer", title_fontsize="medium")
    return figure

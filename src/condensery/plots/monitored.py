"""Every measure of every layer while a model trains, as a monitor recorded it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._style import COLUMN, GREY, MARKERS, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table

_MOST_NAMED = 12
_AXES = ("step", "layer")


@dataclass(frozen=True)
class Curve:
    """One layer: its name, the measured steps and the value at each.

    The curve of a value of the whole model has an empty name. `rank` counts the layers
    of the table, so that a layer has one colour in all panels.
    """

    layer: str
    rank: int
    step: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Panel:
    """One column of the table: a curve per layer that has it, in their order."""

    column: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Monitored:
    """The panels in the order of the columns."""

    panels: tuple[Panel, ...]


def figure_data(
    tables: Mapping[str, Table],
    *,
    table: str = "monitor",
    columns: Sequence[str] | None = None,
) -> Monitored:
    """Curves of a table with the columns step, layer and one for every measure.

    Args:
        tables: Those of the run.
        table: Name of the table.
        columns: The measures to show; by default all.

    Raises:
        InvalidInputError: No column to show holds a number.
    """
    rows = need(tables, table, *_AXES, *(columns or ()))
    names = columns or [name for name in rows.columns if name not in _AXES]
    made = [Panel(name, _curves(rows, name)) for name in names]
    shown = tuple(panel for panel in made if panel.curves)
    if not shown:
        raise InvalidInputError(
            "columns",
            given=", ".join(names) or "none",
            allowed="columns with numbers",
            remedy="measure at least once before the sink is closed",
        )
    return Monitored(shown)


def draw(data: Monitored, axes: Axes | Sequence[Axes] | None = None) -> Figure:
    """Draw one curve per layer over a logarithmic axis of steps that begins with 0.

    Args:
        data: From `figure_data`.
        axes: One Axes per panel; by default a new figure.
    """
    layout = [[panel.column] for panel in data.panels]
    size = (COLUMN * 1.35, 0.6 + 2.0 * len(layout))
    with panels(axes, layout, size=size) as (figure, made):
        for panel, ax in zip(data.panels, made, strict=True):
            _draw_panel(panel, ax)
        made[-1].set_xlabel("optimiser step")
    return figure


def _curves(rows: Table, column: str) -> tuple[Curve, ...]:
    """The layers that have a number in the column."""
    curves = []
    for rank, layer in enumerate(dict.fromkeys(rows["layer"].tolist())):
        of_layer = rows.select(layer=layer)
        if np.isfinite(of_layer[column]).any():
            curves.append(
                Curve(
                    layer,
                    rank,
                    of_layer["step"],
                    of_layer[column],
                )
            )
    return tuple(curves)


def _draw_panel(panel: Panel, ax: Axes) -> None:
    for curve in panel.curves:
        named = curve.rank < _MOST_NAMED
        ax.plot(
            curve.step,
            curve.values,
            color=PALETTE[curve.rank % len(PALETTE)] if named else GREY,
            linewidth=1.0,
            marker=MARKERS[curve.rank % len(MARKERS)],
            markersize=2.6,
            label=(curve.layer or "model") if named else None,
        )
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xlim(left=0)
    if all(_is_share(curve.values) for curve in panel.curves):
        ax.set_ylim(-0.03, 1.05)
    ax.set_ylabel(panel.column.replace("_", " "))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(
            loc="best",
            title="layer",
            title_fontsize="medium",
        )


def _is_share(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(((finite >= 0) & (finite <= 1)).all())

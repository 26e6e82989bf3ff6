"""Draws any chart of `condensery.charts` from stored tables.

Example:
    >>> from condensery.charts import Chart, Lines, Panel
    >>> from condensery.plots import chart
    >>> from condensery.records import Table
    >>> runs = Table(columns={"step": [2, 1], "loss": [0.5, 1.0]})
    >>> panel = Panel(marks=(Lines(table="runs", x="step", y="loss"),))
    >>> data = chart.figure_data({"runs": runs}, chart=Chart(panels=((panel,),)))
    >>> data.panels[0].series[0].y
    array([1. , 0.5])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import lcm
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FormatStrFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from pydantic import JsonValue

from condensery.charts import Axis, Chart, Legend
from condensery.plots._chart_cells import (
    beyond,
    draw_cells,
    fill_panel,
    print_numbers,
)
from condensery.plots._chart_marks import draw_guide, draw_series
from condensery.plots._chart_rows import Cells
from condensery.plots._chart_series import ChartData, PanelData, Series, select
from condensery.plots._style import lay_out, panels
from condensery.records import Table

__all__ = ["Cells", "ChartData", "PanelData", "Series", "draw", "figure_data"]

STEPS = (1, 2, 2.5, 5, 10)
"""Steps between ticks, over powers of ten."""


def figure_data(tables: Mapping[str, Table], *, chart: Chart | JsonValue) -> ChartData:
    """The numbers of a chart: selected rows, not yet drawn.

    Args:
        tables: Those that the chart names, with the columns that it names.
        chart: A chart, or its JSON.

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    return select(tables, Chart.model_validate(chart))


def draw(
    data: ChartData, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the panels.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are panels; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    chart = data.chart
    heights = list(chart.heights) or None
    size = (chart.width, chart.height)
    with panels(
        axes,
        _layout(chart),
        size=size,
        heights=heights,
    ) as (figure, made):
        meshes = []
        for ax, panel in zip(made, data.panels, strict=True):
            meshes.append(_draw_marks(ax, panel))
            for cells in panel.cells:
                fill_panel(ax, cells)
            _set_axes(ax, panel)
        _colour_bars(figure, made, data.panels, meshes)
        if chart.legend is not None:
            _common_legend(figure, made, chart.legend, is_new=axes is None)
        if axes is None:
            lay_out(figure)
        for ax, panel in zip(made, data.panels, strict=True):
            for cells in panel.cells:
                print_numbers(ax, cells)
    return figure


def _layout(chart: Chart) -> list[list[str]]:
    """Names of the cells of a mosaic in which every row is equally wide."""
    across = lcm(*(len(row) for row in chart.panels))
    layout = []
    for number, row in enumerate(chart.panels):
        names = [
            "." if panel is None else f"{number}.{column}"
            for column, panel in enumerate(row)
        ]
        span = across // len(row)
        layout.append([name for name in names for _ in range(span)])
    return layout


def _draw_marks(ax: Axes, data: PanelData) -> list[object]:
    """Draw all marks; returns the meshes of the matrices."""
    meshes: list[object] = [draw_cells(ax, cells) for cells in data.cells]
    for guide in data.guides:
        draw_guide(ax, guide)
    for series in data.series:
        draw_series(ax, data.panel, series)
    return meshes


def _set_axes(ax: Axes, data: PanelData) -> None:
    panel = data.panel
    _set_axis(ax, "x", panel.x)
    _set_axis(ax, "y", panel.y)
    ax.set_title(panel.title)
    if panel.square:
        ax.set_aspect("equal")
    if panel.legend is not None:
        _legend(ax, panel.legend)


def _set_axis(ax: Axes, name: str, axis: Axis) -> None:
    ticker = ax.xaxis if name == "x" else ax.yaxis
    set_scale = ax.set_xscale if name == "x" else ax.set_yscale
    if axis.scale == "symlog":
        set_scale("symlog", linthresh=axis.threshold)
    elif axis.scale == "log" and _has_positive(ticker):
        set_scale("log")
        _name_few_minor_ticks(ticker)
    ax.set(**{f"{name}label": axis.label})
    limits = f"{name}lim"
    if axis.limits != (None, None):
        ax.set(**{limits: axis.limits})
    if axis.least is not None:
        low, _ = ticker.get_view_interval()
        least = max(low, axis.least)
        ax.set(**{limits: (least, None)})
    _set_ticks(ticker, axis)
    if axis.inverted:
        ticker.set_inverted(True)


def _set_ticks(ticker: XAxis | YAxis, axis: Axis) -> None:
    if axis.ticks:
        positions = list(axis.ticks.values())
        ticker.set_major_locator(FixedLocator(positions))
        ticker.set_ticklabels(list(axis.ticks))
        ticker.set_minor_formatter(NullFormatter())
        ticker.set_minor_locator(NullLocator())
    elif axis.whole:
        ticker.set_major_locator(
            MaxNLocator(
                nbins=axis.count or 5,
                integer=True,
            )
        )
    elif axis.count is not None and axis.scale == "linear":
        ticker.set_major_locator(
            MaxNLocator(
                nbins=axis.count,
                steps=STEPS,
            )
        )
    if axis.turned:
        ticker.set_tick_params(labelrotation=90)
    if axis.bare:
        ticker.set_major_locator(NullLocator())
        ticker.set_minor_locator(NullLocator())


def _has_positive(ticker: XAxis | YAxis) -> bool:
    """Whether something is shown that a logarithm has: an empty panel stays linear."""
    _, high = ticker.get_data_interval()
    return bool(np.isfinite(high) and high > 0)


def _name_few_minor_ticks(ticker: XAxis | YAxis) -> None:
    """Decades name the ticks; where there is one decade or none, plain numbers do."""
    low, high = sorted(ticker.get_view_interval())
    if low <= 0 or np.floor(np.log10(high)) > np.ceil(np.log10(low)):
        ticker.set_minor_formatter(NullFormatter())
        return
    ticker.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    ticker.set_major_formatter(FormatStrFormatter("%g"))
    ticker.set_minor_locator(NullLocator())


def _legend(ax: Axes, legend: Legend) -> None:
    entries = _entries([ax])
    if not entries:
        return
    beside = {} if legend.anchor is None else {"bbox_to_anchor": legend.anchor}
    ax.legend(
        list(entries.values()),
        list(entries),
        loc=legend.place,
        title=legend.title or None,
        ncols=legend.columns,
        **beside,
    )


def _entries(axes: Sequence[Axes]) -> dict[str, Any]:
    """Every name once, with what it is the name of: an artist or, of error bars, a
    container.
    """
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    return entries


def _colour_bars(
    figure: Figure,
    made: Sequence[Axes],
    listed: Sequence[PanelData],
    meshes: Sequence[Sequence[object]],
) -> None:
    """One colour bar for all matrices of equal label."""
    homes: dict[str, list[Axes]] = {}
    sources: dict[str, object] = {}
    matrices: dict[str, list[Cells]] = {}
    for ax, panel, drawn in zip(
        made,
        listed,
        meshes,
        strict=True,
    ):
        for cells, mesh in zip(panel.cells, drawn, strict=True):
            if cells.mark.bar:
                homes.setdefault(cells.mark.bar, []).append(ax)
                matrices.setdefault(cells.mark.bar, []).append(cells)
                sources.setdefault(cells.mark.bar, mesh)
    for label, axes in homes.items():
        # as high as its panels: a bar of its own is thicker than a shared one
        fraction, aspect = (0.06, 28) if len(axes) == 1 else (0.04, 20)
        bar = figure.colorbar(
            # pyrefly: ignore[bad-argument-type]
            sources[label],
            ax=axes,
            pad=0.01,
            extend=beyond(matrices[label]),
            fraction=fraction,
            aspect=aspect,
        )
        bar.set_label(label)


def _common_legend(
    figure: Figure,
    made: Sequence[Axes],
    legend: Legend,
    *,
    is_new: bool,
) -> None:
    """Every name once; on a user's Axes the legend stands in the first of them."""
    entries = _entries(made)
    if not entries:
        return
    home = figure if is_new else made[0]
    home.legend(
        list(entries.values()),
        list(entries),
        loc=legend.place if is_new else "best",
        title=legend.title or None,
        ncols=legend.columns,
    )

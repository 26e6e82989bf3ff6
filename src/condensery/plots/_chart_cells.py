"""Draws the matrices of a chart: cells, hatching, numbers, and lines on top of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from condensery.plots._chart_rows import Cells
from condensery.plots._map_data import cell_edges
from condensery.plots._style import PAPER, colour_map, halo, ink_on
from condensery.plots._tables import short

_PICTURE = 2000
"""With so many cells a matrix is drawn as a picture within a PDF."""
_HATCH = "#555555"


def draw_cells(ax: Axes, cells: Cells) -> Any:
    """Draw a matrix; returns what a colour bar is made of."""
    mark = cells.mark
    ax.set_facecolor("#EEEEEE")
    low, high = mark.limits
    is_picture = cells.values.size >= _PICTURE
    # cells of a table stand apart; a matrix in one cell of a table is a picture
    has_edges = bool(mark.x) and not is_picture
    across, up = cell_edges(cells.x), cell_edges(cells.y)
    mesh = ax.pcolormesh(
        across,
        up,
        np.ma.masked_invalid(cells.values),
        cmap=colour_map(mark.colours),
        vmin=low,
        vmax=high,
        edgecolors=PAPER if has_edges else "none",
        linewidth=0.4,
        rasterized=is_picture,
    )
    if mark.error:
        _hatch(ax, cells)
    if cells.names_x:
        ax.set_xticks(cells.x, cells.names_x)
    if cells.names_y:
        ax.set_yticks(cells.y, cells.names_y)
    if cells.names_x or cells.names_y:
        ax.tick_params(length=0)
    return mesh


def _hatch(ax: Axes, cells: Cells) -> None:
    """Hatch the cells that are not told from 0, and name the hatching."""
    across, up = cell_edges(cells.x), cell_edges(cells.y)
    look = {
        "facecolor": "none",
        "edgecolor": _HATCH,
        "hatch": "////",
        "linewidth": 0.0,
    }
    label = cells.mark.label or None
    for row, column in np.argwhere(cells.is_undecided):
        corners_x = across[[column, column + 1, column + 1, column]]
        corners_y = up[[row, row, row + 1, row + 1]]
        ax.fill(
            corners_x,
            corners_y,
            label=label,
            **look,
        )
        label = None


def fill_panel(ax: Axes, cells: Cells) -> None:
    """End both axes at the outer edges of the cells, and edge the lines in white."""
    across, up = cell_edges(cells.x), cell_edges(cells.y)
    ax.set(
        xlim=across[[0, -1]],
        ylim=up[[0, -1]],
    )
    for line in ax.lines:
        line.set_path_effects(halo(line.get_linewidth() + 1.3))


def beyond(matrices: Sequence[Cells]) -> str:
    """Which ends of a colour bar are pointed: those that values lie beyond."""
    low, high = matrices[0].mark.limits
    least = min(np.nanmin(cells.values, initial=np.inf) for cells in matrices)
    largest = max(np.nanmax(cells.values, initial=-np.inf) for cells in matrices)
    under = low is not None and least < low
    over = high is not None and largest > high
    if under and over:
        return "both"
    if under:
        return "min"
    return "max" if over else "neither"


def print_numbers(ax: Axes, cells: Cells) -> None:
    """Print the numbers of the cells where they have room: upright, turned, or not.

    Each stands on the colour of its cell, so that no line and no hatching crosses it.
    """
    if not cells.mark.numbers:
        return
    mesh = ax.collections[0]
    colours = mesh.get_cmap()
    across, up = cell_edges(cells.x), cell_edges(cells.y)
    for row, column in np.argwhere(np.isfinite(cells.values)):
        value = cells.values[row, column]
        corners = np.stack(
            [across[[column, column + 1]], up[[row, row + 1]]],
            axis=1,
        )
        room = np.abs(np.diff(ax.transData.transform(corners), axis=0)[0]) - 2.0
        share = float(np.asarray(mesh.norm(value)))
        ground = {
            "facecolor": colours(share),
            "edgecolor": "none",
            "pad": 0.6,
        }
        x, y = corners.mean(axis=0)
        text = ax.text(
            x,
            y,
            _format(value, cells.mark.numbers),
            ha="center",
            va="center",
            fontsize="small",
            color=ink_on(colours, share),
            bbox=ground,
            zorder=4,
        )
        if not _turn_to_fit(text, room):
            text.remove()


def _format(value: float, numbers: str) -> str:
    if numbers == "short":
        return short(value)
    return format(value, numbers).replace("-", "−")


def _turn_to_fit(text: Text, room: np.ndarray) -> bool:
    """Turn a text until it fits into so many pixels; whether it does."""
    for rotation in (0, 90):
        text.set_rotation(rotation)
        box = text.get_window_extent()
        if box.width <= room[0] and box.height <= room[1]:
            return True
    return False

"""Heat maps of both layers' width slopes over (γ₃, γ₂), with the lines where a balance
of the layers makes them 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from condensery._errors import InvalidInputError
from condensery.plots._map_data import cell_edges
from condensery.plots._style import INK, PAGE, PAPER, halo, lay_out, panels
from condensery.plots._tables import levels, need, number
from condensery.plots._text import ink_on, short
from condensery.records import Table

LAYERS = (("first", "$S_{W^{[1]}}$"), ("second", "$S_{W^{[2]}}$"))
_DASHES = ("--", (0, (1.2, 1.4)))


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What the two maps show.

    Attributes:
        gamma3: Centres of the columns.
        gamma2: Centres of the rows.
        slopes: Slope of the first and of the second layer in each cell; NaN where none
            was measured.
        gamma3_edges: Edges of the columns.
        gamma2_edges: Edges of the rows.
        line: γ₂ along the lines; empty where there are none.
        boundaries: γ₃ of the first and of the second layer's line.
        limit: Colours saturate at ±limit.
    """

    gamma3: Float[np.ndarray, " column"]
    gamma2: Float[np.ndarray, " row"]
    slopes: Float[np.ndarray, "layer row column"]
    gamma3_edges: Float[np.ndarray, " column_edge"]
    gamma2_edges: Float[np.ndarray, " row_edge"]
    line: Float[np.ndarray, " point"]
    boundaries: Float[np.ndarray, "layer point"]
    limit: float


def figure_data(tables: Mapping[str, Table], *, limit: float = 1.0) -> LayerMaps:
    """The numbers of the maps (Zhou et al. 2022, arXiv 2205.12101, the phase diagrams
    of W1 and W2).

    Args:
        tables: ``slopes`` (gamma2, gamma3, first, second); if present ``boundary``
            (gamma2, first, second).
        limit: Colours saturate at ±limit.

    Raises:
        InvalidInputError: If a table or column is missing, or `limit` is not positive.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "gamma2": [0.0, 0.0],
        ...     "gamma3": [1.0, 2.0],
        ...     "first": [-0.5, 0.2],
        ...     "second": [-1.0, -0.3],
        ... }
        >>> figure_data({"slopes": Table(columns=columns)}).slopes[1]
        array([[-1. , -0.3]])
    """
    if not limit > 0:
        raise InvalidInputError(
            "limit", given=limit, allowed="a positive number", remedy="use 1"
        )
    table = need(tables, "slopes", "gamma2", "gamma3", "first", "second")
    gamma3, gamma2 = levels(table["gamma3"]), levels(table["gamma2"])
    grid = np.full((2, gamma2.size, gamma3.size), np.nan)
    row = np.abs(table["gamma2"][:, None] - gamma2).argmin(axis=1)
    column = np.abs(table["gamma3"][:, None] - gamma3).argmin(axis=1)
    for layer, (name, _) in enumerate(LAYERS):
        grid[layer, row, column] = table[name]
    line, boundaries = np.empty(0), np.empty((2, 0))
    if "boundary" in tables:
        drawn = need(tables, "boundary", "gamma2", "first", "second")
        line, boundaries = drawn["gamma2"], np.stack([drawn["first"], drawn["second"]])
    return LayerMaps(
        gamma3,
        gamma2,
        grid,
        cell_edges(gamma3),
        cell_edges(gamma2),
        line,
        boundaries,
        limit,
    )


def draw(data: LayerMaps, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw both maps: γ₃ to the right, γ₂ upwards, blue where the slope is negative
    (linear), red where positive.

    Args:
        data: From `figure_data`.
        axes: Two Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not two.
    """
    rows = data.gamma2.size
    with panels(
        axes,
        [["first", "second"]],
        size=(PAGE, float(np.clip(1.5 + 0.3 * rows, 2.5, 5.0))),
    ) as (figure, flat):
        mesh = None
        for layer, (ax, (_, symbol)) in enumerate(zip(flat, LAYERS, strict=True)):
            ax.set_facecolor("#EEEEEE")
            mesh = ax.pcolormesh(
                data.gamma3_edges,
                data.gamma2_edges,
                np.ma.masked_invalid(data.slopes[layer]),
                cmap="RdBu_r",
                vmin=-data.limit,
                vmax=data.limit,
                edgecolors=PAPER,
                linewidth=0.4,
            )
            for boundary in (0, 1):
                ax.plot(
                    data.boundaries[boundary],
                    data.line,
                    ls=_DASHES[boundary],
                    color=INK,
                    lw=1.2,
                )
            ax.set(
                xlim=data.gamma3_edges[[0, -1]],
                ylim=data.gamma2_edges[[0, -1]],
                xlabel="γ₃",
                title=symbol,
                xticks=_inner_ticks(data.gamma3_edges[0], data.gamma3_edges[-1]),
            )
            ax.set_yticks(
                data.gamma2,
                [number(value) for value in data.gamma2] if layer == 0 else [""] * rows,
            )
        flat[0].set_ylabel("γ₂")
        if mesh is not None:
            bar = figure.colorbar(
                mesh, ax=flat, pad=0.01, fraction=0.04, aspect=22, extend="both"
            )
            bar.set_label("slope   (linear < 0 < condensed)")
        if axes is None and data.line.size:
            figure.legend(handles=_handles(), loc="outside lower center", ncols=2)
        lay_out(figure)
        for layer, ax in enumerate(flat):
            _print_numbers(ax, data, layer)
    return figure


def _inner_ticks(low: float, high: float) -> Float[np.ndarray, " tick"]:
    """Round values of an axis away from its ends, where a label would reach into the
    next panel.
    """
    margin = 0.06 * (high - low)
    ticks = np.asarray(MaxNLocator(6).tick_values(low, high))
    return ticks[(ticks > low + margin) & (ticks < high - margin)]


def _handles() -> list[Line2D]:
    names = ("first layer's slope vanishes", "second layer's slope vanishes")
    return [
        Line2D(
            [], [], ls=dashes, color=INK, lw=1.2, label=f"{name} (balance of layers)"
        )
        for dashes, name in zip(_DASHES, names, strict=True)
    ]


def _print_numbers(ax: Axes, data: LayerMaps, layer: int) -> None:
    """Each value upright or turned, where the cell has room for it."""
    cmap = ax.collections[0].get_cmap()
    for row, column in np.argwhere(np.isfinite(data.slopes[layer])):
        value = data.slopes[layer, row, column]
        corners = ax.transData.transform(
            np.stack(
                [
                    data.gamma3_edges[[column, column + 1]],
                    data.gamma2_edges[[row, row + 1]],
                ],
                axis=1,
            )
        )
        x, y = ax.transData.inverted().transform(corners.mean(axis=0))
        room = corners[1] - corners[0] - 2.0
        text = ax.annotate(
            short(value),
            (x, y),
            ha="center",
            va="center",
            fontsize="small",
            color=ink_on(cmap, 0.5 + value / data.limit / 2),
            zorder=4,
            path_effects=halo(1.6, to_hex(cmap(0.5 + value / data.limit / 2))),
        )
        for rotation in (0, 90):
            text.set_rotation(rotation)
            box = text.get_window_extent()
            if box.width <= room[0] and box.height <= room[1]:
                break
        else:
            text.remove()

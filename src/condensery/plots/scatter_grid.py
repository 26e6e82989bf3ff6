"""A scatter of (orientation, amplitude) at every cell of the phase plane, widths
overlaid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery._errors import InvalidInputError
from condensery.plots._cloud import (
    draw_counts,
    orientation_axis,
    orientation_label,
    orientation_span,
)
from condensery.plots._style import PAGE, panels
from condensery.plots._tables import levels, need, number, thousands
from condensery.records import Table

# From light and large to dark and small, so that a narrow cloud of a wide network stays
# visible on a broad one.
LAYERS = (("#F0B429", 0.036), ("#009E73", 0.025), ("#1B2A6B", 0.018))
BOX = "#0072B2"


@dataclass(frozen=True, eq=False)
class ScatterGrid:
    """What the grid shows.

    Attributes:
        gamma: Columns, ascending.
        gamma_prime: Rows, ascending.
        width: Widths that are overlaid, ascending.
        counts: Neurons per bin at the end of training; all 0 where a cell was not
            computed.
        orientation_edges: Edges of the orientation bins.
        amplitude_edges: Edges of the amplitude bins (relative to the final maximum).
        on_boundary: Whether a cell lies on the theoretical boundary.
        orientation: ``angle`` or ``input``.
    """

    gamma: Float[np.ndarray, " column"]
    gamma_prime: Float[np.ndarray, " row"]
    width: Int[np.ndarray, " width"]
    counts: Int[np.ndarray, "row column width orientation_bin amplitude_bin"]
    orientation_edges: Float[np.ndarray, " orientation_edge"]
    amplitude_edges: Float[np.ndarray, " amplitude_edge"]
    on_boundary: Bool[np.ndarray, "row column"]
    orientation: str


def figure_data(
    tables: Mapping[str, Table],
    *,
    orientation: str = "angle",
    gammas: Sequence[float] | None = None,
    gamma_primes: Sequence[float] | None = None,
    widths: Sequence[int] | None = None,
) -> ScatterGrid:
    """The numbers of the grid (Luo et al. 2021, arXiv 2007.07497, Figs. 6 and 7).

    Args:
        tables: ``scatter_grid`` (gamma, gamma_prime, width, counts with shape (row,
            orientation_bin, amplitude_bin), and perhaps when, of which 1, the end, is
            shown) and ``scatter_bins`` (axis: orientation or amplitude; edge); if
            present ``boundary`` (gamma_prime, theory).
        orientation: ``angle`` in [−π, π), or ``input`` for I = ŵ·p in [−1, 1].
        gammas: Columns to show; by default all.
        gamma_primes: Rows to show; by default all.
        widths: Widths to show; by default the smallest, the middle and the largest.

    Raises:
        InvalidInputError: If a table or column is missing, the bins do not match the
            counts, nothing is left to show, or more than three widths are asked for.

    Example:
        >>> import numpy as np
        >>> from condensery.records import Table
        >>> grid = Table(
        ...     columns={
        ...         "gamma": [1.0],
        ...         "gamma_prime": [0.0],
        ...         "width": [7],
        ...         "counts": np.full((1, 1, 1), 7),
        ...     }
        ... )
        >>> bins = Table(
        ...     columns={
        ...         "axis": ["orientation"] * 2 + ["amplitude"] * 2,
        ...         "edge": [-3.2, 3.2, 0.0, 1.0],
        ...     }
        ... )
        >>> figure_data({"scatter_grid": grid, "scatter_bins": bins}).counts.tolist()
        [[[[[7]]]]]
    """
    orientation_span(orientation)
    table = need(tables, "scatter_grid", "gamma", "gamma_prime", "width", "counts")
    if "when" in table.columns:
        table = table.select(when=1)
    bins = need(tables, "scatter_bins", "axis", "edge")
    edges = [
        np.sort(bins.select(axis=axis)["edge"].astype(np.float64))
        for axis in ("orientation", "amplitude")
    ]
    if table["counts"].shape[1:] != tuple(edge.size - 1 for edge in edges):
        raise InvalidInputError(
            "table 'scatter_grid'",
            given=f"counts of shape {table['counts'].shape[1:]}",
            allowed="one count per bin of 'scatter_bins', "
            f"{tuple(edge.size - 1 for edge in edges)}",
            remedy="write both tables with the same bins",
        )
    gamma, prime = (
        _kept(table, "gamma", gammas),
        _kept(table, "gamma_prime", gamma_primes),
    )
    width = _kept(table, "width", widths)
    if widths is None:
        width = width[np.unique(np.linspace(0, width.size - 1, 3).round().astype(int))]
    if width.size > len(LAYERS):
        raise InvalidInputError(
            "widths",
            given=list(width),
            allowed="at most three",
            remedy="name three of them",
        )
    counts = np.zeros(
        (prime.size, gamma.size, width.size, *table["counts"].shape[1:]), dtype=np.int64
    )
    for k in range(len(table)):
        at = [
            np.flatnonzero(np.isclose(axis, table[name][k], rtol=1e-9, atol=1e-9))
            for axis, name in (
                (prime, "gamma_prime"),
                (gamma, "gamma"),
                (width, "width"),
            )
        ]
        if all(index.size for index in at):
            counts[at[0][0], at[1][0], at[2][0]] += table["counts"][k]  # seeds add up
    return ScatterGrid(
        gamma=gamma,
        gamma_prime=prime,
        width=width.astype(np.int64),
        counts=counts,
        orientation_edges=edges[0],
        amplitude_edges=edges[1],
        orientation=orientation,
        on_boundary=_on_boundary(tables.get("boundary"), gamma, prime),
    )


def _kept(
    table: Table, name: str, values: Sequence[float] | None
) -> Float[np.ndarray, " level"]:
    present = levels(table[name])
    if values is None:
        return present
    kept = levels(
        np.array(
            [
                value
                for value in values
                if np.isclose(present, value, rtol=1e-9, atol=1e-9).any()
            ]
        )
    )
    if not kept.size:
        raise InvalidInputError(
            f"{name}s",
            given=list(values),
            allowed=f"some of {', '.join(f'{value:g}' for value in present)}",
            remedy="choose values that were computed",
        )
    return kept


def _on_boundary(
    boundary: Table | None, gamma: np.ndarray, prime: np.ndarray
) -> Bool[np.ndarray, "row column"]:
    marked = np.zeros((prime.size, gamma.size), dtype=bool)
    if boundary is not None:
        for row, theory in zip(
            boundary["gamma_prime"], boundary["theory"], strict=True
        ):
            marked |= np.isclose(prime, row, atol=1e-6)[:, None] & np.isclose(
                gamma, theory, atol=1e-6
            )
    return marked


def draw(
    data: ScatterGrid, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the grid: γ to the right, γ′ upwards; cells on the theoretical boundary have
    a blue frame.

    A mark is an occupied bin, the fuller the more opaque; wider networks lie on top,
    darker and smaller.

    Args:
        data: From `figure_data`.
        axes: An array of (row, column) Axes, the top row being the largest γ′; None
            makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many as there are cells.
    """
    rows, columns = data.on_boundary.shape
    layout = [[f"{row} {column}" for column in range(columns)] for row in range(rows)]
    size = (
        float(np.clip(0.8 + 0.9 * columns, 3.4, PAGE)),
        float(np.clip(0.9 + 0.85 * rows, 2.2, 8.0)),
    )
    with panels(axes, layout, size=size) as (figure, flat):
        grid = np.array(flat, dtype=object).reshape(rows, columns)[::-1]
        engine = figure.get_layout_engine()
        if axes is None and engine is not None:
            engine.set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)  # type: ignore[call-arg]
        for row in range(rows):
            for column in range(columns):
                ax = grid[row, column]
                _draw_cell(ax, data, row, column)
                orientation_axis(ax, data.orientation, label=False, ticks=row == 0)
                ax.set_yticks([0, 1], ["0", "1"] if column == 0 else ["", ""])
                ax.tick_params(bottom=row == 0, left=column == 0)
                ax.set_ylim(-0.06, 1.1 * max(1.0, data.amplitude_edges[-1]))
                if row == rows - 1:
                    ax.set_title(f"γ = {number(data.gamma[column])}")
                if column == 0:
                    ax.set_ylabel(f"γ′ = {number(data.gamma_prime[row])}")
        if axes is None:
            figure.supxlabel(orientation_label(data.orientation))
            figure.supylabel("amplitude / final max.")
        else:
            for ax in grid[0]:
                ax.set_xlabel(orientation_label(data.orientation))
        _draw_legend(figure, grid[-1, -1], data, new_figure=axes is None)
    return figure


def _draw_cell(ax: Axes, data: ScatterGrid, row: int, column: int) -> None:
    x, y = data.orientation_edges, data.amplitude_edges
    for (colour, mark), counts in zip(LAYERS, data.counts[row, column], strict=False):
        extent = (float(x[0]), float(x[-1]), float(y[0]), float(y[-1]))
        draw_counts(ax, counts, extent, colour, mark=mark, floor=0.5)
    for spine in ax.spines.values():
        spine.set_visible(True)
        if data.on_boundary[row, column]:
            spine.set(color=BOX, linewidth=1.8)


def _draw_legend(
    figure: Figure, ax: Axes, data: ScatterGrid, *, new_figure: bool
) -> None:
    handles = [
        Line2D(
            [],
            [],
            ls="none",
            marker="s",
            color=colour,
            ms=3.0 + 60 * mark,
            label=f"$m$ = {thousands(width)}",
        )
        for width, (colour, mark) in zip(data.width, LAYERS, strict=False)
    ]
    if data.on_boundary.any():
        handles.append(
            Line2D(
                [],
                [],
                ls="none",
                marker="s",
                mfc="none",
                mec=BOX,
                mew=1.6,
                ms=6,
                label="on the boundary",
            )
        )
    if new_figure:
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    else:
        ax.legend(handles=handles, loc="best")

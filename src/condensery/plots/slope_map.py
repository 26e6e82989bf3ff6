"""Heat map of the width slope S over (γ, γ′) with both boundary estimates, theory and
the named initialisations.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from condensery._errors import InvalidInputError
from condensery.plots._map_data import (
    SlopeMap,
    cell_edges,
    gather_places,
    named_diagonal,
    outer_limits,
)
from condensery.plots._map_marks import (
    draw_boundary,
    draw_diagonal,
    draw_legend,
    draw_places,
    draw_regimes,
    mark_positions,
)
from condensery.plots._style import PAGE, PAPER, halo, ink_on, lay_out, panels
from condensery.plots._tables import levels, need, number, short
from condensery.records import Table

SYMBOLS = {
    "slope": "$S_w$",
    "slope_a": "$S_a$",
    "slope_theta": "$S_θ$",
    "theory": "$S_w$ in theory",
}


_STEPS = ((0.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (1.0, 0.0))
"""From the middle of a cell to its sides."""
_DESCENT = 0.1
"""Half of the share of a text's height that is below the line."""


def figure_data(
    tables: Mapping[str, Table],
    *,
    quantity: str = "slope",
    limit: float = 0.5,
    boundary: str | None = "boundary",
) -> SlopeMap:
    """The numbers of the heat map (Luo et al. 2021, arXiv 2007.07497, Figs. 4, 5 and
    10).

    Args:
        tables: ``slopes`` (gamma, gamma_prime and the column `quantity`); if present
            ``boundary`` (gamma_prime, row_fit, local_crossing, theory, and row_fit_se
            if known) and ``initialisations`` (name, gamma, gamma_prime).
        quantity: Column of ``slopes``: slope, slope_a, slope_theta or theory.
        limit: Colours saturate at ±limit, as in the paper at 0.5.
        boundary: Name of the table of boundary estimates; None draws none.

    Raises:
        InvalidInputError: If a table or column is missing, or `limit` is not positive.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "gamma": [1.0, 1.0, 2.0],
        ...     "gamma_prime": [0.0, 1.0, 0.0],
        ...     "slope": [0.0, -1.0, 0.5],
        ... }
        >>> slopes = Table(columns=columns)
        >>> data = figure_data({"slopes": slopes})
        >>> data.slope
        array([[ 0. ,  0.5],
               [-1. ,  nan]])
        >>> data.gamma_edges
        array([0.5, 1.5, 2.5])
    """
    if not limit > 0:
        raise InvalidInputError(
            "limit",
            given=limit,
            allowed="a positive number",
            remedy="use 0.5 as the paper does",
        )
    slopes = need(tables, "slopes", "gamma", "gamma_prime", quantity)
    gamma, prime = levels(slopes["gamma"]), levels(slopes["gamma_prime"])
    grid = np.full((prime.size, gamma.size), np.nan)
    row = np.abs(slopes["gamma_prime"][:, None] - prime).argmin(axis=1)
    column = np.abs(slopes["gamma"][:, None] - gamma).argmin(axis=1)
    grid[row, column] = slopes[quantity]
    columns, rows = cell_edges(gamma), cell_edges(prime)
    schemes = gather_places(tables.get("initialisations"))
    estimates = {
        name: np.empty(0)
        for name in ("gamma_prime", "row_fit", "row_fit_se", "local_crossing", "theory")
    }
    if boundary is not None and boundary in tables:
        table = need(
            tables, boundary, "gamma_prime", "row_fit", "local_crossing", "theory"
        )
        order = np.argsort(table["gamma_prime"], kind="stable")
        unknown = np.full(len(table), np.nan)
        estimates = {
            name: table.columns.get(name, unknown)[order].astype(np.float64)
            for name in estimates
        }
    return SlopeMap(
        gamma=gamma,
        gamma_prime=prime,
        slope=grid,
        gamma_edges=columns,
        gamma_prime_edges=rows,
        limit=limit,
        symbol=SYMBOLS.get(quantity, quantity),
        boundary_gamma_prime=estimates["gamma_prime"],
        row_fit=estimates["row_fit"],
        row_fit_se=estimates["row_fit_se"],
        local_crossing=estimates["local_crossing"],
        theory=estimates["theory"],
        places=schemes,
        diagonal=named_diagonal(tables.get("initialisations")),
        x_limits=outer_limits(columns, [scheme.gamma for scheme in schemes]),
        y_limits=outer_limits(rows, [scheme.gamma_prime for scheme in schemes]),
    )


def draw(data: SlopeMap, axes: Axes | None = None) -> Figure:
    """Draw the heat map: γ to the right, γ′ upwards, blue where S < 0 (linear), red
    where S > 0 (condensed).

    Stars are the row fits, rings the local zero crossings, the dashed line is the
    boundary in theory, on whose sides the regimes are named. Each cell's number is
    printed where it fits. A cell without a value is hatched.

    Args:
        data: From `figure_data`.
        axes: The Axes to draw on; the colour bar takes a part of its room. None makes a
            figure.

    Raises:
        InvalidInputError: If `axes` is not one Axes.
    """
    width = float(
        np.clip(
            1.9 + 0.42 * data.gamma.size,
            4.4,
            PAGE,
        )
    )
    height = float(np.clip(1.4 + 0.33 * data.gamma_prime.size, 2.9, 6.0))
    with panels(
        axes,
        [["map"]],
        size=(width, height),
    ) as (figure, (ax,)):
        mesh = _draw_cells(ax, data)
        over, under = (
            np.nanmax(data.slope, initial=0.0) > data.limit,
            np.nanmin(data.slope, initial=0.0) < -data.limit,
        )
        extend = {
            (False, False): "neither",
            (True, False): "max",
            (False, True): "min",
        }.get((over, under), "both")
        bar = figure.colorbar(
            mesh,
            ax=ax,
            extend=extend,
            pad=0.02,
            fraction=0.06,
            aspect=24,
        )
        bar.set_label(f"{data.symbol}   (linear < 0 < condensed)")
        ax.set(
            xlim=data.x_limits,
            ylim=data.y_limits,
            xlabel="γ",
            ylabel="γ′",
        )
        ax.set_xticks(data.gamma, minor=True)
        if data.gamma_prime.size <= 12:
            ax.set_yticks(
                data.gamma_prime, [number(value) for value in data.gamma_prime]
            )
        draw_boundary(ax, data)
        draw_diagonal(ax, data)
        lay_out(figure)  # what fits is known only when the layout is
        draw_legend(ax, data, new_figure=axes is None)
        lay_out(figure)
        labels = [*draw_places(ax, data), *draw_regimes(ax, data)]
        _print_numbers(ax, mesh, data, labels)
    return figure


def _draw_cells(ax: Axes, data: SlopeMap) -> QuadMesh:
    for row, column in np.argwhere(~np.isfinite(data.slope)):
        ax.fill(
            data.gamma_edges[[column, column + 1, column + 1, column]],
            data.gamma_prime_edges[[row, row, row + 1, row + 1]],
            facecolor="#F4F4F4",
            edgecolor="#BBBBBB",
            hatch="////",
            linewidth=0.0,
        )
    return ax.pcolormesh(
        data.gamma_edges,
        data.gamma_prime_edges,
        np.ma.masked_invalid(data.slope),
        cmap="RdBu_r",
        vmin=-data.limit,
        vmax=data.limit,
        edgecolors=PAPER,
        linewidth=0.4,
    )


def _print_numbers(
    ax: Axes, mesh: QuadMesh, data: SlopeMap, labels: list[Annotation]
) -> None:
    """Print each value upright, or turned by 90° in a narrow cell, where it touches
    nothing that is already there: in the middle of its cell, or at one of its sides. A
    number that finds no such place may stand on the line of theory.
    """
    taken = [label.get_window_extent().padded(1.0) for label in labels]
    spots = mark_positions(ax, data, line=False)
    all_marks = mark_positions(ax, data)
    for row, column in np.argwhere(np.isfinite(data.slope)):
        value = data.slope[row, column]
        corners = ax.transData.transform(
            np.stack(
                [
                    data.gamma_edges[[column, column + 1]],
                    data.gamma_prime_edges[[row, row + 1]],
                ],
                axis=1,
            )
        )
        colour = ink_on(mesh.get_cmap(), 0.5 + value / data.limit / 2)
        middle = corners.mean(axis=0)
        text = ax.annotate(
            short(value),
            tuple(ax.transData.inverted().transform(middle)),
            ha="center",
            va="center",
            fontsize="small",
            color=colour,
            zorder=2,
        )
        if _settle(ax, text, corners, all_marks, taken):
            continue
        if _settle(ax, text, corners, spots, taken):
            red, green, blue, _ = mesh.to_rgba(value)
            ground = to_hex((red, green, blue))
            text.set(path_effects=halo(2.0, ground), zorder=3.5)
        else:
            text.remove()


def _settle(
    ax: Axes,
    text: Annotation,
    corners: Float[np.ndarray, "corner 2"],
    marks: tuple[Float[np.ndarray, "mark 2"], Float[np.ndarray, " mark"]],
    taken: list[Bbox],
) -> bool:
    """Move a number to the first place in its cell that is free of marks and labels.

    Args:
        ax: Where it stands.
        text: The number.
        corners: The cell, in pixels.
        marks: What it must not touch, and the room of each.
        taken: Boxes of labels.
    """
    centres, radius = marks
    to_data = ax.transData.inverted()
    for rotation, step in itertools.product((0, 90), _STEPS):
        text.set_rotation(rotation)
        box = text.get_window_extent()
        size = np.array([box.width, box.height])
        room = corners[1] - corners[0] - size
        middle = corners.mean(axis=0)
        middle += np.array(step) * np.maximum(room - 2.0, 0.0) / 2
        if rotation:
            # digits have no descenders, so that a turned box is empty on its right
            middle[0] += min(_DESCENT * size[0], max(room[0] / 2 - 0.2, 0.0))
        position = tuple(to_data.transform(middle))
        text.xy = position
        text.set_position(position)
        near = np.abs(centres - middle) < size / 2 + radius[:, None]
        is_free = not near.all(axis=1).any()
        box = text.get_window_extent()
        if room.min() >= 2.0 and is_free and not box.count_overlaps(taken):
            return True
    return False

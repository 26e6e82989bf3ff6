"""RD, alignment and time of initial condensation against the width, with the closed
forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import PAGE, panels
from condensery.plots._tables import Cell, available_cells, cell_title, levels, need
from condensery.plots.rd_against_width import colour, marker
from condensery.records import Table

QUANTITIES = (
    ("rd", "rd_closed", "RD"),
    ("alignment", "alignment_closed", "‖Wẑ‖ / ‖W‖"),
    ("growth", "growth_closed", "λT"),
)
"""Column of the measured value, of the closed form, and the label of its axis."""


@dataclass(frozen=True, eq=False)
class Series:
    """One cell.

    Attributes:
        cell: (gamma, gamma_prime).
        width: Widths, ascending.
        member_width: Width of every network.
        measured: Its three numbers, one row per quantity.
        closed: Closed forms, means over the networks of a width, one row per quantity.
    """

    cell: Cell
    width: Float[np.ndarray, " width"]
    member_width: Float[np.ndarray, " member"]
    measured: Float[np.ndarray, "quantity member"]
    closed: Float[np.ndarray, "quantity width"]


@dataclass(frozen=True, eq=False)
class InitialWidths:
    """What the figure shows: one series per cell."""

    series: tuple[Series, ...]


def figure_data(tables: Mapping[str, Table], *, part: str = "row") -> InitialWidths:
    """The numbers of the figure (Chen et al. 2023, arXiv 2303.06561: the initial stage
    in the phase diagram).

    Args:
        tables: ``members`` (part, gamma, gamma_prime, width, rd, alignment, growth, and
            each with ``_closed``).
        part: The rows that are shown.

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "part": ["row"],
        ...     "gamma": [2.0],
        ...     "gamma_prime": [0.0],
        ...     "width": [100],
        ... }
        >>> numbers = {
        ...     name + end: [1.0]
        ...     for name in ("rd", "alignment", "growth")
        ...     for end in ("", "_closed")
        ... }
        >>> figure_data({"members": Table(columns={**columns, **numbers})}).series[
        ...     0
        ... ].measured.tolist()
        [[1.0], [1.0], [1.0]]
    """
    names = [name for pair in QUANTITIES for name in pair[:2]]
    table = need(
        tables, "members", "part", "gamma", "gamma_prime", "width", *names
    ).select(part=part)
    series = []
    for cell in available_cells(table):
        rows = table.select(gamma=cell[0], gamma_prime=cell[1])
        width = levels(rows["width"])
        closed = [
            [rows[pair[1]][rows["width"] == level].mean() for level in width]
            for pair in QUANTITIES
        ]
        measured = np.stack([rows[pair[0]] for pair in QUANTITIES]).astype(np.float64)
        series.append(
            Series(
                cell,
                width,
                rows["width"].astype(np.float64),
                measured,
                np.array(closed),
            )
        )
    return InitialWidths(tuple(series))


def draw(
    data: InitialWidths, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw three panels over the logarithm of the width: marks for networks, lines for
    the closed forms.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["rd", "alignment", "growth"]], size=(PAGE, 2.5)) as (
        figure,
        panel_axes,
    ):
        for index, (ax, quantity) in enumerate(
            zip(panel_axes, QUANTITIES, strict=True)
        ):
            for k, curve in enumerate(data.series):
                ax.plot(curve.width, curve.closed[index], color=colour(k), lw=1.0)
                ax.plot(
                    curve.member_width,
                    curve.measured[index],
                    marker(k),
                    color=colour(k),
                    ms=3.5,
                    alpha=0.8,
                    ls="",
                    label=cell_title(curve.cell),
                )
            ax.set(xscale="log", xlabel="width $m$", ylabel=quantity[2])
        panel_axes[0].set_yscale("log")
        panel_axes[1].set_ylim(0, 1.04)
        panel_axes[1].legend(loc="lower right", handlelength=0.8)
    return figure

"""Maps over (γ, γ′) of the initial stage: slope of RD, alignment, and slope of its
time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from condensery.plots._map_data import cell_edges
from condensery.plots._style import INK, PAGE, PAPER, halo, lay_out, panels
from condensery.plots._tables import levels, need, number
from condensery.plots._text import ink_on, short
from condensery.records import Table

MAPS = (
    ("slope", "slope of log RD", "RdBu_r", (-1.5, 1.5)),
    ("alignment", "alignment", "viridis", (0.0, 1.0)),
    ("time_slope", "slope of λT", "viridis", (0.0, 1.0)),
)
"""Column, title, colours and their limits."""


@dataclass(
    frozen=True,
    eq=False,
)
class InitialMap:
    """What the three maps show.

    Attributes:
        gamma: Centres of the columns.
        gamma_prime: Centres of the rows.
        values: One map per quantity; NaN where nothing was measured.
    """

    gamma: Float[np.ndarray, " column"]
    gamma_prime: Float[np.ndarray, " row"]
    values: Float[np.ndarray, "map row column"]


def figure_data(tables: Mapping[str, Table]) -> InitialMap:
    """The numbers of the figure (Chen et al. 2023, arXiv 2303.06561).

    Args:
        tables: ``slopes`` (gamma, gamma_prime, slope, alignment, time_slope).

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "gamma": [1.0, 2.0],
        ...     "gamma_prime": [0.0, 0.0],
        ...     "slope": [0.0, 0.5],
        ...     "alignment": [0.4, 1.0],
        ... }
        >>> figure_data(
        ...     {"slopes": Table(columns={**columns, "time_slope": [0.0, 0.5]})}
        ... ).values[1]
        array([[0.4, 1. ]])
    """
    table = need(
        tables, "slopes", "gamma", "gamma_prime", *(column for column, *_ in MAPS)
    )
    gamma, prime = levels(table["gamma"]), levels(table["gamma_prime"])
    values = np.full((len(MAPS), prime.size, gamma.size), np.nan)
    row = np.abs(table["gamma_prime"][:, None] - prime).argmin(axis=1)
    column = np.abs(table["gamma"][:, None] - gamma).argmin(axis=1)
    for index, (name, *_) in enumerate(MAPS):
        values[index, row, column] = table[name]
    return InitialMap(gamma, prime, values)


def draw(data: InitialMap, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw the three maps side by side, each cell with its number, and the boundaries
    of theory as lines.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    across, up = cell_edges(data.gamma), cell_edges(data.gamma_prime)
    with panels(axes, [["slope", "alignment", "time"]], size=(PAGE, 2.6)) as (
        figure,
        panel_axes,
    ):
        for ax, grid, (_, title, colours, limits) in zip(
            panel_axes, data.values, MAPS, strict=True
        ):
            mesh = ax.pcolormesh(
                across,
                up,
                np.ma.masked_invalid(grid),
                cmap=colours,
                vmin=limits[0],
                vmax=limits[1],
                edgecolors=PAPER,
                linewidth=0.4,
            )
            if data.gamma.size <= 9:
                for row, column in np.argwhere(np.isfinite(grid)):
                    share = (grid[row, column] - limits[0]) / (limits[1] - limits[0])
                    ax.text(
                        data.gamma[column],
                        data.gamma_prime[row],
                        short(grid[row, column]),
                        ha="center",
                        va="center",
                        fontsize=7.1,
                        color=ink_on(mesh.get_cmap(), share),
                        rotation=90 if data.gamma.size > 5 else 0,
                        zorder=5,
                        path_effects=halo(
                            1.8, to_hex(mesh.get_cmap()(float(np.clip(share, 0, 1))))
                        ),
                    )
            line = np.array([max(1.0, across[0]), across[-1]])
            # each line twice: a white one below keeps it visible on every colour
            for width, ink in ((2.4, PAPER), (1.1, INK)):
                ax.plot(
                    line,
                    line - 1,
                    color=ink,
                    lw=width,
                    zorder=4,
                )
                ax.plot(
                    line,
                    1 - line,
                    color=ink,
                    lw=width,
                    ls=(0, (4, 2)),
                    zorder=4,
                )
            ax.set(
                xlim=(across[0], across[-1]),
                ylim=(up[0], up[-1]),
                title=title,
                xlabel="γ",
            )
            ax.set_yticks(
                data.gamma_prime, [number(value) for value in data.gamma_prime]
            )
        panel_axes[0].set_ylabel("γ′")
        lay_out(figure)
    return figure

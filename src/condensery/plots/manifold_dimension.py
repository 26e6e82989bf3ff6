"""Zero modes and the dimension of manifolds of embeddings against their count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import COLUMN, GREY, MARKERS, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class ManifoldDimension:
    """One entry per number of hidden layers.

    Attributes:
        hidden: Numbers of hidden layers.
        counted: K + ΣK_lK_{l−1} of every embedding with a decided spectrum.
        gained: Zero eigenvalues gained.
        tangent: Rank of the embedding's derivative.
    """

    hidden: tuple[int, ...]
    counted: tuple[Int[np.ndarray, " embedding"], ...]
    gained: tuple[Int[np.ndarray, " embedding"], ...]
    tangent: tuple[Int[np.ndarray, " embedding"], ...]


def figure_data(tables: Mapping[str, Table]) -> ManifoldDimension:
    """The numbers of the figure.

    Args:
        tables: ``dimensions`` (hidden, counted, tangent, narrow_zero, wide_zero,
            decided).

    Raises:
        InvalidInputError: If the table or a column is missing.
    """
    table = need(
        tables,
        "dimensions",
        "hidden",
        "counted",
        "tangent",
        "narrow_zero",
        "wide_zero",
        "decided",
    )
    hidden = tuple(int(one) for one in levels(table["hidden"]))
    parts = [table.select(hidden=one, decided=1) for one in hidden]
    return ManifoldDimension(
        hidden,
        tuple(part["counted"] for part in parts),
        tuple(part["wide_zero"] - part["narrow_zero"] for part in parts),
        tuple(part["tangent"] for part in parts),
    )


def draw(data: ManifoldDimension, axes: Axes | np.ndarray | None = None) -> Figure:
    """Draw both against the count, on whole numbers; equal ones lie on the line.

    Args:
        data: From `figure_data`.
        axes: One Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` is not one Axes.
    """
    with panels(axes, [["dimension"]], size=(COLUMN, 3.0)) as (figure, (ax,)):
        top = max(
            (
                int(one.max(initial=1))
                for one in (*data.counted, *data.gained, *data.tangent)
            ),
            default=1,
        )
        ax.plot([0, top + 1], [0, top + 1], color=GREY, lw=0.8, zorder=1)
        for place, hidden in enumerate(data.hidden):
            colour, marker = (
                PALETTE[place % len(PALETTE)],
                MARKERS[place % len(MARKERS)],
            )
            layers = "layer" if hidden == 1 else "layers"
            ax.plot(
                data.counted[place],
                data.tangent[place],
                marker,
                color=colour,
                ms=7,
                mfc="none",
                ls="",
            )
            ax.plot(
                data.counted[place],
                data.gained[place],
                marker,
                color=colour,
                ms=3.2,
                ls="",
                label=f"{hidden} hidden {layers}",
            )
        ax.set(
            xlabel="$K + \\Sigma\\, K_l K_{l-1}$",
            ylabel="zero modes gained; ring: dimension",
            xlim=(0, top + 1),
            ylim=(0, top + 1),
        )
        ax.legend(loc="upper left")
    return figure

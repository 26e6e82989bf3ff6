"""The phase plane without measurements: the three regimes by name, the line between
them, and where the named initialisations lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._map_data import Place, gather_places, named_diagonal
from condensery.plots._map_marks import DIAGONAL, DIAMOND
from condensery.plots._style import INK, halo, panels
from condensery.plots._tables import need
from condensery.records import Table

GAMMA, GAMMA_PRIME = (0.0, 2.0), (-1.0, 1.0)
"""What is shown of the plane."""
SIZE = (3.4, 3.3)
_LINEAR, _CONDENSED = "#D9E8F5", "#F6C9B3"
_NAMES = {
    "linear": (0.42, -0.55, r"RD $\to 0$"),
    "condensed": (1.5, -0.55, r"RD $\to \infty$"),
}
_OFFSETS = {(0.5, 0.5): (6.0, -7.0), (1.0, 0.0): (7.0, -7.0)}
"""Points from a place to its label, where it is not simply on the right."""


@dataclass(frozen=True, eq=False)
class PhasePlane:
    """What the figure shows.

    Attributes:
        boundary: Corners of the line on which the training is critical, (γ, γ′).
        places: Named initialisations; those at one point share a label.
        diagonal: What lies on the line γ′ = γ instead of at a point; empty: nothing.
    """

    boundary: Float[np.ndarray, "corner 2"]
    places: tuple[Place, ...]
    diagonal: str


def figure_data(tables: Mapping[str, Table]) -> PhasePlane:
    """The numbers of the figure (Luo et al. 2021, arXiv 2007.07497, Fig. 1).

    Args:
        tables: ``initialisations`` (name, gamma, gamma_prime), without coordinates for
            what lies on a line.

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {"name": ["ntk"], "gamma": [0.5], "gamma_prime": [0.0]}
        >>> data = figure_data({"initialisations": Table(columns=columns)})
        >>> data.boundary.tolist()
        [[1.0, -1.0], [1.0, 0.0], [2.0, 1.0]]
    """
    named = need(tables, "initialisations", "name", "gamma", "gamma_prime")
    low, high = GAMMA_PRIME
    rows = np.array([low, 0.0, high])
    theory = np.maximum(1.0, 1.0 + rows)
    return PhasePlane(
        boundary=np.stack([theory, rows], axis=1),
        places=gather_places(named),
        diagonal=named_diagonal(named),
    )


def draw(data: PhasePlane, axes: Axes | None = None) -> Figure:
    """Draw the plane: linear on the left, condensed at the lower right, critical on the
    line between.

    Args:
        data: From `figure_data`.
        axes: The Axes to draw on; None makes a figure.

    Raises:
        InvalidInputError: If `axes` is not one Axes.
    """
    with panels(axes, [["plane"]], size=SIZE) as (figure, (ax,)):
        _draw_regimes(ax, data)
        if data.diagonal:
            _draw_diagonal(ax, data.diagonal)
        for place in data.places:
            _draw_place(ax, place)
        ax.set(
            xlim=GAMMA,
            ylim=GAMMA_PRIME,
            xlabel="γ",
            ylabel="γ′",
            aspect="equal",
            xticks=np.linspace(*GAMMA, 5),
            yticks=np.linspace(*GAMMA_PRIME, 5),
        )
    return figure


def _draw_regimes(ax: Axes, data: PhasePlane) -> None:
    gamma, gamma_prime = data.boundary.T
    left, right = GAMMA
    sides = {left: _LINEAR, right: _CONDENSED}
    for side, colour in sides.items():
        ax.fill_betweenx(
            gamma_prime,
            gamma,
            side,
            color=colour,
            linewidth=0,
            zorder=0,
        )
    ax.plot(
        gamma,
        gamma_prime,
        color=INK,
        linewidth=1.6,
        zorder=3,
    )
    for name, (x, y, limit) in _NAMES.items():
        written = partial(ax.text, ha="center", va="center")
        written(
            x,
            y + 0.06,
            name,
            fontweight="bold",
        )
        written(x, y - 0.06, limit)
    _write_along(ax, (1.3, 0.44), "critical", weight="bold")
    _write_along(ax, (1.7, 0.54), "RD = O(1)")


def _write_along(
    ax: Axes,
    point: tuple[float, float],
    text: str,
    *,
    size: str = "medium",
    weight: str = "normal",
) -> None:
    """Text that rises as the lines do."""
    ax.text(
        *point,
        text,
        rotation=45,
        ha="center",
        va="center",
        rotation_mode="anchor",
        fontsize=size,
        fontweight=weight,
    )


def _draw_diagonal(ax: Axes, label: str) -> None:
    low, high = GAMMA[0], GAMMA_PRIME[1]
    ends = [low, high]
    ax.plot(
        ends,
        ends,
        zorder=2,
        **DIAGONAL,
    )
    _write_along(ax, (0.7, 0.78), label, size="small")


def _draw_place(ax: Axes, place: Place) -> None:
    point = (place.gamma, place.gamma_prime)
    ax.plot(
        *point,
        linestyle="none",
        zorder=4,
        clip_on=False,
        **DIAMOND,
    )
    ax.annotate(
        place.label,
        point,
        xytext=_OFFSETS.get(point, (6.0, 0.0)),
        textcoords="offset points",
        va="center",
        fontsize="small",
        path_effects=halo(1.2),
        zorder=5,
    )

"""The plane of two contributions: R_S, R1 and their sum as contours, and the paths of
training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery.plots._style import GREY, INK, PAGE, PALETTE, halo, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

_PANELS = (
    ("plain", "$R_S$"),
    ("expected", "$R_S + R_1$"),
    ("dropped", "$R_{drop}$, mean of 64 runs"),
)
_VALLEY: dict[str, Any] = {"color": INK, "ls": (0, (4, 2)), "lw": 0.9}
_PATH: dict[str, Any] = {"color": PALETTE[1], "lw": 1.3}
_START: dict[str, Any] = {
    "color": PALETTE[0],
    "marker": "o",
    "ls": "",
    "ms": 3.6,
    "mew": 0,
}
_END: dict[str, Any] = {
    "color": PALETTE[1],
    "marker": "s",
    "ls": "",
    "ms": 3.6,
    "mew": 0,
}


@dataclass(frozen=True, eq=False)
class DropoutContours:
    """What the three panels show.

    Attributes:
        side: Abscissae of the square grid, which are its ordinates too.
        plain: R_S on the grid.
        r1: R1 on the grid.
        paths: Per loss (plain, expected, dropped) and start the contributions of both
            units, (step, unit).
    """

    side: Float[np.ndarray, " side"]
    plain: Float[np.ndarray, "side side"]
    r1: Float[np.ndarray, "side side"]
    paths: dict[str, tuple[Float[np.ndarray, "step 2"], ...]]


def figure_data(tables: Mapping[str, Table]) -> DropoutContours:
    """The numbers of the figure (the toy model of two neurons in Zhang and Xu 2024,
    arXiv 2207.05952).

    Args:
        tables: ``landscape`` (first, second, plain, r1 on a square grid), ``paths``
            (loss, start, step, first, second).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    ground = need(tables, "landscape", "first", "second", "plain", "r1")
    paths = need(tables, "paths", "loss", "start", "step", "first", "second")
    side = levels(ground["first"])
    order = np.lexsort((ground["first"], ground["second"]))
    shape = (len(side), len(side))
    curves = {}
    for name, _ in _PANELS:
        rows = paths.select(loss=name)
        curves[name] = tuple(
            _path(rows.select(start=int(start))) for start in levels(rows["start"])
        )
    return DropoutContours(
        side=side,
        plain=ground["plain"][order].reshape(shape),
        r1=ground["r1"][order].reshape(shape),
        paths=curves,
    )


def _path(rows: Table) -> np.ndarray:
    order = np.argsort(rows["step"], kind="stable")
    return np.column_stack([rows["first"], rows["second"]])[order]


def draw(
    data: DropoutContours, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw one panel per loss: contours of the loss, the valley of R_S, and the path
    from every start.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["plain", "expected", "dropped"]], size=(PAGE, 2.9)) as (
        figure,
        panel_axes,
    ):
        for ax, (name, title) in zip(panel_axes, _PANELS, strict=True):
            _contours(ax, data, name)
            for path in data.paths[name]:
                _walk(ax, path)
            ax.set(aspect="equal", title=title, xlabel="contribution $o_1$")
        panel_axes[0].set_ylabel("contribution $o_2$")
        handles, labels = _names()
        if axes is None:
            figure.legend(
                handles,
                labels,
                loc="outside upper center",
                ncols=len(labels),
            )
    return figure


def _contours(ax: Axes, data: DropoutContours, name: str) -> None:
    """The loss, R1 and the valley of R_S."""
    ground = data.plain if name == "plain" else data.plain + data.r1
    lowest = max(float(ground.min()) * 1.02, 1e-3)
    marks = np.geomspace(lowest, float(ground.max()), 12)
    ax.contour(
        data.side,
        data.side,
        ground,
        levels=marks,
        colors=GREY,
        linewidths=0.6,
    )
    ax.contour(
        data.side,
        data.side,
        data.r1,
        levels=6,
        colors=PALETTE[4],
        linewidths=0.8,
        linestyles=":",
    )
    low, high = float(data.side[0]), float(data.side[-1])
    ax.plot([low, high], [1 - low, 1 - high], **_VALLEY)
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.set_xticks([0, 0.5, 1])
    ax.set_yticks([0, 0.5, 1])


def _walk(ax: Axes, path: np.ndarray) -> None:
    """One path from its start to its end."""
    ax.plot(*path.T, path_effects=halo(1.0), **_PATH)
    ax.plot(*path[0], **_START)
    ax.plot(*path[-1], zorder=4, **_END)


def _names() -> tuple[list[Line2D], list[str]]:
    """What the lines and markers of the panels are."""
    looks: dict[str, dict[str, Any]] = {
        "the loss": {"color": GREY, "lw": 0.8},
        "$R_1$": {"color": PALETTE[4], "ls": ":", "lw": 1.0},
        "$R_S=0$": _VALLEY,
        "start": _START,
        "training": _PATH,
        "end": _END,
    }
    handles = [Line2D([], [], **look) for look in looks.values()]
    return handles, list(looks)

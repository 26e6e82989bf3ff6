"""Neurons of one-dimensional input in the plane (w, b), the field that moves them, and
the predicted lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery.plots._style import GREY, INK, PAGE, PALETTE, grid_of, panels
from condensery.plots._tables import need
from condensery.records import Table

TITLES = {
    "xtanh": "x tanh x",
    "x2tanh": "x² tanh x",
    "relu": "ReLU",
}
"""How a title writes the name of an activation."""
_ARROW = 0.16
"""Longest arrow of a neuron, as a share of the panel."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One activation.

    Attributes:
        title: Its name.
        units: (w, b) of the neurons.
        motion: The direction in which each moves, as vectors of length 1 (0 where it
            does not).
        field: Points of the field.
        field_motion: Vectors of the field there, the longest of length 1.
        lines: Unit vectors of the predicted lines; none without a prediction.
        reach: Half the side of the square that is shown.
    """

    title: str
    units: Float[np.ndarray, "unit 2"]
    motion: Float[np.ndarray, "unit 2"]
    field: Float[np.ndarray, "point 2"]
    field_motion: Float[np.ndarray, "point 2"]
    lines: Float[np.ndarray, "line 2"]
    reach: float


@dataclass(frozen=True, eq=False)
class DirectionField:
    """What the figure shows.

    Attributes:
        panels: One per activation.
        step: After how many steps.
    """

    panels: tuple[Panel, ...]
    step: int


def figure_data(tables: Mapping[str, Table]) -> DirectionField:
    """The numbers of the figure (Zhou et al. 2022, arXiv 2105.11686, Fig. 6).

    Args:
        tables: ``neurons`` (activation, step, w, b, dw, db), ``field`` (activation, w,
            b, dw, db), and if there is a prediction ``predicted`` (activation, w, b).

    Raises:
        InvalidInputError: If a table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> one = {
        ...     "activation": ["tanh"],
        ...     "w": [1.0],
        ...     "b": [0.0],
        ...     "dw": [0.0],
        ...     "db": [2.0],
        ... }
        >>> tables = {
        ...     "neurons": Table(columns={**one, "step": [10]}),
        ...     "field": Table(columns=one),
        ... }
        >>> data = figure_data(tables)
        >>> data.panels[0].motion, data.step
        (array([[0., 1.]]), 10)
    """
    neurons = need(tables, "neurons", "activation", "step", "w", "b", "dw", "db")
    field = need(tables, "field", "activation", "w", "b", "dw", "db")
    predicted = tables.get("predicted")
    made = []
    for name in dict.fromkeys(neurons["activation"].tolist()):
        unit_rows, vectors = (
            neurons.select(activation=name),
            field.select(activation=name),
        )
        lines = (
            np.empty((0, 2))
            if predicted is None
            else _pair(predicted.select(activation=name), "w", "b")
        )
        motion, pull = _pair(unit_rows, "dw", "db"), _pair(vectors, "dw", "db")
        length = np.linalg.norm(motion, axis=1, keepdims=True)
        longest = float(np.linalg.norm(pull, axis=1).max(initial=0.0)) or 1.0
        units, points = _pair(unit_rows, "w", "b"), _pair(vectors, "w", "b")
        reach = float(
            max(np.abs(points).max(initial=0.0), np.abs(units).max(initial=0.0))
        )
        made.append(
            Panel(
                TITLES.get(name, name),
                units,
                np.divide(
                    motion,
                    length,
                    out=np.zeros_like(motion),
                    where=length > 0,
                ),
                points,
                pull / longest,
                lines,
                1.05 * reach or 1.0,
            )
        )
    return DirectionField(tuple(made), int(neurons["step"][0]))


def _pair(table: Table, first: str, second: str) -> Float[np.ndarray, "row 2"]:
    return np.column_stack([table[first], table[second]]).astype(np.float64)


def draw(
    data: DirectionField, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw one square per activation: neurons as dots with arrows, the field in grey,
    predicted lines dashed.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are activations; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    count = len(data.panels)
    across = min(4, count)
    layout = grid_of(count, across=across)
    size = (PAGE * across / 4 + (0.4 if across < 4 else 0), 1.85 * len(layout) + 0.3)
    with panels(axes, layout, size=(min(size[0], PAGE), size[1])) as (
        figure,
        panel_axes,
    ):
        for k, (ax, panel) in enumerate(zip(panel_axes, data.panels, strict=True)):
            _draw_panel(ax, panel)
            ax.set_xlabel("$w$" if k >= count - across else "")
            ax.set_ylabel("$b$" if k % across == 0 else "")
        if axes is None:
            figure.legend(
                handles=_handles(data),
                loc="outside upper center",
                ncols=4 if across > 2 else 2,
            )
    return figure


def _handles(data: DirectionField) -> list[Line2D]:
    """Names of dots, arrows and lines."""
    neuron = Line2D(
        [],
        [],
        ls="none",
        marker="o",
        ms=3.0,
        color=PALETTE[1],
        label="neuron",
    )
    motion = Line2D([], [], color=PALETTE[0], lw=1.2, label="where it moves")
    pull = Line2D([], [], color=GREY, lw=0.8, label="field")
    line = Line2D(
        [],
        [],
        color=INK,
        ls=(0, (4, 2)),
        lw=0.9,
        label="line of theory",
    )
    has_lines = any(len(panel.lines) for panel in data.panels)
    return [neuron, motion, pull, line] if has_lines else [neuron, motion, pull]


def _draw_panel(ax: Axes, panel: Panel) -> None:
    reach = panel.reach
    ax.quiver(
        panel.field[:, 0],
        panel.field[:, 1],
        panel.field_motion[:, 0],
        panel.field_motion[:, 1],
        color=GREY,
        width=0.004,
        scale=12,
        pivot="mid",
        zorder=1,
    )
    for u, v in panel.lines:
        far = 2 * reach
        ax.plot(
            [-far * u, far * u],
            [-far * v, far * v],
            ls=(0, (4, 2)),
            color=INK,
            lw=0.9,
            zorder=2,
        )
    arrows = _ARROW * 2 * reach * panel.motion
    ax.quiver(
        panel.units[:, 0],
        panel.units[:, 1],
        arrows[:, 0],
        arrows[:, 1],
        color=PALETTE[0],
        width=0.004,
        angles="xy",
        scale_units="xy",
        scale=1,
        alpha=0.45,
        zorder=3,
    )
    ax.plot(
        panel.units[:, 0],
        panel.units[:, 1],
        "o",
        color=PALETTE[1],
        ms=2.2,
        mew=0,
        zorder=4,
    )
    ax.set(
        xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=panel.title
    )
    ax.locator_params(nbins=4)

"""Effective ratios of the layers of several architectures over their settings, with the
test accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import INK, PAGE, PAPER, panels
from condensery.plots._tables import need, number
from condensery.plots.slope_map import ink_on, short
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class ArchitectureRatios:
    """What the figure shows.

    Attributes:
        settings: (γ, keep probability, weight decay) of the columns.
        rows: Name of each row: ``mlp: first`` for a layer, ``mlp`` for an accuracy.
        ratio: Mean effective ratio over the seeds of each layer and setting; NaN in
            rows of accuracies.
        null: The same of the shuffled rows.
        accuracy: Mean test accuracy; NaN in rows of layers.
    """

    settings: tuple[tuple[float, float, float], ...]
    rows: tuple[str, ...]
    ratio: Float[np.ndarray, "row setting"]
    null: Float[np.ndarray, "row setting"]
    accuracy: Float[np.ndarray, "row setting"]


def figure_data(
    tables: Mapping[str, Table], *, threshold: int = 70
) -> ArchitectureRatios:
    """The numbers of the figure.

    Args:
        tables: ``layers`` (kind, layer, gamma, keep, decay, ratio_70 and null_70 or
            those of another threshold) and ``members`` (kind, gamma, keep, decay,
            accuracy).
        threshold: Hundred times the cosine.

    Raises:
        InvalidInputError: If a table or column is missing.

    Example:
        >>> from condensery.records import Table
        >>> where = {"kind": ["mlp"], "gamma": [0.5], "keep": [1.0], "decay": [0.0]}
        >>> layers = Table(
        ...     columns={
        ...         **where,
        ...         "layer": ["first"],
        ...         "ratio_70": [0.5],
        ...         "null_70": [1.0],
        ...     }
        ... )
        >>> data = figure_data(
        ...     {
        ...         "layers": layers,
        ...         "members": Table(columns={**where, "accuracy": [0.9]}),
        ...     }
        ... )
        >>> data.rows, data.ratio[0].tolist(), data.accuracy[1].tolist()
        (('mlp: first', 'mlp'), [0.5], [0.9])
    """
    ratio, null = f"ratio_{threshold}", f"null_{threshold}"
    layers = need(
        tables, "layers", "kind", "layer", "gamma", "keep", "decay", ratio, null
    )
    members = need(tables, "members", "kind", "gamma", "keep", "decay", "accuracy")
    places = zip(members["gamma"], members["keep"], members["decay"], strict=True)
    settings = sorted(
        {(float(g), float(p), float(d)) for g, p, d in places},
        key=lambda one: (one[0], -one[1], one[2]),
    )
    names: list[str] = []
    grids: list[list[list[float]]] = []
    for kind in dict.fromkeys(members["kind"].tolist()):
        own = layers.select(kind=kind)
        for layer in dict.fromkeys(own["layer"].tolist()):
            names.append(f"{kind}: {layer}")
            cells = [
                own.select(layer=layer, gamma=g, keep=p, decay=d)
                for g, p, d in settings
            ]
            grids.append(
                [[_mean(cell[ratio]), _mean(cell[null]), np.nan] for cell in cells]
            )
        names.append(str(kind))
        cells = [
            members.select(kind=kind, gamma=g, keep=p, decay=d) for g, p, d in settings
        ]
        grids.append([[np.nan, np.nan, _mean(cell["accuracy"])] for cell in cells])
    numbers = np.array(grids)
    return ArchitectureRatios(
        tuple(settings), tuple(names), numbers[..., 0], numbers[..., 1], numbers[..., 2]
    )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def draw(data: ArchitectureRatios, axes: Axes | None = None) -> Figure:
    """Draw the ratios as a heat map with their numbers; accuracies stand in white rows,
    in per cent.

    Where the shuffled rows have a ratio below 0.95 themselves it stands small beside
    the layer's.

    Args:
        data: From `figure_data`.
        axes: The Axes to draw on; None makes a figure.

    Raises:
        InvalidInputError: If `axes` is not one Axes.
    """
    height = float(np.clip(1.2 + 0.2 * len(data.rows), 2.6, 7.0))
    with panels(axes, [["map"]], size=(PAGE, height)) as (figure, (ax,)):
        mesh = ax.pcolormesh(
            np.ma.masked_invalid(data.ratio),
            cmap="YlGnBu_r",
            vmin=0.0,
            vmax=1.0,
            edgecolors=PAPER,
            linewidth=0.6,
        )
        figure.colorbar(mesh, ax=ax, pad=0.01, fraction=0.03, aspect=30).set_label(
            "effective ratio"
        )
        narrow = len(data.settings) > 24
        for row, column in np.ndindex(*data.ratio.shape):
            value, accuracy = data.ratio[row, column], data.accuracy[row, column]
            if np.isfinite(value) and not narrow:
                text = short(value) + (
                    f"|{short(data.null[row, column])}"
                    if data.null[row, column] < 0.95
                    else ""
                )
                colour = ink_on(mesh.get_cmap(), value)
            elif np.isfinite(accuracy):
                text, colour = f"{100 * accuracy:.0f}", INK
            else:
                continue
            ax.text(
                column + 0.5,
                row + 0.5,
                text,
                ha="center",
                va="center",
                fontsize="small",
                color=colour,
            )
        ax.set_yticks(
            np.arange(len(data.rows)) + 0.5,
            [name if ":" in name else "accuracy (%)" for name in data.rows],
        )
        ax.set_xticks(
            np.arange(len(data.settings)) + 0.5, [_label(*one) for one in data.settings]
        )
        if narrow:
            ax.tick_params(axis="x", labelrotation=90)
        ax.tick_params(length=0)
        ax.invert_yaxis()
    return figure


def _label(gamma: float, keep: float, decay: float) -> str:
    return f"γ {number(gamma)}\np {number(keep)}\nλ {number(decay)}"

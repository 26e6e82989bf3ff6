"""Small initialisation against dropout: loss, effective orientations, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import AFTER, INK, PAGE, PALETTE, SAMPLES, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

_WAYS = {
    "descent": ("small, gradient descent", PALETTE[0], "-"),
    "adam": ("small, Adam", PALETTE[4], (0, (4, 1.5))),
    "dropout": ("large, dropout", AFTER.colour, "-"),
}


@dataclass(frozen=True, eq=False)
class DropoutStall:
    """What the panels show.

    Attributes:
        curves: Per way (descent, adam, dropout) and seed the step, R_S and the effective orientations.
        x: Abscissae of the outputs.
        outputs: Per way the output early and late.
        sample_x: Training data.
        sample_y: Training data.
    """

    curves: dict[str, tuple[Float[np.ndarray, "3 step"], ...]]
    x: Float[np.ndarray, " point"]
    outputs: dict[str, tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]]
    sample_x: Float[np.ndarray, " sample"]
    sample_y: Float[np.ndarray, " sample"]


def figure_data(tables: Mapping[str, Table]) -> DropoutStall:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Fig. 9).

    Args:
        tables: ``curves`` (way, seed, step, loss, orientations), ``outputs`` (way, x, early, late), ``data`` (x, y).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    curves = need(tables, "curves", "way", "seed", "step", "loss", "orientations")
    outputs = need(tables, "outputs", "way", "x", "early", "late")
    data = need(tables, "data", "x", "y")
    lines = {way: outputs.select(way=way) for way in _WAYS}
    return DropoutStall(
        curves={way: _curves(curves.select(way=way)) for way in _WAYS},
        x=lines["dropout"]["x"],
        outputs={way: (line["early"], line["late"]) for way, line in lines.items()},
        sample_x=data["x"],
        sample_y=data["y"],
    )


def _curves(table: Table) -> tuple[np.ndarray, ...]:
    found = []
    for seed in levels(table["seed"]).astype(int):
        rows = table.select(seed=int(seed))
        order = np.argsort(rows["step"], kind="stable")
        found.append(
            np.stack(
                [
                    np.asarray(rows[name], np.float64)[order]
                    for name in ("step", "loss", "orientations")
                ]
            )
        )
    return tuple(found)


def draw(data: DropoutStall, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw the three panels side by side.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["loss", "count", "output"]], size=(PAGE, 2.5)) as (
        figure,
        (loss, count, output),
    ):
        for way, (label, colour, dashes) in _WAYS.items():
            for place, (step, value, orientations) in enumerate(data.curves[way]):
                shown = np.maximum(step, 0.8)
                loss.plot(
                    shown,
                    value,
                    color=colour,
                    ls=dashes,
                    lw=1.2,
                    label=None if place else label,
                )
                count.plot(shown, orientations, color=colour, ls=dashes, lw=1.2)
            early, late = data.outputs[way]
            output.plot(data.x, early, color=colour, lw=0.7, alpha=0.6)
            output.plot(data.x, late, color=colour, ls=dashes, lw=1.5)
        output.plot(
            data.sample_x, data.sample_y, SAMPLES.marker, color=INK, ms=2.6, mew=0
        )
        low, high = float(data.sample_y.min()), float(data.sample_y.max())
        margin = 0.25 * (high - low)
        loss.set(xscale="log", yscale="log", xlabel="step", ylabel="$R_S$")
        loss.legend(loc="lower left")
        count.set(xscale="log", xlabel="step", ylabel="effective orientations")
        count.set_ylim(bottom=0)
        output.set(xlabel="$x$", ylabel="output", ylim=(low - margin, high + margin))
    return figure

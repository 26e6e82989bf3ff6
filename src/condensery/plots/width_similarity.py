"""Nets of different widths: their losses, and outputs, features and escapes at the
common plateau.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, INK, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need, number
from condensery.records import Table

LEAST = 1e-5
"""Losses below this are cut off."""

TITLES = {"descent": "gradient descent", "adam": "Adam"}


@dataclass(frozen=True, eq=False)
class Curve:
    """The loss of one width, first seed, and where it rests: (first, last) steps."""

    width: int
    step: Float[np.ndarray, " step"]
    loss: Float[np.ndarray, " step"]
    rests: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class WidthSimilarity:
    """What the five panels show.

    Attributes:
        curves: Per optimiser the curves by width.
        levels: Best critical losses of widths 1 and 2.
        x: Abscissae of the outputs.
        outputs: Per width the output on the first plateau under gradient descent.
        best: The best width-1 function.
        features: Per width orientation and amplitude of the units there.
        escape_width: Widths of the escapes.
        escapes: Steps of every seed, per width.
    """

    curves: dict[str, tuple[Curve, ...]]
    levels: tuple[float, ...]
    x: Float[np.ndarray, " point"]
    outputs: dict[int, Float[np.ndarray, " point"]]
    best: Float[np.ndarray, " point"]
    features: dict[int, Float[np.ndarray, "unit 2"]]
    escape_width: Int[np.ndarray, " width"]
    escapes: tuple[Float[np.ndarray, " seed"], ...]


def figure_data(tables: Mapping[str, Table]) -> WidthSimilarity:
    """The numbers of the figure (Zhang et al. 2021, arXiv 2105.14573, Fig. 1, there for
    one width).

    Args:
        tables: ``loss`` (optimiser, width, seed, step, loss), ``plateaus`` (optimiser,
            width, seed, first, last), ``levels`` (width, loss), ``outputs`` (optimiser,
            width, x, y), ``optima`` (width, x, y), ``features`` (optimiser, width,
            orientation, amplitude) and ``escapes`` (width, steps).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    loss = need(tables, "loss", "optimiser", "width", "seed", "step", "loss").select(
        seed=0
    )
    rests = tables.get(
        "plateaus", Table(columns={"seed": np.zeros(0, int), "width": np.zeros(0, int)})
    ).select(seed=0)
    level, best = (
        need(tables, "levels", "width", "loss"),
        need(tables, "optima", "width", "x", "y").select(width=1),
    )
    escapes = need(tables, "escapes", "width", "steps")
    curves = {}
    for name in TITLES:
        here, found = loss.select(optimiser=name), []
        flat = rests.select(optimiser=name) if len(rests) else rests
        for width in levels(here["width"]).astype(int):
            one = here.select(width=int(width))
            where = flat.select(width=int(width))
            spans = (
                tuple(
                    (int(a), int(b))
                    for a, b in zip(where["first"], where["last"], strict=True)
                )
                if len(flat)
                else ()
            )
            found.append(
                Curve(int(width), one["step"].astype(float), one["loss"], spans)
            )
        curves[name] = tuple(found)
    outputs = (
        tables["outputs"].select(optimiser="descent")
        if "outputs" in tables
        else Table(columns={"width": np.zeros(0)})
    )
    features = (
        tables["features"].select(optimiser="descent") if len(outputs) else outputs
    )
    shown = levels(outputs["width"]).astype(int).tolist()
    at = levels(escapes["width"]).astype(int)
    return WidthSimilarity(
        curves=curves,
        levels=tuple(
            float(level.select(width=width)["loss"].min()) for width in (1, 2)
        ),
        x=best["x"],
        best=best["y"],
        outputs={width: outputs.select(width=width)["y"] for width in shown},
        features={
            width: np.column_stack(
                [
                    features.select(width=width)[name]
                    for name in ("orientation", "amplitude")
                ]
            )
            for width in shown
        },
        escape_width=at,
        escapes=tuple(
            escapes.select(width=int(one))["steps"].astype(float) for one in at
        ),
    )


def draw(
    data: WidthSimilarity, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the losses of both optimisers above, and outputs, features and escapes
    below.

    Args:
        data: From `figure_data`.
        axes: Five Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not five Axes.
    """
    layout = [
        ["descent"] * 3 + ["adam"] * 3,
        ["output"] * 2 + ["feature"] * 2 + ["escape"] * 2,
    ]
    widths = sorted(
        {curve.width for curves in data.curves.values() for curve in curves}
    )
    colour = {
        width: PALETTE[place % len(PALETTE)] for place, width in enumerate(widths)
    }
    with panels(axes, layout, size=(PAGE, 4.8)) as (figure, made):
        for ax, (name, curves) in zip(made[:2], data.curves.items(), strict=True):
            _losses(ax, curves, data.levels, colour)
            ax.set(
                title=TITLES[name],
                xlabel="step",
                ylabel="loss" if ax is made[0] else "",
            )
            ax.set_ylim(bottom=max(ax.get_ylim()[0], LEAST))
        made[1].legend(
            fontsize="small",
            title="width",
            title_fontsize="small",
            loc="upper left",
            bbox_to_anchor=(1, 1),
        )
        output, feature, escape = made[2:]
        for width, y in data.outputs.items():
            output.plot(data.x, y, color=colour[width], lw=1.0)
        output.plot(data.x, data.best, ":", color=INK, lw=1.4, label="best of width 1")
        output.set(xlabel="$x$", ylabel="output on the plateau")
        output.legend(fontsize="small", loc="upper left")
        for width, cloud in data.features.items():
            feature.plot(
                cloud[:, 0],
                cloud[:, 1],
                "o",
                color=colour[width],
                ms=3,
                mfc="none",
                mew=0.7,
            )
        feature.set(
            xlabel="orientation mod π",
            ylabel="amplitude / largest",
            xlim=(-0.1, np.pi + 0.1),
            xticks=[0, np.pi / 2, np.pi],
            xticklabels=["0", "π/2", "π"],
        )
        for place, steps in enumerate(data.escapes):
            jitter = np.linspace(-0.15, 0.15, len(steps))
            escape.plot(place + jitter, np.sort(steps), ".", color=GREY, ms=3)
            escape.plot(place, np.median(steps), "_", color=PALETTE[1], ms=16, mew=2)
        escape.set(
            xlabel="width",
            ylabel="steps to escape",
            xticks=range(len(data.escapes)),
            ylim=(0, None),
            xticklabels=[number(width) for width in data.escape_width],
        )
    return figure


def _losses(
    ax: Axes, curves: Sequence[Curve], marks: Sequence[float], colour: Mapping[int, str]
) -> None:
    for level in marks:
        ax.axhline(level, color=GREY, ls=(0, (4, 2)), lw=0.8, zorder=1)
    for curve in curves:
        keep = curve.step >= 1
        ax.plot(
            curve.step[keep],
            curve.loss[keep],
            color=colour[curve.width],
            lw=0.9,
            label=f"{curve.width}",
        )
        for first, last in curve.rests:
            on = (curve.step >= first) & (curve.step <= last)
            ax.plot(
                curve.step[on],
                curve.loss[on],
                color=colour[curve.width],
                lw=2.6,
                alpha=0.5,
            )
    ax.set(xscale="log", yscale="log")

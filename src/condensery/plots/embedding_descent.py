"""Ways down from an embedded critical point: the loss along one, their number, and how
steep they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, INK, MARKERS, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Status, Table


@dataclass(frozen=True, eq=False)
class Descent:
    """The loss along one direction, and the parabola of its curvature."""

    label: str
    t: Float[np.ndarray, " point"]
    loss: Float[np.ndarray, " point"]
    curvature: float


@dataclass(frozen=True, eq=False)
class EmbeddingDescent:
    """What the three panels show.

    Attributes:
        curves: Loss along a new direction of descent, per narrow width.
        width: Widths of the net that the width-1 point is embedded in.
        negative: Number of negative eigenvalues there, predicted.
        measured: The same by the dense Hessian; −1 where it was not formed.
        steepest: Minus the least eigenvalue.
        escape_width: Widths of the escapes.
        escape_time: Median of steps times rate; those that did not get away count with
            the most steps.
        escaped: Share that got away.
    """

    curves: tuple[Descent, ...]
    width: Int[np.ndarray, " width"]
    negative: Int[np.ndarray, " width"]
    measured: Int[np.ndarray, " width"]
    steepest: Float[np.ndarray, " width"]
    escape_width: Int[np.ndarray, " escape"]
    escape_time: Float[np.ndarray, " escape"]
    escaped: Float[np.ndarray, " escape"]


def figure_data(tables: Mapping[str, Table]) -> EmbeddingDescent:
    """The numbers of the figure (to Zhang et al. 2022, arXiv 2111.15527, Thm 6.2; the
    figure is ours).

    Args:
        tables: ``points`` (net, point, width), ``descent`` (point, unit, curvature, t,
            loss), ``widths`` (width, negative, measured_negative, lambda_min),
            ``escapes`` (width, time, status).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    points = need(tables, "points", "net", "point", "width").select(net="three steps")
    descent = need(tables, "descent", "point", "unit", "curvature", "t", "loss")
    widths = need(
        tables, "widths", "width", "negative", "measured_negative", "lambda_min"
    )
    escapes = need(tables, "escapes", "width", "time", "status")
    curves = []
    for width in (1, 2):
        best = points.select(width=width)["point"][:1]
        if best.size and len(rows := descent.select(point=int(best[0]))):
            steepest = rows.select(curvature=float(rows["curvature"].min()))
            steepest = steepest.select(unit=int(steepest["unit"][0]))
            curves.append(
                Descent(
                    f"width {width} in {width + 1}",
                    steepest["t"],
                    steepest["loss"],
                    steepest["curvature"][0],
                )
            )
    at = levels(escapes["width"]).astype(int)
    away = [escapes.select(width=int(one)) for one in at]
    keep = widths["width"] > 1
    return EmbeddingDescent(
        curves=tuple(curves),
        width=widths["width"][keep],
        negative=widths["negative"][keep],
        measured=widths["measured_negative"][keep],
        steepest=-widths["lambda_min"][keep],
        escape_width=at,
        escape_time=np.array([float(np.median(one["time"])) for one in away]),
        escaped=np.array(
            [float(np.mean(one["status"] == Status.CONVERGED)) for one in away]
        ),
    )


def draw(
    data: EmbeddingDescent, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the loss along the new directions, their number against the width, and
    steepness with the time to escape.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["loss", "count", "steep"]], size=(PAGE, 2.4)) as (
        figure,
        (left, middle, right),
    ):
        for number, curve in enumerate(data.curves):
            start, low = (
                curve.loss[len(curve.loss) // 2],
                curve.t[int(np.argmin(curve.loss))],
            )
            change, t = (curve.loss - start) / start, curve.t / abs(low)
            depth = float(-change.min())
            left.plot(
                t,
                change / depth,
                color=PALETTE[number],
                label=f"{curve.label}: depth {depth:.1e}",
            )
            left.plot(
                t,
                0.5 * curve.curvature * curve.t**2 / start / depth,
                color=PALETTE[number],
                ls=":",
                lw=1.0,
            )
        left.plot([], [], color=GREY, ls=":", label="$λt^2/2$")
        left.plot(0, 0, "o", color=INK, ms=3)
        left.set(
            xlabel="distance along the direction / $t_{min}$",
            ylabel="change of the loss / depth",
            ylim=(-2, 3.4),
        )
        left.legend(loc="upper center", fontsize="small")
        middle.plot(
            data.width, data.negative, MARKERS[0], color=PALETTE[0], label="predicted"
        )
        dense = data.measured >= 0
        middle.plot(
            data.width[dense],
            data.measured[dense],
            "x",
            color=PALETTE[1],
            label="dense Hessian",
        )
        middle.plot(
            data.width, data.width - 1, color=GREY, lw=0.8, label="$m-1$", zorder=1
        )
        middle.set(
            xscale="log",
            yscale="log",
            xlabel="width $m$",
            ylabel="directions of descent",
        )
        middle.legend(loc="upper left", fontsize="small")
        right.plot(
            data.width,
            data.steepest,
            MARKERS[0],
            ls="-",
            lw=0.8,
            color=PALETTE[0],
            label="$-λ_{min}$",
        )
        right.set(xscale="log", yscale="log", xlabel="width $m$", ylabel="$-λ_{min}$")
        other = right.twinx()
        gone = data.escaped > 0.5
        other.plot(
            data.escape_width[gone],
            data.escape_time[gone],
            MARKERS[1],
            color=PALETTE[1],
            ls="--",
            lw=0.8,
        )
        other.plot(
            data.escape_width[~gone],
            data.escape_time[~gone],
            "^",
            color=PALETTE[1],
            mfc="none",
        )
        decades = np.log10([data.escape_time.min(), data.escape_time.max()])
        other.set(
            yscale="log",
            ylabel="time to escape",
            ylim=(10 ** np.floor(decades[0]), 10 ** np.ceil(decades[1] + 0.1)),
        )
        right.plot(
            [], [], MARKERS[1], color=PALETTE[1], ls="--", lw=0.8, label="time (right)"
        )
        if (~gone).any():
            right.plot(
                [], [], "^", color=PALETTE[1], mfc="none", ls="", label="not by then"
            )
        right.legend(loc="upper right", fontsize="small")
        other.minorticks_off()
    return figure

"""Recovery of narrow targets against the number of samples, and test error against
effective neurons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery.plots._style import GREY, INK, MARKERS, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need, number
from condensery.records import Table

LEAST = 1e-9
"""Smaller test errors are drawn here."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Median test error of one width and initial scale against the number of
    samples.
    """

    width: int
    scale: float
    samples: Float[np.ndarray, " count"]
    test: Float[np.ndarray, " count"]


@dataclass(frozen=True, eq=False)
class Target:
    """What is shown for the targets of k units.

    Attributes:
        units: k.
        optimistic: k(d + 1).
        curves: One per width and scale.
        effective: Effective neurons over k of every fitted net near the optimistic
            size.
        test: Its test error.
        scale: Its initial scale.
        width: Its width.
        slope: Of the line in logarithms, with the ends of its interval; nan where there
            is none.
        intercept: Of the line.
    """

    units: int
    optimistic: int
    curves: tuple[Curve, ...]
    effective: Float[np.ndarray, " net"]
    test: Float[np.ndarray, " net"]
    scale: Float[np.ndarray, " net"]
    width: Float[np.ndarray, " net"]
    slope: tuple[float, float, float]
    intercept: float


def figure_data(tables: Mapping[str, Table]) -> tuple[Target, ...]:
    """The numbers of the figure (to Zhang et al. 2023, arXiv 2307.08921, Figs. 3 and 4;
    the lower row is ours).

    Args:
        tables: ``recovery`` (units, width, scale, samples, test), ``thresholds``
            (units, optimistic), ``nets`` (units, samples, width, scale, train, test,
            effective) and ``fit`` (units, slope, low, high, intercept).

    Returns:
        One entry per k.

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    recovery = need(tables, "recovery", "units", "width", "scale", "samples", "test")
    thresholds = need(tables, "thresholds", "units", "optimistic")
    nets = need(
        tables,
        "nets",
        "units",
        "samples",
        "width",
        "scale",
        "train",
        "test",
        "effective",
    )
    fit = need(tables, "fit", "units", "slope", "low", "high", "intercept")
    return tuple(
        _target(int(k), recovery, thresholds, nets, fit.select(units=float(k)))
        for k in levels(recovery["units"])
    )


def _target(
    k: int, recovery: Table, thresholds: Table, nets: Table, fit: Table
) -> Target:
    limit = int(thresholds.select(units=k)["optimistic"][0])
    here = recovery.select(units=k)
    curves = []
    for scale in levels(here["scale"]):
        for width in levels(here["width"]):
            cell = here.select(scale=float(scale), width=int(width))
            curves.append(
                Curve(
                    int(width),
                    float(scale),
                    cell["samples"].astype(float),
                    cell["test"],
                )
            )
    near = nets.select(units=k)
    keep = (
        (near["samples"] >= limit)
        & (near["samples"] <= 2 * limit)
        & (near["train"] < 1e-6)
    )
    line = [float(fit[name][0]) for name in ("slope", "low", "high", "intercept")]
    return Target(
        units=k,
        optimistic=limit,
        curves=tuple(curves),
        effective=near["effective"][keep] / k,
        test=near["test"][keep],
        scale=near["scale"][keep],
        width=near["width"][keep].astype(float),
        slope=(line[0], line[1], line[2]),
        intercept=line[3],
    )


def draw(
    data: Sequence[Target], axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw recovery above and error against effective neurons below, one column per k.

    Args:
        data: From `figure_data`.
        axes: Twice as many Axes as there are k, row by row; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many.
    """
    layout = [[f"{row}{target.units}" for target in data] for row in ("above", "below")]
    with panels(axes, layout, size=(PAGE, 4.8)) as (figure, made):
        above, below = made[: len(data)], made[len(data) :]
        for place, (target, top, bottom) in enumerate(
            zip(data, above, below, strict=True)
        ):
            scales = levels(np.array([curve.scale for curve in target.curves]))
            widths = levels(np.array([curve.width for curve in target.curves]))
            for curve in target.curves:
                colour = PALETTE[
                    int(np.searchsorted(scales, curve.scale)) % len(PALETTE)
                ]
                mark = MARKERS[int(np.searchsorted(widths, curve.width)) % len(MARKERS)]
                top.plot(
                    curve.samples,
                    np.maximum(curve.test, LEAST),
                    mark,
                    color=colour,
                    ls="-",
                    lw=0.7,
                    ms=3,
                )
            top.axvline(target.optimistic, color=INK, ls=(0, (4, 2)), lw=0.9)
            top.set(
                yscale="log",
                xlabel="samples $n$",
                ylabel="test error" if place == 0 else "",
                title=f"target of {target.units} unit{'s' if target.units > 1 else ''}",
            )
            _scatter(bottom, target, scales, widths)
            bottom.set(
                xlabel="effective neurons / $k$",
                ylabel="test error" if place == 0 else "",
            )
        above[-1].legend(
            handles=_handles(data),
            fontsize="small",
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
        )
    return figure


def _scatter(ax: Axes, target: Target, scales: np.ndarray, widths: np.ndarray) -> None:
    for colour, scale in enumerate(scales):
        for mark, width in enumerate(widths):
            rows = np.isclose(target.scale, scale) & np.isclose(target.width, width)
            ax.plot(
                target.effective[rows],
                np.maximum(target.test[rows], LEAST),
                MARKERS[mark % len(MARKERS)],
                ls="",
                color=PALETTE[colour % len(PALETTE)],
                ms=3,
                mfc="none",
                mew=0.7,
            )
    if not len(target.effective):
        ax.annotate(
            "no net fitted its samples",
            (0.5, 0.5),
            xycoords="axes fraction",
            ha="center",
            fontsize="small",
        )
        return
    ax.set(xscale="log", yscale="log")
    slope, low, high = target.slope
    if not np.isfinite(slope):
        return
    ends = np.array([target.effective.min(), target.effective.max()])
    ax.plot(ends, 10 ** (target.intercept + slope * np.log10(ends)), color=INK, lw=1.0)
    ax.annotate(
        f"slope {number(round(slope, 1))} ({number(round(low, 1))} to "
        f"{number(round(high, 1))})",
        (0.97, 0.04),
        xycoords="axes fraction",
        ha="right",
        fontsize="small",
    )


def _handles(data: Sequence[Target]) -> list[Line2D]:
    curves = [curve for target in data for curve in target.curves]
    scales, widths = (
        levels(np.array([getattr(curve, name) for curve in curves]))
        for name in ("scale", "width")
    )
    found = [
        Line2D(
            [], [], color=PALETTE[place % len(PALETTE)], label=f"std {number(scale)}"
        )
        for place, scale in enumerate(scales)
    ]
    found += [
        Line2D(
            [],
            [],
            color=GREY,
            marker=MARKERS[place % len(MARKERS)],
            ls="",
            ms=3,
            label=f"width {number(width)}",
        )
        for place, width in enumerate(widths)
    ]
    return [*found, Line2D([], [], color=INK, ls=(0, (4, 2)), lw=0.9, label="$k(d+1)$")]

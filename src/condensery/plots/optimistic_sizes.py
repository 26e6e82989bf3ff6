"""How few samples are enough: completed matrices, a plane from two points, and model
ranks against their formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, MARKERS, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

LEAST = 1e-11
"""Smaller errors are drawn here."""

SPREAD = 0.1
"""Half of the width over which dots of one number of samples are spread."""

KINDS = {
    "bilinear": "plane",
    "linear": "plane",
    "matrix": "matrix",
    "shared": "CNN, shared",
    "local": "CNN, local",
    "dense": "dense",
}


@dataclass(frozen=True, eq=False)
class Recovery:
    """Test errors of one target and model against the number of samples.

    Attributes:
        label: Name in the legend.
        samples: Of every fit; for matrices less the optimistic number.
        test: Test error of every fit, from the smallest initial scale.
        at: Distinct numbers of samples.
        median: Median test error there.
        large: The same from the largest initial scale; empty where there is only one.
    """

    label: str
    samples: Float[np.ndarray, " fit"]
    test: Float[np.ndarray, " fit"]
    at: Float[np.ndarray, " count"]
    median: Float[np.ndarray, " count"]
    large: Float[np.ndarray, " count"]


@dataclass(frozen=True, eq=False)
class OptimisticSizesFigure:
    """What the three panels show."""

    matrices: tuple[Recovery, ...]
    plane: tuple[Recovery, ...]
    kinds: tuple[str, ...]
    expected: tuple[Int[np.ndarray, " model"], ...]
    rank: tuple[Int[np.ndarray, " model"], ...]
    wide: tuple[Int[np.ndarray, " model"], ...]


def figure_data(tables: Mapping[str, Table]) -> OptimisticSizesFigure:
    """The numbers of the figure (to the experiments of Zhang et al. 2023, arXiv
    2307.08921).

    Args:
        tables: ``fits`` (model, rank, scale, samples, test), ``recovery`` (those,
            optimistic) and ``ranks`` (model, rank, expected, rank_wide).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    fits = need(tables, "fits", "model", "rank", "scale", "samples", "test")
    recovery = need(
        tables, "recovery", "model", "rank", "scale", "samples", "optimistic", "test"
    )
    ranks = need(tables, "ranks", "model", "rank", "expected", "rank_wide")
    matrices = [
        _recovery(
            f"rank {int(r)}",
            fits.select(model="matrix", rank=int(r)),
            recovery.select(model="matrix", rank=int(r)),
            less=True,
        )
        for r in levels(fits.select(model="matrix")["rank"])
    ]
    plane = [
        _recovery(
            text, fits.select(model=model), recovery.select(model=model), less=False
        )
        for model, text in (("bilinear", "bilinear"), ("linear", "linear"))
    ]
    kinds = tuple(dict.fromkeys(KINDS.values()))
    rows = [
        np.array([KINDS[model] == kind for model in ranks["model"]]) for kind in kinds
    ]
    picked = [
        tuple(ranks[name][row] for row in rows)
        for name in ("expected", "rank", "rank_wide")
    ]
    return OptimisticSizesFigure(tuple(matrices), tuple(plane), kinds, *picked)


def _recovery(label: str, fits: Table, medians: Table, *, less: bool) -> Recovery:
    scales = np.unique(medians["scale"])
    optimistic = int(medians["optimistic"][0]) if less else 0
    small, large = (medians.select(scale=float(one)) for one in (scales[0], scales[-1]))
    own = fits.select(scale=float(scales[0]))
    return Recovery(
        label=label,
        samples=own["samples"].astype(float) - optimistic,
        test=own["test"],
        at=small["samples"].astype(float) - optimistic,
        median=small["test"],
        large=large["test"] if len(scales) > 1 else np.empty(0),
    )


def draw(
    data: OptimisticSizesFigure, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw completion, the plane and the ranks side by side.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three.
    """
    with panels(axes, [["matrices", "plane", "ranks"]], size=(PAGE, 2.7)) as (
        figure,
        (left, middle, right),
    ):
        _errors(left, data.matrices)
        left.legend(fontsize="small", loc="lower left")
        left.set(
            xlabel="observed entries $-\\,(2rd - r^2)$",
            ylabel="test error",
            title="matrices, 4 ranks" if len(data.matrices) == 4 else "matrices",
        )
        _errors(middle, data.plane)
        middle.legend(fontsize="small", loc="center right")
        middle.set(xlabel="points", title="$1 + x_1$")
        top = max(int(one.max(initial=1)) for one in data.expected)
        right.plot([1, 1.5 * top], [1, 1.5 * top], color=GREY, lw=0.8, zorder=1)
        for place, kind in enumerate(data.kinds):
            colour, marker = (
                PALETTE[place % len(PALETTE)],
                MARKERS[place % len(MARKERS)],
            )
            right.plot(
                data.expected[place],
                data.rank[place],
                marker,
                color=colour,
                ms=3.2,
                ls="",
                label=kind,
            )
            wide = data.wide[place] >= 0
            right.plot(
                data.expected[place][wide],
                data.wide[place][wide],
                marker,
                color=colour,
                ms=6.5,
                mfc="none",
                mew=0.7,
                ls="",
            )
        right.set(
            xscale="log",
            yscale="log",
            xlabel="formula",
            ylabel="model rank",
            title="ranks",
        )
        right.legend(fontsize="small", loc="upper left")
    return figure


def _errors(ax: Axes, curves: Sequence[Recovery]) -> None:
    for place, curve in enumerate(curves):
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        # dots of one number of samples side by side, curve by curve
        shift = SPREAD * (2 * place - len(curves) + 1) / max(len(curves) - 1, 1)
        ax.plot(
            curve.samples + shift,
            np.maximum(curve.test, LEAST),
            marker,
            color=colour,
            ms=2,
            ls="",
            alpha=0.35,
        )
        ax.plot(
            curve.at,
            np.maximum(curve.median, LEAST),
            marker,
            color=colour,
            ms=4,
            ls="-",
            lw=1.0,
            label=curve.label,
        )
        if curve.large.size:
            ax.plot(
                curve.at,
                np.maximum(curve.large, LEAST),
                color=colour,
                ls=(0, (4, 2)),
                lw=0.7,
            )
    ax.set_yscale("log")
    ax.set_xticks(levels(np.concatenate([curve.at for curve in curves])))

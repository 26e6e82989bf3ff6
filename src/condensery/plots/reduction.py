"""Reduction of a condensed network: its training, its groups, and how the merged one
trains on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import AFTER, BEFORE, GREY, INK, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

Curve = tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]


@dataclass(frozen=True, eq=False)
class Reduction:
    """What the three panels show.

    Attributes:
        losses: Per seed steps and loss of the wide network.
        widths: Per seed steps and number of groups.
        merged_at: Per seed the step and the loss at which it was merged.
        cosines: Between the neurons of seed 0 at that step, in groups.
        narrow: Per seed steps and loss of the merged network while it trains on.
        wide: Per seed the same of the wide one.
        before: Median over seeds of the loss before the merge.
    """

    losses: tuple[Curve, ...]
    widths: tuple[Curve, ...]
    merged_at: tuple[tuple[float, float], ...]
    cosines: Float[np.ndarray, "unit unit"]
    narrow: tuple[Curve, ...]
    wide: tuple[Curve, ...]
    before: float


def figure_data(tables: Mapping[str, Table]) -> Reduction:
    """The numbers of the figure (Zhang et al. 2021, arXiv 2105.14573, Fig. 5).

    Args:
        tables: ``training`` (seed, step, loss, width), ``retraining`` (seed, step,
            narrow, wide), ``members`` (seed, step, loss) and ``cosines`` (cosine).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    training = need(tables, "training", "seed", "step", "loss", "width")
    retraining = need(tables, "retraining", "seed", "step", "narrow", "wide")
    members = need(tables, "members", "seed", "step", "loss")
    cosines = need(tables, "cosines", "cosine")["cosine"]
    return Reduction(
        losses=_curves(training, "loss"),
        widths=_curves(training, "width"),
        merged_at=tuple(
            zip(members["step"].tolist(), members["loss"].tolist(), strict=True)
        ),
        cosines=np.asarray(cosines, dtype=np.float64),
        narrow=_curves(retraining, "narrow"),
        wide=_curves(retraining, "wide"),
        before=float(np.median(members["loss"])),
    )


def _curves(table: Table, column: str) -> tuple[Curve, ...]:
    parts = [table.select(seed=int(seed)) for seed in levels(table["seed"])]
    return tuple(
        (part["step"].astype(np.float64), part[column].astype(np.float64))
        for part in parts
    )


def draw(data: Reduction, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw loss and number of groups over the steps, the cosines, and the losses after
    the merge.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["training", "cosines", "after"]], size=(PAGE, 2.5)) as (
        figure,
        (left, middle, right),
    ):
        groups = left.twinx()
        for number, ((step, loss), (_, width)) in enumerate(
            zip(data.losses, data.widths, strict=True)
        ):
            left.plot(
                step,
                loss,
                color=PALETTE[0],
                lw=1.3 if number == 0 else 0.8,
                label="loss" if number == 0 else None,
            )
            groups.plot(
                step,
                width,
                color=PALETTE[1],
                lw=1.0 if number == 0 else 0.6,
                ls=(0, (3, 1.5)),
            )
        for step, loss in data.merged_at:
            left.plot(step, loss, "o", color=INK, mfc="none", ms=4.5, zorder=5)
        left.set(
            xscale="log",
            xlabel="step",
            yscale="log",
            xlim=(max(1.0, data.losses[0][0][-1] / 100), None),
        )
        left.set_ylabel("loss", color=PALETTE[0])
        groups.set_ylabel("groups", color=PALETTE[1])
        groups.set_ylim(0, None)
        image = middle.imshow(
            data.cosines, vmin=-1, vmax=1, cmap="RdBu_r", interpolation="nearest"
        )
        middle.set(xlabel="neuron", ylabel="neuron", title="cosine")
        bar = figure.colorbar(
            image, ax=middle, fraction=0.046, pad=0.04, ticks=[-1, 0, 1]
        )
        bar.ax.set_yticklabels(["−1", "0", "1"])
        for number, ((step, narrow), (_, wide)) in enumerate(
            zip(data.narrow, data.wide, strict=True)
        ):
            first = number == 0
            right.plot(
                step,
                wide,
                color=BEFORE.colour,
                ls=BEFORE.dashes,
                lw=1.2,
                label="wide" if first else None,
            )
            right.plot(
                step,
                narrow,
                color=AFTER.colour,
                lw=1.2,
                label="merged" if first else None,
            )
        right.axhline(1.05 * data.before, color=GREY, lw=0.8, ls="--")
        right.set(xlabel="step after the merge", ylabel="loss")
        right.legend(loc="lower left")
    return figure

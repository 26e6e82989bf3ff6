"""Dropout on images: accuracy and terms over p, and the four losses that take dropout
apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import AFTER, GREY, INK, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

_KINDS = {
    "dropout": ("$R_{drop}$", AFTER.colour, "o", "-"),
    "expected": ("$R_S+R_1$", PALETTE[0], "s", "--"),
}
_PARTS = {
    "L1": "$L_1=R_S+R_1$",
    "L2": "$L_2=R_S+R_2$",
    "L3": "$L_3=R_{drop}-R_2$",
    "L4": "$L_4=R_{drop}-R_1$",
}


@dataclass(frozen=True, eq=False)
class DropoutImages:
    """What the panels show, medians over seeds.

    Attributes:
        keep: Values of p, ascending.
        plain: Accuracy of R_S in percent.
        values: Per kind (dropout, expected) and column (accuracy in percent, loss, r1)
            the values at `keep`.
        parts: Accuracies of L1 to L4 in percent.
        part_plain: Accuracy of R_S by the same rule as the parts.
        part_keep: Their p.
    """

    keep: Float[np.ndarray, " p"]
    plain: float
    values: dict[tuple[str, str], Float[np.ndarray, " p"]]
    parts: dict[str, float]
    part_plain: float
    part_keep: float


def figure_data(tables: Mapping[str, Table]) -> DropoutImages:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Figs. 2 and 13).

    Args:
        tables: ``runs`` (kind, keep, accuracy, loss, r1).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    runs = need(tables, "runs", "kind", "keep", "accuracy", "loss", "r1")
    keep = levels(runs.select(kind="dropout")["keep"])

    def median(column: str, kind: str, p: float) -> float:
        return float(np.median(runs.select(kind=kind, keep=p)[column]))

    scale = {"accuracy": 100.0, "loss": 1.0, "r1": 1.0}
    part_keep = float(runs.select(kind="L1")["keep"][0])
    return DropoutImages(
        keep=keep,
        plain=100 * median("accuracy", "plain", 1.0),
        values={
            (kind, column): np.array(
                [factor * median(column, kind, float(p)) for p in keep]
            )
            for kind in _KINDS
            for column, factor in scale.items()
        },
        parts={name: 100 * median("accuracy", name, part_keep) for name in _PARTS},
        part_plain=100 * median("accuracy", "descent", 1.0),
        part_keep=part_keep,
    )


def draw(
    data: DropoutImages, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the three panels side by side.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["accuracy", "terms", "parts"]], size=(PAGE, 2.6)) as (
        figure,
        (accuracy, terms, bars),
    ):
        accuracy.axhline(data.plain, color=GREY, ls=":", lw=1.2, label="$R_S$")
        for kind, (label, colour, marker, dashes) in _KINDS.items():
            accuracy.plot(
                data.keep,
                data.values[kind, "accuracy"],
                marker=marker,
                ms=3.6,
                color=colour,
                ls=dashes,
                label=label,
            )
            for column, face in (("loss", "none"), ("r1", colour)):
                name = "$R_1$" if column == "r1" else "$R_S$"
                terms.plot(
                    data.keep,
                    data.values[kind, column],
                    marker=marker,
                    ms=3.6,
                    mfc=face,
                    color=colour,
                    ls=dashes,
                    label=f"{name} of {label}",
                )
        accuracy.set(xlabel="keep probability $p$", ylabel="test accuracy (%)")
        accuracy.legend(loc="best")
        terms.set(yscale="log", xlabel="keep probability $p$", ylabel="term at the end")
        terms.legend(loc="best")
        heights = np.arange(len(data.parts))
        values = list(data.parts.values())
        colours = [
            PALETTE[0] if loss in ("L1", "L3") else PALETTE[4] for loss in data.parts
        ]
        bars.barh(heights, values, color=colours, height=0.6)
        bars.axvline(data.part_plain, color=INK, ls=":", lw=1.2)
        bars.set_yticks(heights, [_PARTS[loss] for loss in data.parts])
        bars.invert_yaxis()
        low, high = min([data.part_plain, *values]), max([data.part_plain, *values])
        margin = 0.25 * (high - low) or 1.0
        bars.set(
            xlim=(low - margin, high + margin),
            xlabel="test accuracy (%)",
            title=f"$p = {data.part_keep:g}$",
        )
    return figure

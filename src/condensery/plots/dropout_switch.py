"""The switch from R_S to dropout: R_S, R1 and effective orientations over the steps,
and the outputs at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import AFTER, GREY, INK, PAGE, PALETTE, TARGET, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

_BRANCHES = {
    "plain": ("$R_S$", PALETTE[4], "-"),
    "dropout": ("$R_{drop}$", AFTER.colour, "-"),
    "expected": ("$R_S+R_1$", PALETTE[0], (0, (3, 1.5))),
}
_MEASURES = {
    "loss": "$R_S$",
    "r1": "$R_1$",
    "effective_orientations": "effective orientations",
}


@dataclass(frozen=True, eq=False)
class DropoutSwitch:
    """What the panels show, of one seed.

    Attributes:
        switch: The step of the switch.
        curves: Per branch (first, plain, dropout, expected) the steps and the measures
            at them.
        x: Abscissae of the outputs.
        wanted: The function that made the data.
        outputs: Per branch the output at the end.
    """

    switch: float
    curves: dict[str, dict[str, Float[np.ndarray, " step"]]]
    x: Float[np.ndarray, " point"]
    wanted: Float[np.ndarray, " point"]
    outputs: dict[str, Float[np.ndarray, " point"]]


def figure_data(
    tables: Mapping[str, Table], *, seed: int | None = None
) -> DropoutSwitch:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Fig. 5).

    Args:
        tables: ``switch`` (branch, step, seed, loss, r1, effective_orientations),
            ``switch_outputs`` (branch, seed, x, final, wanted).
        seed: Which seed; by default the smallest.

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    table = need(tables, "switch", "branch", "step", "seed", *_MEASURES)
    outputs = need(tables, "switch_outputs", "branch", "seed", "x", "final", "wanted")
    chosen = int(levels(table["seed"])[0]) if seed is None else seed
    curves = {}
    for branch in ("first", *_BRANCHES):
        rows = table.select(branch=branch, seed=chosen)
        order = np.argsort(rows["step"], kind="stable")
        curves[branch] = {
            name: np.asarray(rows[name], np.float64)[order]
            for name in ("step", *_MEASURES)
        }
    lines = {branch: outputs.select(branch=branch, seed=chosen) for branch in _BRANCHES}
    return DropoutSwitch(
        switch=float(curves["first"]["step"].max()),
        curves=curves,
        x=lines["plain"]["x"],
        wanted=lines["plain"]["wanted"],
        outputs={branch: line["final"] for branch, line in lines.items()},
    )


def draw(
    data: DropoutSwitch, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the four panels side by side; the dashed line is the switch.

    Args:
        data: From `figure_data`.
        axes: Four Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not four Axes.
    """
    with panels(axes, [["loss", "r1", "count", "output"]], size=(PAGE, 2.3)) as (
        figure,
        panel_axes,
    ):
        *measured, output = panel_axes
        for ax, (name, label) in zip(measured, _MEASURES.items(), strict=True):
            ax.axvline(
                data.switch / 1e3,
                ls=(0, (4, 2)),
                color=INK,
                lw=0.8,
            )
            ax.plot(
                data.curves["first"]["step"] / 1e3,
                data.curves["first"][name],
                color=GREY,
                lw=1.2,
            )
            for branch, (text, colour, dashes) in _BRANCHES.items():
                curve = data.curves[branch]
                ax.plot(
                    curve["step"] / 1e3,
                    curve[name],
                    color=colour,
                    ls=dashes,
                    lw=1.3,
                    label=text,
                )
            ax.set(xlabel="step / 1000", title=label)
            if name != "effective_orientations":
                ax.set_yscale("log")
        measured[-1].set_ylim(bottom=0)
        measured[-1].legend(loc="center right")
        for branch, (_, colour, dashes) in _BRANCHES.items():
            output.plot(
                data.x,
                data.outputs[branch],
                color=colour,
                ls=dashes,
                lw=1.2,
            )
        output.plot(
            data.x,
            data.wanted,
            ls=TARGET.dashes,
            color=TARGET.colour,
            lw=1.0,
        )
        output.set(xlabel="$x$", title="output")
    return figure

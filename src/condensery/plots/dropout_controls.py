"""Controls of dropout: effective orientations while training, and the loss along random
directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import AFTER, PAGE, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table

_KINDS = {
    "plain": ("$p = 1$", PALETTE[4], "-"),
    "batches": ("batches of two", PALETTE[2], (0, (3, 1.5))),
    "dropout": ("dropout", AFTER.colour, "-"),
}
_ORDER = ("tanh", "relu")


@dataclass(frozen=True, eq=False)
class DropoutControls:
    """What the panels show, of two-layer nets.

    Attributes:
        targets: The targets, one panel of profiles each; the first is that of `growth`.
        growth: Per kind (plain, batches, dropout) the steps and effective orientations.
        profiles: Per target and kind (plain, dropout) the distances and R_S at them.
    """

    targets: tuple[str, ...]
    growth: dict[str, tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]]
    profiles: dict[
        tuple[str, str], tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]
    ]


def figure_data(tables: Mapping[str, Table]) -> DropoutControls:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Figs. 1, 6 and
    12).

    Args:
        tables: ``growth`` (target, layers, kind, step, effective_orientations),
            ``profiles`` (target, layers, kind, distance, loss).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    growth = need(
        tables, "growth", "target", "layers", "kind", "step", "effective_orientations"
    ).select(layers=2)
    profiles = need(
        tables, "profiles", "target", "layers", "kind", "distance", "loss"
    ).select(layers=2)
    present = set(profiles["target"].tolist())
    targets = tuple(name for name in _ORDER if name in present)
    with_batches = set(growth.select(kind="batches")["target"].tolist()) or set(
        targets[:1]
    )
    first = next(name for name in targets if name in with_batches)
    curves = {}
    for kind in _KINDS:
        rows = growth.select(target=first, kind=kind)
        order = np.argsort(rows["step"], kind="stable")
        curves[kind] = (
            rows["step"][order].astype(np.float64),
            rows["effective_orientations"][order],
        )
    distances = {}
    for name in targets:
        for kind in ("plain", "dropout"):
            rows = profiles.select(target=name, kind=kind)
            order = np.argsort(rows["distance"], kind="stable")
            distances[name, kind] = (rows["distance"][order], rows["loss"][order])
    return DropoutControls(
        targets=(first, *(name for name in targets if name != first)),
        growth=curves,
        profiles=distances,
    )


def draw(
    data: DropoutControls, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw effective orientations over the step, and one panel of profiles per target.

    Args:
        data: From `figure_data`.
        axes: One Axes and one per target; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many.
    """
    with panels(axes, [["growth", *data.targets]], size=(PAGE, 2.4)) as (
        figure,
        panel_axes,
    ):
        left, *target_axes = panel_axes
        for kind, (label, colour, dashes) in _KINDS.items():
            step, count = data.growth[kind]
            left.plot(
                np.maximum(step, 0.8), count, color=colour, ls=dashes, label=label
            )
        left.set(
            xscale="log",
            xlabel="step",
            ylabel="effective orientations",
            title=data.targets[0],
        )
        left.set_ylim(bottom=0)
        left.legend(loc="lower left")
        for ax, name in zip(target_axes, data.targets, strict=True):
            for kind in ("plain", "dropout"):
                ax.plot(
                    *data.profiles[name, kind],
                    color=_KINDS[kind][1],
                    label=_KINDS[kind][0],
                )
            ax.set(
                yscale="log",
                xlabel="distance / length of parameters",
                title=f"{name}: $R_S$ along directions",
            )
        target_axes[0].legend(loc="lower right")
    return figure

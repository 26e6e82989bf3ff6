"""R_S on the straight lines between the solutions of the four losses that take dropout
apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

_PAIRS = {
    ("L1", "L3"): (PALETTE[0], "-"),
    ("L2", "L4"): (PALETTE[2], "-"),
    ("L1", "L2"): (PALETTE[1], (0, (4, 1.5))),
    ("L1", "L4"): (PALETTE[6], (0, (4, 1.5))),
    ("L3", "L2"): (PALETTE[5], (0, (1, 1))),
    ("L3", "L4"): (PALETTE[3], (0, (1, 1))),
}
_ROOM = 2.0
"""The ordinate ends at so many times the highest point between the ends: what lies
outside climbs much further.
"""


@dataclass(
    frozen=True,
    eq=False,
)
class DropoutPaths:
    """What the panels show, medians over seeds.

    Attributes:
        keep: Values of p, descending, one panel each.
        place: a on the line (1 − a) θ_first + a θ_second, ascending.
        losses: Per pair R_S at every p and a.
    """

    keep: Float[np.ndarray, " p"]
    place: Float[np.ndarray, " place"]
    losses: dict[tuple[str, str], Float[np.ndarray, "p place"]]


def figure_data(tables: Mapping[str, Table]) -> DropoutPaths:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Fig. 14).

    Args:
        tables: ``paths`` (first, second, keep, seed, place, loss).

    Raises:
        InvalidInputError: If the table or a column is missing.
    """
    paths = need(tables, "paths", "first", "second", "keep", "seed", "place", "loss")
    keep, positions, seeds = (
        levels(paths["keep"])[::-1],
        levels(paths["place"]),
        len(np.unique(paths["seed"])),
    )

    def median(pair: tuple[str, str], p: float) -> np.ndarray:
        rows = paths.select(
            first=pair[0],
            second=pair[1],
            keep=p,
        )
        order = np.lexsort((rows["place"], rows["seed"]))
        return np.median(rows["loss"][order].reshape(seeds, len(positions)), axis=0)

    return DropoutPaths(
        keep=keep,
        place=positions,
        losses={
            pair: np.stack([median(pair, float(p)) for p in keep]) for pair in _PAIRS
        },
    )


def draw(data: DropoutPaths, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw one panel per p: solid lines between two of a type, broken ones between one
    with R1 and one without.

    Args:
        data: From `figure_data`.
        axes: One Axes per p; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many.
    """
    layout = [[f"p{k}" for k in range(len(data.keep))]]
    inside = (data.place >= 0) & (data.place <= 1)
    top = _ROOM * max(float(losses[:, inside].max()) for losses in data.losses.values())
    with panels(axes, layout, size=(PAGE, 2.6)) as (figure, panel_axes):
        for k, (ax, p) in enumerate(zip(panel_axes, data.keep, strict=True)):
            for end in (0, 1):
                ax.axvline(
                    end,
                    color=GREY,
                    lw=0.6,
                )
            for (first, second), (colour, dashes) in _PAIRS.items():
                label = f"$L_{first[1]}$ to $L_{second[1]}$"
                ax.plot(
                    data.place,
                    data.losses[first, second][k],
                    color=colour,
                    ls=dashes,
                    lw=1.3,
                    label=label,
                )
            ax.set(
                xlabel="$a$",
                title=f"$p = {p:g}$",
                xlim=(-0.5, 1.5),
                ylim=(-0.02 * top, top),
            )
        panel_axes[0].set_ylabel(r"$R_S$ at $(1-a)\,\theta_1+a\,\theta_2$")
        panel_axes[0].legend(
            loc="upper center",
            ncols=2,
            fontsize=7,
            handlelength=1.6,
        )
    return figure

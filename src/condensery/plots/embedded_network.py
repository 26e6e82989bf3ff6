"""A net before and after one neuron is split, drawn with what is copied and what is
shared out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery.plots._style import GREY, INK, PAGE, PALETTE, PAPER, panels
from condensery.plots._tables import need, number
from condensery.records import Table

UNCHANGED, COPIED, SHARED = 0, 1, 2
COLOURS = {UNCHANGED: GREY, COPIED: PALETTE[0], SHARED: PALETTE[1]}
MEANING = {
    UNCHANGED: "unchanged",
    COPIED: "the same input weights",
    SHARED: "output weights shared out",
}


@dataclass(frozen=True, eq=False)
class Net:
    """One net as a drawing.

    Attributes:
        widths: Units per layer, the input first.
        edges: (layer, unit, unit before) of every weight.
        weights: The weights.
        kinds: What becomes of each: 0 unchanged, 1 copied, 2 shared out.
    """

    widths: tuple[int, ...]
    edges: Int[np.ndarray, "edge 3"]
    weights: Float[np.ndarray, " edge"]
    kinds: Int[np.ndarray, " edge"]


@dataclass(frozen=True, eq=False)
class EmbeddedNetwork:
    """The two nets.

    Attributes:
        before: The narrow one.
        after: The wide one.
        split: Layer and unit that was split.
    """

    before: Net
    after: Net
    split: tuple[int, int]


def figure_data(tables: Mapping[str, Table]) -> EmbeddedNetwork:
    """The numbers of the figure (after Zhang et al. 2021, arXiv 2105.14573, Fig. 2).

    Args:
        tables: ``edges`` (side, layer, unit, before, weight, kind): side 0 before, 1
            after; kind 0 unchanged, 1 input weights of the split unit, 2 its output
            weights.

    Raises:
        InvalidInputError: If the table or a column is missing.
    """
    table = need(tables, "edges", "side", "layer", "unit", "before", "weight", "kind")
    before, after = (_net(table.select(side=side)) for side in (0, 1))
    copied = before.edges[before.kinds == COPIED]
    return EmbeddedNetwork(before, after, (int(copied[0, 0]), int(copied[0, 1])))


def _net(table: Table) -> Net:
    edges = np.column_stack([table["layer"], table["unit"], table["before"]]).astype(
        np.int64
    )
    last = int(edges[:, 0].max())
    first = int(edges[edges[:, 0] == 1, 2].max()) + 1
    sizes = (
        first,
        *(
            int(edges[edges[:, 0] == layer, 1].max()) + 1
            for layer in range(1, last + 1)
        ),
    )
    return Net(
        sizes,
        edges,
        np.asarray(table["weight"], dtype=np.float64),
        table["kind"].astype(np.int64),
    )


def draw(
    data: EmbeddedNetwork, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw both nets from left to right, line widths by the size of the weights, dashed
    where they are negative.

    The weights of the split unit are labelled; the new unit is the filled one.

    Args:
        data: From `figure_data`.
        axes: Two Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not two Axes.
    """
    with panels(axes, [["before", "after"]], size=(PAGE, 3.2)) as (figure, made):
        largest = max(
            float(np.abs(net.weights).max()) for net in (data.before, data.after)
        )
        tall = max(data.after.widths)
        for ax, net, title in zip(
            made, (data.before, data.after), ("before", "after"), strict=True
        ):
            grown = net is data.after
            _draw_edges(ax, net, largest, label=True)
            for layer, width in enumerate(net.widths):
                for unit in range(width):
                    split = layer == data.split[0] and unit == data.split[1]
                    new = grown and layer == data.split[0] and unit == width - 1
                    colour = PALETTE[2] if split or new else PAPER
                    ax.plot(
                        *_position(net, layer, unit),
                        "o",
                        ms=13,
                        mfc=colour,
                        mec=INK,
                        mew=1.0,
                        zorder=4,
                        alpha=1.0,
                    )
            ax.set(
                title=title,
                xlim=(-0.3, len(net.widths) - 0.7),
                ylim=(-tall / 2 - 0.1, tall / 2 + 0.1),
            )
            ax.set_axis_off()
        handles = [
            Line2D([], [], color=COLOURS[kind], lw=2, label=MEANING[kind])
            for kind in MEANING
        ]
        made[0].legend(
            handles=handles,
            loc="lower left",
            fontsize="small",
            bbox_to_anchor=(-0.02, -0.02),
        )
    return figure


def _position(net: Net, layer: int, unit: int) -> tuple[float, float]:
    return float(layer), (net.widths[layer] - 1) / 2 - unit


def _draw_edges(ax: Axes, net: Net, largest: float, *, label: bool) -> None:
    for (layer, unit, before), weight, kind in zip(
        net.edges, net.weights, net.kinds, strict=True
    ):
        (x0, y0), (x1, y1) = (
            _position(net, layer - 1, before),
            _position(net, layer, unit),
        )
        ax.plot(
            [x0, x1],
            [y0, y1],
            color=COLOURS[int(kind)],
            lw=0.4 + 3.0 * abs(weight) / largest,
            ls="-" if weight >= 0 else (0, (3, 1)),
            zorder=2 if kind else 1,
        )
        if label and kind:
            at = 0.62 if kind == COPIED else 0.35
            ax.text(
                x0 + at * (x1 - x0),
                y0 + at * (y1 - y0),
                number(round(float(weight), 2)),
                fontsize=7,
                ha="center",
                va="center",
                color=COLOURS[int(kind)],
                zorder=3,
                bbox={
                    "facecolor": PAPER,
                    "edgecolor": "none",
                    "pad": 0.6,
                    "alpha": 0.9,
                },
            )

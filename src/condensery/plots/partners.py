"""Share of units with a partner, layer by layer, one panel per network; zeros and what
is not there are shown too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery.plots._style import GREY, INK, PAGE, PALETTE, PAPER, grid_of, panels
from condensery.plots._tables import need
from condensery.records import Table

_COLUMNS = 3
_NEEDED = (
    "network",
    "layer",
    "either_share",
    "bare_share",
    "chance_share",
    "two_way",
)
"""Columns of the table ``layers``."""
_ASIDE = 0.25
"""How far a cross stands beside its dot."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One network.

    Attributes:
        title: Its name.
        absent: Why nothing is shown; empty where it was found.
        layers: Names of the layers, in the order of the file.
        either: Share of units with a partner, parallel or opposite.
        bare: The same without the biases.
        chance: Expected `either` for random directions.
        two_way: Whether the layer is a two-way head.
    """

    title: str
    absent: str
    layers: tuple[str, ...]
    either: Float[np.ndarray, " layer"]
    bare: Float[np.ndarray, " layer"]
    chance: Float[np.ndarray, " layer"]
    two_way: Bool[np.ndarray, " layer"]


@dataclass(frozen=True, eq=False)
class PartnerShares:
    """What the figure shows.

    Attributes:
        panels: One per network.
    """

    panels: tuple[Panel, ...]


def figure_data(tables: Mapping[str, Table]) -> PartnerShares:
    """The numbers of the figure.

    Args:
        tables: ``networks`` (network, title, package, status) and ``layers`` (network,
            layer, either_share, bare_share, chance_share, two_way), which may have no
            rows.

    Raises:
        InvalidInputError: If a table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> names = {
        ...     "network": ["a"],
        ...     "title": ["A"],
        ...     "package": ["a-net"],
        ...     "status": ["found"],
        ... }
        >>> row = {
        ...     "network": ["a"],
        ...     "layer": ["conv1"],
        ...     "either_share": [0.25],
        ...     "bare_share": [0.0],
        ... }
        >>> layers = Table(columns={**row, "chance_share": [0.0], "two_way": [False]})
        >>> figure_data({"networks": Table(columns=names), "layers": layers}).panels[
        ...     0
        ... ].either
        array([0.25])
    """
    networks = need(tables, "networks", "network", "title", "package", "status")
    layers = None
    if np.any(networks["status"] == "found"):
        layers = need(tables, "layers", *_NEEDED)
    indices = range(len(networks))
    return PartnerShares(tuple(_panel(networks, k, layers) for k in indices))


def _panel(networks: Table, index: int, layers: Table | None) -> Panel:
    title = str(networks["title"][index])
    status = str(networks["status"][index])
    if status != "found" or layers is None:
        package = networks["package"][index]
        none = np.zeros(0)
        return Panel(
            title,
            absent=f"{package}:\n{status}",
            layers=(),
            either=none,
            bare=none,
            chance=none,
            two_way=none.astype(bool),
        )
    rows = layers.select(network=str(networks["network"][index]))
    return Panel(
        title,
        absent="",
        layers=tuple(str(name) for name in rows["layer"]),
        either=rows["either_share"],
        bare=rows["bare_share"],
        chance=rows["chance_share"],
        two_way=rows["two_way"],
    )


def draw(
    data: PartnerShares, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the shares: stems with a dot, rings for none, diamonds for two-way heads.

    Crosses are the shares without biases, small bars those of random directions.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are networks; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many Axes.
    """
    count = len(data.panels)
    columns = min(count, _COLUMNS)
    layout = grid_of(count, across=columns)
    size = (PAGE, 0.5 + 2.1 * len(layout))
    with panels(axes, layout, size=size) as (figure, grid):
        pairs = zip(grid, data.panels, strict=True)
        for index, (ax, panel) in enumerate(pairs):
            _draw_panel(ax, panel)
            if index % columns == 0:
                ax.set_ylabel("units with a partner (%)")
        if axes is None:
            figure.legend(handles=_legend(), loc="outside lower center", ncols=5)
    return figure


def _draw_panel(ax: Axes, panel: Panel) -> None:
    ax.set_title(panel.title)
    ax.set_ylim(-6, 116)
    ax.axhline(0, color=GREY, lw=0.5, zorder=1)
    if panel.absent:
        ax.text(
            0.5,
            0.5,
            panel.absent,
            transform=ax.transAxes,
            ha="center",
            va="center",
            color=GREY,
        )
        ax.set_xticks([])
        return
    _draw_shares(ax, panel)
    count = len(panel.layers)
    ax.set_xlim(0.3, count + 0.7)
    if count <= 12:
        names = [name.rpartition(":")[2] for name in panel.layers]
        labels = [name.removeprefix("cell ") for name in names]
        ax.set_xticks(np.arange(1, count + 1), labels)
        ax.tick_params(axis="x", labelrotation=90)
    else:
        ax.set_xlabel(f"{count} layers, in the order of the file")


def _draw_shares(ax: Axes, panel: Panel) -> None:
    layer = np.arange(1, len(panel.layers) + 1)
    share, bare = 100 * panel.either, 100 * panel.bare
    some = (share > 0) & ~panel.two_way
    none = (share == 0) & ~panel.two_way
    small = 2.6 if len(layer) > 20 else 4.0
    dot = {"color": PALETTE[0], "ms": small + 0.6, "zorder": 4}
    ax.vlines(
        layer[some],
        0,
        share[some],
        color=PALETTE[0],
        lw=1.2,
        zorder=2,
    )
    ax.plot(layer[some], share[some], "o", **dot)
    ring = {"mfc": PAPER, "mec": PALETTE[0], "mew": 0.8, "ms": small}
    ax.plot(layer[none], share[none], "o", zorder=3, **ring)
    heads = panel.two_way
    diamond = {"mfc": PAPER, "mec": PALETTE[1], "mew": 1.0, "ms": 4.4}
    ax.plot(layer[heads], share[heads], "D", zorder=4, **diamond)
    crossed = ((share > 0) | (bare > 0)) & ~heads
    cross = {"color": PALETTE[6], "ms": 4.0, "mew": 1.2}
    ax.plot(layer[crossed] + _ASIDE, bare[crossed], "x", zorder=5, **cross)
    chance = 100 * panel.chance
    ax.hlines(chance, layer - 0.4, layer + 0.4, color=INK, lw=1.0, zorder=2)
    for k in np.flatnonzero(some):
        is_last = k + 1 == len(layer)
        ax.annotate(
            _percent(share[k]),
            (layer[k], share[k]),
            xytext=(0, 4),
            textcoords="offset points",
            ha="right" if is_last else "center",
            va="bottom",
        )


def _percent(share: float) -> str:
    return f"{share:.0f}" if share >= 1 else f"{share:.1g}"


def _legend() -> list[Line2D]:
    entry = partial(Line2D, [], [])
    ring = partial(entry, ls="", mfc=PAPER)
    return [
        entry(marker="o", color=PALETTE[0], ms=4.6, label="some"),
        ring(marker="o", mec=PALETTE[0], ms=4.0, label="none"),
        ring(marker="D", mec=PALETTE[1], ms=4.4, label="two-way head"),
        entry(
            marker="x",
            color=PALETTE[6],
            ls="",
            ms=4.0,
            mew=1.2,
            label="without the biases",
        ),
        entry(color=INK, lw=1.0, label="random directions"),
    ]

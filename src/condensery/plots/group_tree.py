"""Condensed groups over time, a column per target: loss and number of groups above,
directions and events below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from condensery.plots._style import GREY, INK, PAGE, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Lineage:
    """One group from birth to end.

    Attributes:
        step: Recorded steps.
        angle: Where it points, rad.
        share: Its share of the amplitude.
        parent: Angle of its parent where it was born; NaN where it has none.
        heir: Angle of the group that it merged into; NaN where it merged into none.
        later: Whether it was born after the collapse.
    """

    step: Int[np.ndarray, " point"]
    angle: Float[np.ndarray, " point"]
    share: Float[np.ndarray, " point"]
    parent: float
    heir: float
    later: bool


@dataclass(frozen=True, eq=False)
class Column:
    """One target: its curves and its groups."""

    title: str
    step: Int[np.ndarray, " point"]
    loss: Float[np.ndarray, " point"]
    groups: Int[np.ndarray, " point"]
    falls: Bool[np.ndarray, " point"]
    lineages: tuple[Lineage, ...]


@dataclass(frozen=True, eq=False)
class GroupTree:
    """What the figure shows."""

    columns: tuple[Column, ...]


def figure_data(tables: Mapping[str, Table]) -> GroupTree:
    """The numbers of the figure.

    Args:
        tables: ``curves`` (target, step, loss, groups, falls), ``paths`` (target,
            lineage, step, angle, share), ``tree`` (target, lineage, parent, merged,
            after_collapse); if present ``targets`` (target, title).

    Raises:
        InvalidInputError: If a table or column is missing.

    Example:
        >>> from condensery.records import Table
        >>> curves = {
        ...     "target": ["t", "t"],
        ...     "step": [1, 10],
        ...     "loss": [1.0, 0.1],
        ...     "groups": [1, 1],
        ... }
        >>> curves["falls"] = [True, True]
        >>> paths = {
        ...     "target": ["t", "t"],
        ...     "lineage": [0, 0],
        ...     "step": [1, 10],
        ...     "angle": [0.0, 0.1],
        ...     "share": [1.0, 1.0],
        ... }
        >>> tree = {
        ...     "target": ["t"],
        ...     "lineage": [0],
        ...     "parent": [-1],
        ...     "merged": [-1],
        ...     "after_collapse": [False],
        ... }
        >>> made = {"curves": curves, "paths": paths, "tree": tree}
        >>> data = figure_data(
        ...     {name: Table(columns=columns) for name, columns in made.items()}
        ... )
        >>> data.columns[0].lineages[0].angle
        array([0. , 0.1])
    """
    curves = need(tables, "curves", "target", "step", "loss", "groups", "falls")
    paths = need(tables, "paths", "target", "lineage", "step", "angle", "share")
    tree = need(
        tables, "tree", "target", "lineage", "parent", "merged", "after_collapse"
    )
    columns = []
    for target in dict.fromkeys(curves["target"].tolist()):
        rows, way, nodes = (
            curves.select(target=target),
            paths.select(target=target),
            tree.select(target=target),
        )
        titles = (
            tables["targets"].select(target=target)["title"]
            if "targets" in tables
            else [target]
        )
        ways = {int(k): way.select(lineage=int(k)) for k in nodes["lineage"]}
        groups = []
        for k, parent, merged, later in zip(
            *(
                nodes[name]
                for name in ("lineage", "parent", "merged", "after_collapse")
            ),
            strict=True,
        ):
            mine = ways[int(k)]
            groups.append(
                Lineage(
                    mine["step"],
                    mine["angle"],
                    mine["share"],
                    _angle_at(ways.get(int(parent)), mine["step"][0]),
                    _angle_at(ways.get(int(merged)), mine["step"][-1]),
                    bool(later),
                )
            )
        step, loss, number, falls = (
            rows[name] for name in ("step", "loss", "groups", "falls")
        )
        columns.append(Column(str(titles[0]), step, loss, number, falls, tuple(groups)))
    return GroupTree(tuple(columns))


def _angle_at(way: Table | None, step: int) -> float:
    """Where a lineage points at the recorded step nearest to one."""
    if way is None or not len(way):
        return float("nan")
    return float(way["angle"][np.argmin(np.abs(way["step"] - step))])


def draw(
    data: GroupTree, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the columns: loss, number of groups, and the tree of groups, all against the
    step.

    The thicker a line, the larger the group's share of the amplitude; grey lines were
    there before the collapse.

    Args:
        data: From `figure_data`.
        axes: Three Axes per column (losses, then numbers, then trees); None makes a
            figure.

    Raises:
        InvalidInputError: If `axes` are not that many.
    """
    count = len(data.columns)
    layout = [[f"{row}{k}" for k in range(count)] for row in ("loss", "groups", "tree")]
    size = (min(PAGE, 1.2 + 2.1 * count), 5.0)
    with panels(
        axes,
        layout,
        size=size,
        heights=[1.0, 0.8, 2.0],
    ) as (figure, flat):
        for k, column in enumerate(data.columns):
            loss, groups, tree = (flat[row * count + k] for row in range(3))
            _shade(loss, column)
            loss.plot(
                column.step,
                column.loss,
                color=INK,
                lw=1.0,
            )
            loss.set(
                xscale="log",
                yscale="log",
                title=column.title,
            )
            loss.yaxis.set_minor_formatter(NullFormatter())
            groups.step(
                column.step, column.groups, where="post", color=PALETTE[0], lw=1.0
            )
            groups.set(xscale="log")
            groups.set_yscale("log" if column.groups.max() > 12 else "linear")
            groups.yaxis.set_minor_formatter(NullFormatter())
            if column.groups.max() <= 12:
                groups.yaxis.set_major_locator(
                    MaxNLocator(
                        nbins=4,
                        integer=True,
                    )
                )
            _draw_tree(tree, column)
            for ax in (loss, groups, tree):
                ax.set_xlim(1, max(column.step[-1], 2))
            tree.set(
                xscale="log",
                xlabel="step",
                ylim=(-3.3, 3.3),
                yticks=[-np.pi, 0, np.pi],
            )
            tree.set_yticklabels(["−π", "0", "π"])
            if k == 0:
                loss.set_ylabel("loss")
                groups.set_ylabel("groups")
                tree.set_ylabel("orientation (rad)")
        if axes is None:
            figure.legend(
                handles=_handles(),
                loc="outside lower center",
                ncols=3,
            )
    return figure


def _shade(ax: Axes, column: Column) -> None:
    """Grey where the loss falls."""
    edges = np.flatnonzero(
        np.diff(np.concatenate([[0], column.falls.astype(int), [0]]))
    )
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        ax.axvspan(
            max(column.step[first], 1),
            max(column.step[last], 1),
            color="#DDDDDD",
            lw=0,
        )


def _draw_tree(ax: Axes, column: Column) -> None:
    kept = [
        lineage for lineage in column.lineages if lineage.later or lineage.step[-1] > 10
    ]
    hues = [colour for colour in PALETTE if colour != INK]
    number = 0
    for lineage in kept:
        colour = GREY
        if lineage.later:
            colour, number = hues[number % len(hues)], number + 1
        jumps = np.flatnonzero(np.abs(np.diff(lineage.angle)) > np.pi) + 1
        for segment in np.split(np.arange(len(lineage.step)), jumps):
            width = 0.6 + 2.4 * float(lineage.share[segment].max(initial=0.0))
            ax.plot(
                lineage.step[segment],
                lineage.angle[segment],
                color=colour,
                lw=width,
                solid_capstyle="round",
            )
        if lineage.later:
            split = np.isfinite(lineage.parent)
            if split:
                ax.plot(
                    [lineage.step[0]] * 2,
                    [lineage.parent, lineage.angle[0]],
                    color=colour,
                    lw=0.7,
                    ls=":",
                )
            ax.plot(
                lineage.step[0],
                lineage.angle[0],
                "o" if split else "^",
                mfc="white",
                mec=colour,
                ms=3.6,
                zorder=4,
            )
        if np.isfinite(lineage.heir) and (lineage.later or lineage.step[-1] > 30):
            ax.plot(
                [lineage.step[-1]] * 2,
                [lineage.angle[-1], lineage.heir],
                color=colour,
                lw=0.7,
                ls=":",
            )
            ax.plot(
                lineage.step[-1], lineage.angle[-1], "x", color=colour, ms=3.6, zorder=4
            )


def _handles() -> list[Line2D]:
    marks = (("o", "splits off"), ("^", "emerges"), ("x", "merges"))
    return [
        Line2D(
            [],
            [],
            ls="none",
            marker=mark,
            mfc="white",
            mec=INK,
            ms=4.0,
            label=text,
        )
        for mark, text in marks
    ]

"""The lattice of critical points: classes by width and loss, joined to their
embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery.plots._style import (
    GREY,
    HATCHES,
    MARKERS,
    PAGE,
    PALETTE,
    PAPER,
    panels,
)
from condensery.plots._tables import levels, need
from condensery.records import Table

SAME = 1e-6
"""Losses that differ by less are one level."""

LABELLED = 24
"""With more levels than this only every other one, and so on, has its loss written
beside it.
"""

APART = 0.035
"""Classes of one level and width stand this far apart."""

DOTTED = (0, (2, 3))
"""Dashes of a line to an embedding that no start led to."""

SIZES = (1, 100)
"""Numbers of starts whose marker sizes the legend shows."""

KINDS = ("minimum", "1 direction down", "2 or more", "undecided")


@dataclass(frozen=True, eq=False)
class CensusLattice:
    """What the two panels show.

    Attributes:
        width: Width of each class.
        loss: Its loss.
        new: Whether no narrower net has its function.
        kind: 0 minimum, 1 with one direction of descent, 2 with more (least that was
            met in the class), 3 undecided.
        starts: How many starts led to it.
        lines: (width, loss, other width, found) of every embedding of a new class in
            the next width.
        statuses: How searches ended.
        shares: Share of each status per searched width.
        searched: The searched widths.
    """

    width: Int[np.ndarray, " class"]
    loss: Float[np.ndarray, " class"]
    new: Bool[np.ndarray, " class"]
    kind: Int[np.ndarray, " class"]
    starts: Int[np.ndarray, " class"]
    lines: tuple[tuple[int, float, int, bool], ...]
    statuses: tuple[str, ...]
    shares: Float[np.ndarray, "width status"]
    searched: Int[np.ndarray, " width"]


def figure_data(tables: Mapping[str, Table]) -> CensusLattice:
    """The numbers of the figure (to Zhang et al. 2021, arXiv 2105.14573, Fig. 4, which
    shows four of the classes).

    Args:
        tables: ``classes`` (width, loss, new, negative, decided, starts), ``edges``
            (class, width, found) and ``searches`` (width, status, count).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    classes = need(
        tables, "classes", "width", "loss", "new", "negative", "decided", "starts"
    )
    searches = need(tables, "searches", "width", "status", "count")
    edges = tables.get(
        "edges",
        Table(
            columns={
                name: np.zeros(0, dtype=int) for name in ("class", "width", "found")
            }
        ),
    )
    statuses = tuple(dict.fromkeys(searches["status"].tolist()))
    searched = levels(searches["width"]).astype(int)
    counts = np.array(
        [
            [searches.select(width=int(w), status=s)["count"].sum() for s in statuses]
            for w in searched
        ]
    )
    keep = counts.any(axis=0)
    lines = [
        (
            int(classes["width"][number]),
            float(classes["loss"][number]),
            int(width),
            bool(is_embedded),
        )
        for number, width, is_embedded in zip(
            edges["class"], edges["width"], edges["found"], strict=True
        )
    ]
    return CensusLattice(
        width=classes["width"],
        loss=classes["loss"],
        new=classes["new"].astype(bool),
        kind=np.where(classes["decided"], np.minimum(classes["negative"], 2), 3),
        starts=classes["starts"],
        lines=tuple(lines),
        statuses=tuple(np.asarray(statuses)[keep].tolist()),
        shares=(counts / counts.sum(axis=1, keepdims=True))[:, keep],
        searched=searched,
    )


def draw(
    data: CensusLattice, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the lattice, and beside it how the searches ended.

    Args:
        data: From `figure_data`.
        axes: Two Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not two Axes.
    """
    layout = [["lattice", "lattice", "lattice", "status"]]
    with panels(axes, layout, size=(PAGE, 4.2)) as (figure, (left, right)):
        height, names = _ranked(data.loss)
        shift = _apart(data.width, height)
        for start, loss, end, is_embedded in data.lines:
            level = height[int(np.argmin(np.abs(data.loss - loss)))]
            style = "-" if is_embedded else DOTTED
            left.plot(
                [start, end], [level, level], color=GREY, lw=0.5, ls=style, zorder=1
            )
        for kind in range(4):
            for new in (False, True):
                rows = (data.kind == kind) & (data.new == new)
                left.scatter(
                    data.width[rows] + shift[rows],
                    height[rows],
                    s=_size(data.starts[rows]),
                    marker=MARKERS[kind],
                    linewidths=0.9,
                    zorder=3,
                    edgecolors=PALETTE[kind],
                    facecolors=PALETTE[kind] if new else "none",
                )
        every = -(-len(names) // LABELLED)
        left.set_yticks(
            np.arange(len(names))[::every],
            [f"{name:.5g}" if name > SAME else "0" for name in names[::every]],
        )
        left.set(
            xlabel="width",
            ylabel="loss (by rank)",
            xticks=levels(data.width).astype(int).tolist(),
            xticklabels=_names(data.width),
            xlim=(-0.3, data.width.max() + 0.3),
        )
        handles = [
            Line2D(
                [],
                [],
                marker=MARKERS[kind],
                color=PALETTE[kind],
                ls="",
                ms=5,
                label=KINDS[kind],
            )
            for kind in range(4)
        ]
        handles += [
            Line2D([], [], marker="o", color=GREY, ls="", mfc=fill, ms=5, label=text)
            for fill, text in ((GREY, "new"), ("none", "embedding"))
        ]
        handles += [
            Line2D([], [], color=GREY, lw=0.7, ls=style, label=text)
            for style, text in (
                ("-", "found again"),
                (DOTTED, "not found again"),
            )
        ]
        handles += [
            Line2D(
                [],
                [],
                marker="o",
                color=GREY,
                ls="",
                ms=float(np.sqrt(_size(count))),
                label=f"{count} start{'s' if count > 1 else ''}",
            )
            for count in SIZES
        ]
        left.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=4,
            fontsize="small",
            columnspacing=1.0,
            handletextpad=0.4,
        )
        bottom = np.zeros(len(data.searched))
        for number, name in enumerate(data.statuses):
            right.bar(
                data.searched,
                data.shares[:, number],
                bottom=bottom,
                facecolor=PALETTE[number],
                edgecolor=PAPER,
                linewidth=0.0,
                hatch=HATCHES[number],
                width=0.7,
                label=name,
            )
            bottom += data.shares[:, number]
        right.set(
            xlabel="width",
            ylabel="share of the starts",
            xticks=data.searched.tolist(),
            ylim=(0, 1),
        )
        right.legend(
            loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize="small", ncols=1
        )
    return figure


def _size(starts: np.ndarray | int) -> np.ndarray | np.floating:
    """Area of the marker of a class that so many starts led to."""
    return 10 + 9 * np.log10(np.maximum(starts, 1))


def _names(width: np.ndarray) -> list[str]:
    """Widths as they stand on the axis: 0 is the net without units."""
    return [
        "no unit" if number == 0 else str(number)
        for number in levels(width).astype(int).tolist()
    ]


def _ranked(loss: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Rank of every loss among the distinct ones, and those."""
    distinct: list[float] = []
    for value in np.sort(loss):
        if not distinct or value - distinct[-1] > SAME:
            distinct.append(float(value))
    return np.abs(loss[:, None] - np.asarray(distinct)).argmin(axis=1), distinct


def _apart(width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Sideways shifts of classes that have width and level in common, such as a
    function and its mirror image.
    """
    shift = np.zeros(len(width))
    for spot in {(int(w), int(h)) for w, h in zip(width, height, strict=True)}:
        rows = np.flatnonzero((width == spot[0]) & (height == spot[1]))
        shift[rows] = APART * 2 * (np.arange(len(rows)) - (len(rows) - 1) / 2)
    return shift

"""How many lines are found in how many draws, and what share of the neurons has moved
under which optimiser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._style import GREY, INK, PAGE, PALETTE, PAPER, panels
from condensery.plots._tables import need
from condensery.plots.direction_field import TITLES
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class LineCounts:
    """What the figure shows.

    Attributes:
        names: Activations of the left panel.
        counts: Draws per number of lines; the last column stands for more.
        moved_names: Activations of the right panel; none where it was not run.
        moved: Median share of the neurons that have moved, one row per optimiser.
        optimisers: Their names.
    """

    names: tuple[str, ...]
    counts: Int[np.ndarray, "activation number"]
    moved_names: tuple[str, ...]
    moved: Float[np.ndarray, "optimiser activation"]
    optimisers: tuple[str, ...]


def figure_data(
    tables: Mapping[str, Table], *, part: str = "five", most: int = 6
) -> LineCounts:
    """The numbers of the figure (Zhou et al. 2022, arXiv 2105.11686, Fig. 2, over many
    draws).

    Args:
        tables: ``measures`` (part, activation, optimiser, draw, step, last, lines,
            moved).
        part: The part whose lines are counted.
        most: The largest number of lines with a column of its own.

    Raises:
        InvalidInputError: If the table or a column is missing, or has no such part.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "part": ["five"] * 2,
        ...     "activation": ["tanh"] * 2,
        ...     "optimiser": ["Adam"] * 2,
        ...     "draw": [0, 1],
        ... }
        >>> more = {
        ...     "step": [9, 9],
        ...     "last": [True, True],
        ...     "lines": [1.0, 2.0],
        ...     "moved": [1.0, 1.0],
        ... }
        >>> figure_data({"measures": Table(columns={**columns, **more})}, most=3).counts
        array([[0, 1, 1, 0]])
    """
    table = need(
        tables,
        "measures",
        "part",
        "activation",
        "optimiser",
        "step",
        "last",
        "lines",
        "moved",
    )
    chosen = table.select(part=part, optimiser="Adam", last=True)
    if not len(chosen):
        raise InvalidInputError(
            "part",
            given=part,
            allowed=", ".join(np.unique(table["part"])),
            remedy="name a part that was run",
        )
    names = list(dict.fromkeys(chosen["activation"].tolist()))
    counts = np.zeros((len(names), most + 1), dtype=np.int64)
    for row, name in enumerate(names):
        for lines in chosen.select(activation=name)["lines"].astype(int):
            counts[row, min(lines, most)] += 1
    line = table.select(part="line")
    optimisers = tuple(dict.fromkeys(line["optimiser"].tolist()))
    controlled = (
        list(
            dict.fromkeys(line.select(optimiser=optimisers[-1])["activation"].tolist())
        )
        if optimisers
        else []
    )
    moved = np.full((len(optimisers), len(controlled)), np.nan)
    for row, optimiser in enumerate(optimisers):
        for column, name in enumerate(controlled):
            own = line.select(activation=name, optimiser=optimiser)
            # of Adam the step before the last, where the lines are counted
            early = (
                own["step"] == np.unique(own["step"])[-2:][0]
                if row == 0
                else own["last"]
            )
            moved[row, column] = np.median(own["moved"][early])
    shown = [
        tuple(TITLES.get(name, name) for name in group) for group in (names, controlled)
    ]
    return LineCounts(shown[0], counts, shown[1], moved, optimisers)


def draw(
    data: LineCounts, axes: Sequence[Axes] | np.ndarray | Axes | None = None
) -> Figure:
    """Draw the counts as a table of shades with numbers, and the shares as bars beside
    it.

    Args:
        data: From `figure_data`.
        axes: Two Axes, one where nothing was run on the line; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    layout = [["counts", "moved"]] if data.moved_names else [["counts"]]
    with panels(axes, layout, size=(PAGE if data.moved_names else 3.6, 2.5)) as (
        figure,
        given,
    ):
        _draw_counts(given[0], data)
        if data.moved_names:
            _draw_moved(given[1], data)
    return figure


def _draw_counts(ax: Axes, data: LineCounts) -> None:
    most = data.counts.shape[1] - 1
    share = data.counts / np.maximum(data.counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    for row, column in np.argwhere(data.counts > 0):
        colour = PAPER if share[row, column] > 0.65 else INK
        ax.text(
            column,
            row,
            str(data.counts[row, column]),
            ha="center",
            va="center",
            color=colour,
        )
    ax.set_yticks(range(len(data.names)), data.names)
    ax.set_xticks(range(most + 1), [*map(str, range(most)), f"≥ {most}"])
    ax.set(xlabel="number of lines", title=f"draws, of {int(data.counts[0].sum())}")
    ax.tick_params(length=0)


def _draw_moved(ax: Axes, data: LineCounts) -> None:
    place = np.arange(len(data.moved_names))
    thick = 0.8 / len(data.optimisers)
    for row, optimiser in enumerate(data.optimisers):
        at = place + (row - (len(data.optimisers) - 1) / 2) * thick
        ax.barh(
            at,
            data.moved[row],
            height=thick,
            color=PALETTE[row] if row else GREY,
            label=optimiser,
        )
    ax.set_yticks(place, data.moved_names)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.02), xlabel="share of neurons that have moved (on a line)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)

"""The regulariser of dropout: R1 by all masks, R1 and R2 against p, the order of the
modified flow, two vectors.
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

_KINDS = (("plain", "$R_S$"), ("expected", "$R_S+R_1$"))


@dataclass(frozen=True, eq=False)
class DropoutRegulariser:
    """What the four panels show.

    Attributes:
        r1: R1 of every net and p.
        excess: What all masks add on average.
        keep: Values of p, ascending.
        terms: Per name (r1, r2 per sample, r2 shared, drawn) the values at `keep`.
        step_size: ε.
        gaps: Per name (plain, modified) the distance of one step from the flow.
        vectors: Per loss (plain, expected) start and end of the two contributions,
            (unit, start or end, coordinate).
    """

    r1: Float[np.ndarray, " net"]
    excess: Float[np.ndarray, " net"]
    keep: Float[np.ndarray, " p"]
    terms: dict[str, Float[np.ndarray, " p"]]
    step_size: Float[np.ndarray, " step"]
    gaps: dict[str, Float[np.ndarray, " step"]]
    vectors: dict[str, Float[np.ndarray, "unit 2 2"]]


def figure_data(tables: Mapping[str, Table]) -> DropoutRegulariser:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Lemma 1 and the
    modified flow).

    Args:
        tables: ``nets`` (r1, excess), ``drawn`` (keep, shared, r1, r2, excess),
            ``orders`` (step_size, plain, modified), ``vectors`` (loss, unit, start_x,
            start_y, end_x, end_y).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    nets = need(tables, "nets", "r1", "excess")
    drawn = need(tables, "drawn", "keep", "shared", "r1", "r2", "excess")
    orders = need(tables, "orders", "step_size", "plain", "modified")
    vectors = need(
        tables, "vectors", "loss", "unit", "start_x", "start_y", "end_x", "end_y"
    )
    separate, shared = (
        _by_keep(drawn.select(shared=is_shared)) for is_shared in (False, True)
    )
    ends = {}
    for name, _ in _KINDS:
        rows = vectors.select(loss=name)
        pairs = [
            np.column_stack([rows[f"{when}_x"], rows[f"{when}_y"]])
            for when in ("start", "end")
        ]
        ends[name] = np.stack(pairs, axis=1)
    return DropoutRegulariser(
        r1=nets["r1"],
        excess=nets["excess"],
        keep=levels(drawn["keep"]),
        terms={
            "r1": separate["r1"],
            "r2 per sample": separate["r2"],
            "r2 shared": shared["r2"],
            "drawn": separate["excess"],
        },
        step_size=orders["step_size"],
        gaps={name: orders[name] for name in ("plain", "modified")},
        vectors=ends,
    )


def _by_keep(table: Table) -> dict[str, np.ndarray]:
    order = np.argsort(table["keep"], kind="stable")
    return {name: column[order] for name, column in table.columns.items()}


def draw(
    data: DropoutRegulariser, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the four panels side by side.

    Args:
        data: From `figure_data`.
        axes: Four Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not four Axes.
    """
    layout = [["exact", "terms"], ["orders", "vectors"]]
    size, heights = (PAGE, 5.4), [1.0, 1.4]
    with panels(axes, layout, size=size, heights=heights) as (figure, panel_axes):
        exact, terms, orders, vectors = panel_axes
        span = [
            min(data.r1.min(), data.excess.min()) / 1.5,
            max(data.r1.max(), data.excess.max()) * 1.5,
        ]
        exact.plot(span, span, color=GREY, lw=0.9, zorder=1)
        exact.plot(
            data.excess,
            data.r1,
            "o",
            ms=2.6,
            mfc="none",
            mec=PALETTE[0],
            mew=0.7,
        )
        exact.set(
            xscale="log",
            yscale="log",
            xlim=span,
            ylim=span,
            ylabel="$R_1$",
            xlabel="mean over all masks − $R_S$",
        )
        _terms(terms, data)
        _orders(orders, data)
        _vectors(vectors, data)
    return figure


def _terms(ax: Axes, data: DropoutRegulariser) -> None:
    ax.plot(
        data.keep,
        data.terms["r1"],
        color=PALETTE[0],
        label="$R_1$",
    )
    ax.plot(
        data.keep,
        data.terms["drawn"],
        "o",
        ms=3.6,
        mfc="none",
        mec=INK,
        mew=0.7,
        label="drawn masks − $R_S$",
    )
    ax.plot(
        data.keep,
        data.terms["r2 shared"],
        ls="--",
        color=PALETTE[1],
        label="$R_2$, one mask for all samples",
    )
    ax.plot(
        data.keep,
        data.terms["r2 per sample"],
        ls=":",
        color=PALETTE[1],
        lw=1.6,
        label="$R_2$, a mask per sample",
    )
    ax.set(yscale="log", xlabel="keep probability $p$", ylabel="size of the term")
    ax.legend(loc="best")


def _orders(ax: Axes, data: DropoutRegulariser) -> None:
    looks = (
        ("plain", "o", PALETTE[1], "flow of $R_{drop}$", 2),
        ("modified", "s", PALETTE[0], "modified flow", 3),
    )
    for name, marker, colour, label, power in looks:
        gap = data.gaps[name]
        ax.plot(
            data.step_size,
            gap,
            marker,
            ms=3.4,
            color=colour,
            label=label,
        )
        guide = gap[-1] * (data.step_size / data.step_size[-1]) ** power
        ax.plot(data.step_size, guide, color=colour, lw=0.8, label=f"slope {power}")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="learning rate ε",
        ylabel="distance of one step",
    )
    ax.legend(loc="best")


def _vectors(ax: Axes, data: DropoutRegulariser) -> None:
    """Contributions of the two units, which sum to one tip: pale at the start, full at
    the end, with the parallelogram that they span.
    """
    ax.axhline(0, color=GREY, lw=0.5, zorder=0)
    ax.axvline(0, color=GREY, lw=0.5, zorder=0)
    looks = {"plain": PALETTE[2], "expected": AFTER.colour}
    origin = np.zeros(2)
    for start in data.vectors["plain"][:, 0]:
        _arrow(ax, origin, start, BEFORE.colour, dashes="--")
    ax.plot(
        [],
        [],
        color=BEFORE.colour,
        lw=1.1,
        ls="--",
        label="start",
    )
    corners = [data.vectors["plain"][:, 0]]
    for name, label in _KINDS:
        first, second = data.vectors[name][:, 1]
        tip = first + second
        length = float(np.sum(first**2) + np.sum(second**2))
        colour = looks[name]
        _arrow(ax, origin, first, colour)
        # the second begins where the first ends: equal ones would hide one another
        _arrow(ax, first, tip, colour)
        ax.plot(
            *np.stack([origin, second, tip]).T,
            color=colour,
            ls=":",
            lw=1.0,
            zorder=1,
        )
        squares = f"$|o_1|^2+|o_2|^2 = {length:.2f}$"
        ax.plot([], [], color=colour, lw=1.4, label=f"{label}: {squares}")
        corners += [np.stack([first, second, tip])]
    ends = data.vectors["plain"][:, 1]
    ax.plot(
        *ends.sum(axis=0),
        "*",
        color=INK,
        ms=7,
        label="$o^*=o_1+o_2$",
    )
    points = np.concatenate([*corners, origin[None]])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * (high - low).max()
    ax.set(
        xlim=(low[0] - margin, high[0] + margin),
        # the legend stands above the arrows
        ylim=(low[1] - margin, high[1] + 3.6 * margin),
        xlabel="contribution on sample 1",
        ylabel="on sample 2",
    )
    ax.set_aspect("equal")
    ax.legend(loc="upper right")


def _arrow(
    ax: Axes,
    start: np.ndarray,
    end: np.ndarray,
    colour: str,
    *,
    dashes: str = "-",
) -> None:
    arrow = {
        "arrowstyle": "-|>",
        "color": colour,
        "lw": 1.2,
        "ls": dashes,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    tip, tail = tuple(end), tuple(start)
    ax.annotate("", tip, tail, arrowprops=arrow, zorder=3)

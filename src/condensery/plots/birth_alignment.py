"""How condensed groups stand when they are born: cosine with the pull of the residual,
and nearness to rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Series:
    """The births of one target, sorted: cosines of newborn groups and their parents,
    ranks of the distance to rest.
    """

    label: str
    cosine: Float[np.ndarray, " birth"]
    parent: Float[np.ndarray, " split"]
    rank: Float[np.ndarray, " birth"]


@dataclass(frozen=True, eq=False)
class BirthAlignment:
    """What the figure shows."""

    series: tuple[Series, ...]


def figure_data(tables: Mapping[str, Table]) -> BirthAlignment:
    """The numbers of the figure.

    Args:
        tables: ``events`` (target, kind, cosine, parent_cosine, rank); rows of the kind
            merge are left out.

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "target": ["t", "t"],
        ...     "kind": ["split", "merge"],
        ...     "cosine": [0.9, 0.0],
        ...     "rank": [0.1, 0.0],
        ... }
        >>> figure_data(
        ...     {"events": Table(columns={**columns, "parent_cosine": [1.0, 0.0]})}
        ... ).series[0].cosine
        array([0.9])
    """
    events = need(tables, "events", "target", "kind", "cosine", "parent_cosine", "rank")
    series = []
    for target in dict.fromkeys(events["target"].tolist()):
        own = events.select(target=target)
        born = own["kind"] != "merge"
        columns = (own[name][born] for name in ("cosine", "parent_cosine", "rank"))
        series.append(
            Series(
                str(target),
                *(np.sort(column[np.isfinite(column)]) for column in columns),
            )
        )
    return BirthAlignment(tuple(series))


def draw(
    data: BirthAlignment, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw two distribution functions: of the cosines (parents dashed), and of the
    ranks (the diagonal is chance).

    Args:
        data: From `figure_data`.
        axes: Two Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not two.
    """
    with panels(axes, [["cosine", "rank"]], size=(6.0, 2.8)) as (_, (left, right)):
        for k, one in enumerate(data.series):
            colour = PALETTE[k % len(PALETTE)]
            label = f"{one.label} ({len(one.cosine)} births)"
            _steps(left, one.cosine, color=colour, lw=1.3, label=label)
            _steps(left, one.parent, color=colour, lw=0.9, ls="--")
            _steps(right, one.rank, color=colour, lw=1.3)
        right.plot([0, 1], [0, 1], ":", color=GREY, lw=1.0)
        left.set(
            xlabel="cosine with the residual's pull",
            ylabel="share of births",
            xlim=(-1.03, 1.03),
            ylim=(0, 1.02),
        )
        right.set(
            xlabel="rank of the distance to rest", xlim=(-0.02, 1.02), ylim=(0, 1.02)
        )
        left.legend(loc="upper left")
    return left.get_figure(root=True)  # pyrefly: ignore[bad-return]


def _steps(ax: Axes, values: np.ndarray, **look: object) -> None:
    if len(values):
        shares = np.arange(1, len(values) + 1) / len(values)
        ax.step([values[0], *values], [0.0, *shares], where="post", **look)  # pyrefly: ignore[bad-argument-type]

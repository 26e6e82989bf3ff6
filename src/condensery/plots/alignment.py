"""Alignment of the neurons with the theorem's line, step by step, under Adam and under
gradient descent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._style import PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Course:
    """One optimiser: medians over the draws.

    Attributes:
        optimiser: Its name.
        step: Steps, ascending.
        aligned: Median |cosine| with z.
        low: Lowest of the draws.
        high: Highest of the draws.
        sign_aligned: Median |cosine| with sign(z).
    """

    optimiser: str
    step: Int[np.ndarray, " step"]
    aligned: Float[np.ndarray, " step"]
    low: Float[np.ndarray, " step"]
    high: Float[np.ndarray, " step"]
    sign_aligned: Float[np.ndarray, " step"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """What the figure shows: one course per optimiser."""

    courses: tuple[Course, ...]


def figure_data(tables: Mapping[str, Table], *, part: str = "demo-b") -> Alignment:
    """The numbers of the figure (demonstration notebook that accompanies Xu et al.
    2025, arXiv 2504.09484).

    Args:
        tables: ``measures`` (part, optimiser, draw, step, aligned, sign_aligned).
        part: The part that is shown.

    Raises:
        InvalidInputError: If the table or a column is missing, or has no such part.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "part": ["demo-b"] * 2,
        ...     "optimiser": ["Adam"] * 2,
        ...     "draw": [0, 1],
        ...     "step": [1, 1],
        ... }
        >>> table = Table(
        ...     columns={**columns, "aligned": [0.8, 0.6], "sign_aligned": [1.0, 1.0]}
        ... )
        >>> figure_data({"measures": table}).courses[0].aligned.round(3).tolist()
        [0.7]
    """
    table = need(
        tables,
        "measures",
        "part",
        "optimiser",
        "draw",
        "step",
        "aligned",
        "sign_aligned",
    )
    chosen = table.select(part=part)
    if not len(chosen):
        raise InvalidInputError(
            "part",
            given=part,
            allowed=", ".join(np.unique(table["part"])),
            remedy="name a part that was run",
        )
    courses = []
    for optimiser in dict.fromkeys(chosen["optimiser"].tolist()):
        own = chosen.select(optimiser=optimiser)
        draws = len(np.unique(own["draw"]))
        # a step at which not all draws were looked at is where one of them ended
        steps = [
            int(step)
            for step in levels(own["step"])
            if np.sum(own["step"] == step) == draws
        ]
        rows = [own.select(step=step) for step in steps]
        courses.append(
            Course(
                optimiser,
                np.array(steps, dtype=np.int64),
                np.array([np.median(row["aligned"]) for row in rows]),
                np.array([row["aligned"].min() for row in rows]),
                np.array([row["aligned"].max() for row in rows]),
                np.array([np.median(row["sign_aligned"]) for row in rows]),
            )
        )
    return Alignment(tuple(courses))


def draw(
    data: Alignment, axes: Sequence[Axes] | np.ndarray | Axes | None = None
) -> Figure:
    """Draw one panel per optimiser: alignment with z with the range of the draws, and
    with sign(z) dashed.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are optimisers; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    count = len(data.courses)
    layout = [[f"p{k}" for k in range(count)]]
    with panels(axes, layout, size=(PAGE if count > 1 else 3.6, 2.3)) as (
        figure,
        given,
    ):
        for k, (ax, one) in enumerate(zip(given, data.courses, strict=True)):
            ax.fill_between(
                one.step, one.low, one.high, color=PALETTE[0], alpha=0.2, lw=0
            )
            ax.plot(
                one.step,
                one.aligned,
                color=PALETTE[0],
                label="with $z$ (range of draws)",
            )
            ax.plot(
                one.step,
                one.sign_aligned,
                color=PALETTE[1],
                ls=(0, (4, 2)),
                label="with sign($z$)",
            )
            ax.set(xlabel="step", title=one.optimiser, ylim=(0, 1.03))
            if one.step.size > 1 and one.step[-1] < 1000:
                ax.set_xscale("symlog", linthresh=1)
                ax.set_xlim(0, one.step[-1])
            ax.set_ylabel("median |cosine|" if k == 0 else "")
        given[0].legend(loc="lower right")
    return figure

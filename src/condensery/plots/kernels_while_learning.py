"""A CNN while it learns: how many of its kernels are parallel, and how many images it
tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.plots.direction_field import TITLES
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Course:
    """One network, means over its seeds."""

    title: str
    step: Int[np.ndarray, " step"]
    pairs: Float[np.ndarray, " step"]
    accuracy: Float[np.ndarray, " step"]


@dataclass(frozen=True, eq=False)
class KernelsWhileLearning:
    """What the figure shows: one course per activation and scale, in the order of the
    table.
    """

    courses: tuple[Course, ...]


def figure_data(tables: Mapping[str, Table]) -> KernelsWhileLearning:
    """The numbers of the figure (Zhou et al. 2023, arXiv 2305.09947: kernels while the
    accuracy is low).

    Args:
        tables: ``followed`` (activation, std, step, accuracy, pairs), one row per step
            and seed.

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {"activation": ["tanh"] * 2, "std": [0.1] * 2, "step": [0, 0]}
        >>> data = figure_data(
        ...     {
        ...         "followed": Table(
        ...             columns={**columns, "accuracy": [0.1, 0.2], "pairs": [0.0, 1.0]}
        ...         )
        ...     }
        ... )
        >>> data.courses[0].title, data.courses[0].pairs
        ('tanh, std 0.1', array([0.5]))
    """
    table = need(tables, "followed", "activation", "std", "step", "accuracy", "pairs")
    courses = []
    for name, std in dict.fromkeys(
        zip(table["activation"].tolist(), table["std"].tolist(), strict=True)
    ):
        own = table.select(activation=name, std=std)
        step = levels(own["step"]).astype(np.int64)
        means = [
            [own[column][own["step"] == one].mean() for one in step]
            for column in ("pairs", "accuracy")
        ]
        courses.append(
            Course(
                f"{TITLES.get(name, name)}, std {std:g}",
                step,
                np.array(means[0]),
                np.array(means[1]),
            )
        )
    return KernelsWhileLearning(tuple(courses))


def draw(
    data: KernelsWhileLearning, axes: Sequence[Axes] | np.ndarray | Axes | None = None
) -> Figure:
    """Draw one panel per network over the logarithm of the step.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are networks; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    layout = [[f"p{k}" for k in range(len(data.courses))]]
    with panels(axes, layout, size=(PAGE, 2.1)) as (figure, given):
        for k, (ax, one) in enumerate(zip(given, data.courses, strict=True)):
            ax.plot(
                one.step, one.pairs, color=PALETTE[0], lw=1.8, label="parallel pairs"
            )
            ax.plot(
                one.step,
                one.accuracy,
                color=PALETTE[1],
                ls=(0, (4, 2)),
                label="accuracy",
            )
            ax.set_xscale("symlog", linthresh=1)
            ax.set(
                xlim=(0, max(1, int(one.step[-1]))),
                ylim=(-0.02, 1.03),
                yticks=[0, 0.5, 1],
                xlabel="step",
                title=one.title,
            )
            ax.set_xticks(
                [0, 1, 10, 100, 1000][: 2 + int(np.log10(max(1, int(one.step[-1]))))]
            )
            if k:
                ax.set_yticklabels([])
        given[0].legend(loc="upper left", handlelength=1.4)
    return figure

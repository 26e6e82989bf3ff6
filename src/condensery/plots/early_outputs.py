"""What networks have learned at the initial stage, beside polynomials of the degree of
their multiplicity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import INK, PAGE, PALETTE, TARGET, grid_of, panels
from condensery.plots._tables import levels, need
from condensery.plots.direction_field import TITLES
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Curve:
    """The output of one network at one step."""

    step: int
    model: Float[np.ndarray, " point"]
    polynomial: Float[np.ndarray, " point"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One activation: its outputs by rising step, and the degree of the polynomials."""

    title: str
    degree: int
    curves: tuple[Curve, ...]


@dataclass(frozen=True, eq=False)
class EarlyOutputs:
    """What the figure shows.

    Attributes:
        x: Abscissae, ascending.
        target: The function that made the data.
        panels: One per activation.
    """

    x: Float[np.ndarray, " point"]
    target: Float[np.ndarray, " point"]
    panels: tuple[Panel, ...]


def figure_data(tables: Mapping[str, Table]) -> EarlyOutputs:
    """The numbers of the figure (Zhou et al. 2022, arXiv 2105.11686, Fig. 5).

    Args:
        tables: ``output`` (activation, step, degree, x, model, polynomial, target).

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "activation": ["tanh"] * 2,
        ...     "step": [9, 9],
        ...     "degree": [1, 1],
        ...     "x": [0.0, 1.0],
        ... }
        >>> lines = {
        ...     "model": [0.1, 0.2],
        ...     "polynomial": [0.1, 0.2],
        ...     "target": [0.0, 1.0],
        ... }
        >>> figure_data({"output": Table(columns={**columns, **lines})}).panels[
        ...     0
        ... ].curves[0].model
        array([0.1, 0.2])
    """
    output = need(
        tables,
        "output",
        "activation",
        "step",
        "degree",
        "x",
        "model",
        "polynomial",
        "target",
    )
    made = []
    for name in dict.fromkeys(output["activation"].tolist()):
        own = output.select(activation=name)
        curves = []
        for step in levels(own["step"]).astype(int):
            rows = own.select(step=int(step))
            curves.append(Curve(int(step), rows["model"], rows["polynomial"]))
        made.append(Panel(TITLES.get(name, name), int(own["degree"][0]), tuple(curves)))
    first = output.select(
        activation=output["activation"][0], step=int(output["step"][0])
    )
    return EarlyOutputs(first["x"], first["target"], tuple(made))


def draw(data: EarlyOutputs, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw one panel per activation: target dotted grey, outputs in colour, polynomials
    dashed black.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are activations; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    count = len(data.panels)
    across = min(4, count)
    layout = grid_of(count, across=across)
    with panels(
        axes, layout, size=(max(3.4, PAGE * across / 4), 1.75 * len(layout) + 0.15)
    ) as (figure, given):
        for k, (ax, one) in enumerate(zip(given, data.panels, strict=True)):
            ax.plot(
                data.x,
                data.target,
                ls=TARGET.dashes,
                color="#777777",
                lw=1.0,
                label="target",
            )
            for place, curve in enumerate(one.curves):
                ax.plot(
                    data.x,
                    curve.model,
                    color=PALETTE[place],
                    lw=1.8,
                    label=f"step {curve.step}",
                )
                ax.plot(data.x, curve.polynomial, ls=(0, (4, 3)), color=INK, lw=0.8)
            ax.set_title(f"{one.title}, degree {one.degree}")
            ax.set_xlabel("$x$" if k >= count - across else "")
            ax.set_ylabel("output" if k % across == 0 else "")
            ax.locator_params(nbins=4)
        given[0].legend(loc="best", handlelength=1.2)
    return figure

"""One column per regime: outputs before and after training above, (orientation,
amplitude) of the neurons below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._cloud import (
    Cloud,
    cloud_handle,
    draw_cloud,
    gather,
    orientation_axis,
    orientation_span,
)
from condensery.plots._style import AFTER, BEFORE, PAGE, SAMPLES, TARGET, panels
from condensery.plots._tables import Cell, cell_title, choose_cells, need, pick, where
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Column:
    """One cell of the phase plane.

    Attributes:
        gamma: γ.
        gamma_prime: γ′.
        title: What stands above the column.
        width: Width of the network shown.
        x: Abscissae of the outputs, ascending; empty where the data is not on a line.
        initial: Output before training.
        final: Output after training.
        reference: Linear interpolant of the data (NaN: none).
        before: The neurons at the start.
        after: The neurons at the end.
    """

    gamma: float
    gamma_prime: float
    title: str
    width: int
    x: Float[np.ndarray, " point"]
    initial: Float[np.ndarray, " point"]
    final: Float[np.ndarray, " point"]
    reference: Float[np.ndarray, " point"]
    before: Cloud
    after: Cloud


@dataclass(frozen=True, eq=False)
class Regimes:
    """What the figure shows; `sample_x` and `sample_y` are the training data, empty
    where it is not on a line.
    """

    columns: tuple[Column, ...]
    sample_x: Float[np.ndarray, " sample"]
    sample_y: Float[np.ndarray, " sample"]
    orientation: str


def figure_data(
    tables: Mapping[str, Table],
    *,
    cells: Sequence[Sequence[float]] | None = None,
    names: Sequence[str] | None = None,
    width: int | None = None,
    seed: int | None = None,
    orientation: str = "angle",
    at_most: int = 3,
    bin_above: int = 5000,
) -> Regimes:
    """The numbers of the figure (Luo et al. 2021, arXiv 2007.07497, Fig. 2).

    Args:
        tables: ``scatter`` (gamma, gamma_prime, width, seed, when (0 initial, 1 final),
            orientation, amplitude); if present ``outputs`` (gamma, gamma_prime, width,
            seed, x, initial, final, and reference if known) and ``data`` (x, y).
            Without ``outputs`` only the scatters are shown.
        cells: Pairs (gamma, gamma_prime), one per column; by default up to `at_most`
            near gamma_prime = 0.
        names: A name per cell ("linear", …) that stands above its column.
        width: The width to show; by default the largest of each cell.
        seed: The seed to show; by default the smallest of each cell.
        orientation: ``angle`` in [−π, π), or ``input`` for I = ŵ·p in [−1, 1].
        at_most: How many cells the default choice takes.
        bin_above: Scatters of more neurons are binned.

    Raises:
        InvalidInputError: If a table or column is missing, a cell, width or seed is
            unknown, or the names are not as many as the cells.

    Example:
        >>> from condensery.records import Table
        >>> scatter = Table(
        ...     columns={
        ...         "gamma": [1.0, 1.0],
        ...         "gamma_prime": [0.0, 0.0],
        ...         "width": [1, 1],
        ...         "seed": [0, 0],
        ...         "when": [0, 1],
        ...         "orientation": [0.1, 0.2],
        ...         "amplitude": [0.5, 1.0],
        ...     }
        ... )
        >>> column = figure_data({"scatter": scatter}).columns[0]
        >>> column.title, column.after.x, column.x.size
        ('γ = 1, γ′ = 0', array([0.2]), 0)
    """
    scatter = need(
        tables,
        "scatter",
        "gamma",
        "gamma_prime",
        "width",
        "seed",
        "when",
        "orientation",
        "amplitude",
    )
    chosen = choose_cells(scatter, cells, at_most=at_most)
    if names is not None and len(names) != len(chosen):
        raise InvalidInputError(
            "names",
            given=list(names),
            allowed=f"{len(chosen)} names",
            remedy="name every cell",
        )
    span = orientation_span(orientation)
    outputs = tables.get("outputs")
    columns = []
    for k, cell in enumerate(chosen):
        here = where(scatter, gamma=cell[0], gamma_prime=cell[1])
        shown_width = pick(scatter["width"][here], width, name="width", largest=True)
        here &= where(scatter, width=shown_width)
        shown_seed = pick(scatter["seed"][here], seed, name="seed")
        here &= where(scatter, seed=shown_seed)
        clouds = [
            gather(
                scatter["orientation"][rows],
                scatter["amplitude"][rows],
                span=span,
                at_most=bin_above,
            )
            for rows in (here & (scatter["when"] == 0), here & (scatter["when"] == 1))
        ]
        title = cell_title(cell) if names is None else f"{names[k]}\n{cell_title(cell)}"
        columns.append(
            Column(
                *cell,
                title,
                int(shown_width),
                *_lines(outputs, cell, shown_width, shown_seed),
                before=clouds[0],
                after=clouds[1],
            )
        )
    x, y = _samples(tables.get("data"))
    return Regimes(
        columns=tuple(columns), sample_x=x, sample_y=y, orientation=orientation
    )


def _lines(
    outputs: Table | None, cell: Cell, width: float, seed: float
) -> tuple[np.ndarray, ...]:
    if outputs is None or not len(outputs):
        return (np.empty(0),) * 4
    need(
        {"outputs": outputs},
        "outputs",
        "gamma",
        "gamma_prime",
        "width",
        "seed",
        "x",
        "initial",
        "final",
    )
    table = outputs.select(
        gamma=cell[0], gamma_prime=cell[1], width=int(width), seed=int(seed)
    )
    order = np.argsort(table["x"], kind="stable")
    reference = table.columns.get("reference", np.full(len(table), np.nan))
    return tuple(
        np.asarray(c, dtype=np.float64)[order]
        for c in (table["x"], table["initial"], table["final"], reference)
    )


def _samples(data: Table | None) -> tuple[np.ndarray, np.ndarray]:
    """Data on a line as (x, y); anything else has no place among the outputs."""
    if data is None or "x" not in data.columns or "y" not in data.columns:
        return np.empty(0), np.empty(0)
    x = np.asarray(data["x"], dtype=np.float64).reshape(len(data), -1)
    return (
        (x[:, 0], np.asarray(data["y"], dtype=np.float64))
        if x.shape[1] == 1
        else (np.empty(0), np.empty(0))
    )


def draw(
    data: Regimes, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the columns: outputs above (where there are any), scatters below.

    Before training is blue (dashes, rings), after it vermilion (line, dots); the data
    are black diamonds, the linear interpolant dots. Amplitudes are relative to the
    largest at the end of training.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are panels (row by row: outputs, then scatters);
            None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not that many.
    """
    count = len(data.columns)
    with_outputs = any(column.x.size for column in data.columns)
    layout = [
        [f"{row}{k}" for k in range(count)]
        for row in (("output", "scatter") if with_outputs else ("scatter",))
    ]
    size = (min(PAGE, 1.0 + 2.0 * count), 0.9 + 1.65 * len(layout))
    with panels(axes, layout, size=size) as (figure, flat):
        if with_outputs:
            _draw_outputs(flat[:count], data)
        top = max(
            [
                1.0,
                *(
                    cloud.extent[3]
                    for column in data.columns
                    for cloud in (column.before, column.after)
                ),
            ]
        )
        for k, (ax, column) in enumerate(zip(flat[-count:], data.columns, strict=True)):
            draw_cloud(ax, column.before, BEFORE)
            draw_cloud(ax, column.after, AFTER)
            orientation_axis(ax, data.orientation)
            ax.set(ylim=(-0.04 * top, 1.06 * top), yticks=[0, 0.5, 1])
            if k == 0:
                ax.set_ylabel("amplitude / final max.")
        for ax, column in zip(flat[:count], data.columns, strict=True):
            ax.set_title(column.title)
        handles = [cloud_handle(BEFORE, "initial"), cloud_handle(AFTER, "final")]
        flat[-1].legend(handles=handles, loc="upper right", handlelength=0.8)
    return figure


def _draw_outputs(row: list[Axes], data: Regimes) -> None:
    """One ordinate for all columns, so that their shapes compare."""
    shown = [
        np.concatenate([column.initial, column.final, column.reference, data.sample_y])
        for column in data.columns
    ]
    values = np.concatenate(shown)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    for k, (ax, column) in enumerate(zip(row, data.columns, strict=True)):
        ax.plot(
            column.x,
            column.initial,
            ls=BEFORE.dashes,
            color=BEFORE.colour,
            label="initial",
        )
        ax.plot(column.x, column.final, color=AFTER.colour, label="final")
        if np.isfinite(column.reference).any():
            ax.plot(
                column.x,
                column.reference,
                ls=TARGET.dashes,
                color=TARGET.colour,
                lw=1.1,
                label="linear spline",
            )
        ax.plot(
            data.sample_x,
            data.sample_y,
            SAMPLES.marker,
            color=SAMPLES.colour,
            ms=SAMPLES.size,
            label="data",
        )
        ax.set(
            xlabel="$x$",
            ylim=(low - 0.06 * (high - low or 1.0), high + 0.06 * (high - low or 1.0)),
        )
        ax.locator_params(nbins=5)
        if k == 0:
            ax.set_ylabel("output")
            ax.legend(loc="best")

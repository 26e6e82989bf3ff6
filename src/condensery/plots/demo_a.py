"""Demo A, a small condensed network: loss, output and the orientations of its
neurons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._cloud import (
    Cloud,
    cloud_handle,
    draw_cloud,
    gather,
    orientation_axis,
    orientation_span,
)
from condensery.plots._style import (
    AFTER,
    BEFORE,
    GREY,
    INK,
    PAGE,
    PALETTE,
    SAMPLES,
    TARGET,
    panels,
)
from condensery.plots._tables import levels, need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class DemoA:
    """What the three panels show.

    Attributes:
        curves: Per seed the steps and the loss at them.
        x: Abscissae of the outputs, ascending.
        target: The function that made the data.
        initial: Output before training.
        final: Output after training.
        sample_x: Training data.
        sample_y: Training data.
        before: (orientation, amplitude) of the neurons at the start.
        after: The same at the end.
        predicted: Orientations that theory expects.
    """

    curves: tuple[tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]], ...]
    x: Float[np.ndarray, " point"]
    target: Float[np.ndarray, " point"]
    initial: Float[np.ndarray, " point"]
    final: Float[np.ndarray, " point"]
    sample_x: Float[np.ndarray, " sample"]
    sample_y: Float[np.ndarray, " sample"]
    before: Cloud
    after: Cloud
    predicted: Float[np.ndarray, " orientation"]


def figure_data(
    tables: Mapping[str, Table], *, seed: int | None = None, bin_above: int = 5000
) -> DemoA:
    """The numbers of the figure (Xu et al. 2025, arXiv 2504.09484, demonstration
    notebook of condensation).

    Args:
        tables: ``loss`` (step, loss, and seed if there are several), ``output`` (x,
            target, initial, final), ``scatter`` (when (0 initial, 1 final),
            orientation, amplitude); if present ``data`` (x, y) and ``predicted``
            (orientation).
        seed: Of ``output`` and ``scatter``, where they have a column seed; by default
            the smallest.
        bin_above: Scatters of more neurons are binned.

    Raises:
        InvalidInputError: If a table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> lines = {
        ...     "x": [1.0, 0.0],
        ...     "target": [1.0, 0.0],
        ...     "initial": [0.0, 0.0],
        ...     "final": [0.9, 0.0],
        ... }
        >>> tables = {
        ...     "loss": Table(columns={"step": [0, 10], "loss": [1.0, 0.1]}),
        ...     "output": Table(columns=lines),
        ...     "scatter": Table(
        ...         columns={
        ...             "when": [0, 1],
        ...             "orientation": [0.0, 0.5],
        ...             "amplitude": [0.1, 1.0],
        ...         }
        ...     ),
        ... }
        >>> figure_data(tables).final
        array([0. , 0.9])
    """
    loss = need(tables, "loss", "step", "loss")
    output = _of_seed(need(tables, "output", "x", "target", "initial", "final"), seed)
    scatter = _of_seed(
        need(tables, "scatter", "when", "orientation", "amplitude"), seed
    )
    parts = (
        [loss.select(seed=int(one)) for one in levels(loss["seed"])]
        if "seed" in loss.columns
        else [loss]
    )
    order = np.argsort(output["x"], kind="stable")
    data = tables.get("data", Table(columns={"x": np.empty(0), "y": np.empty(0)}))
    predicted = tables.get("predicted", Table(columns={"orientation": np.empty(0)}))
    clouds = [
        gather(
            scatter["orientation"][part],
            scatter["amplitude"][part],
            span=orientation_span("angle"),
            at_most=bin_above,
        )
        for part in (scatter["when"] == 0, scatter["when"] == 1)
    ]
    return DemoA(
        curves=tuple(
            (np.asarray(part["step"], np.float64), np.asarray(part["loss"], np.float64))
            for part in parts
        ),
        x=output["x"][order],
        target=output["target"][order],
        initial=output["initial"][order],
        final=output["final"][order],
        sample_x=np.ravel(data["x"]),
        sample_y=np.ravel(data["y"]),
        before=clouds[0],
        after=clouds[1],
        predicted=np.unique(predicted["orientation"]),
    )


def _of_seed(table: Table, seed: int | None) -> Table:
    if "seed" not in table.columns:
        return table
    return table.select(seed=int(table["seed"].min()) if seed is None else seed)


def draw(data: DemoA, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw loss (both axes logarithmic), output, and scatter of (orientation,
    amplitude), side by side.

    Before training is blue, after it vermilion; dashed lines in the scatter are the
    orientations that theory expects.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["loss", "output", "scatter"]], size=(PAGE, 2.35)) as (
        figure,
        (left, middle, right),
    ):
        for k, (step, loss) in enumerate(data.curves):
            left.plot(
                np.maximum(step, 1.0),
                loss,
                color=PALETTE[0] if k == 0 else GREY,
                lw=1.3 if k == 0 else 0.8,
                zorder=3 if k == 0 else 2,
            )
        left.set(xscale="log", yscale="log", xlabel="step", ylabel="loss")
        middle.plot(
            data.x, data.initial, ls=BEFORE.dashes, color=BEFORE.colour, label="initial"
        )
        middle.plot(data.x, data.final, color=AFTER.colour, label="final", lw=1.6)
        middle.plot(
            data.x,
            data.target,
            ls=TARGET.dashes,
            color=TARGET.colour,
            lw=1.1,
            label="target",
        )
        middle.plot(
            data.sample_x,
            data.sample_y,
            SAMPLES.marker,
            color=INK,
            ms=SAMPLES.size,
            label="data",
        )
        middle.set(xlabel="$x$", ylabel="output")
        middle.locator_params(nbins=5)
        middle.legend(loc="upper center")
        for angle in data.predicted:
            right.axvline(angle, ls=(0, (3, 2)), color=INK, lw=0.8, zorder=1)
            right.annotate(
                f"{angle:.3f}".replace("-", "−"),
                (angle, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="small",
            )
        draw_cloud(right, data.before, BEFORE)
        draw_cloud(right, data.after, AFTER)
        orientation_axis(right, "angle")
        top = max(data.before.extent[3], data.after.extent[3])
        right.set(
            ylim=(-0.04 * top, 1.06 * top),
            yticks=[0, 0.5, 1],
            ylabel="amplitude / final max.",
        )
        right.legend(
            handles=[cloud_handle(BEFORE, "initial"), cloud_handle(AFTER, "final")],
            loc="upper right",
            handlelength=0.8,
        )
    return figure

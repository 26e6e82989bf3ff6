"""One column per γ₃: outputs above, and the raw (w, b) of every first-layer neuron
before and after below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._cloud import cloud_handle
from condensery.plots._style import AFTER, BEFORE, PAGE, SAMPLES, TARGET, panels
from condensery.plots._tables import levels, need, number
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Column:
    """One network: abscissae and outputs, and the pairs (w, b) of its neurons before
    and after.
    """

    title: str
    x: Float[np.ndarray, " point"]
    initial: Float[np.ndarray, " point"]
    final: Float[np.ndarray, " point"]
    reference: Float[np.ndarray, " point"]
    before: Float[np.ndarray, "unit 2"]
    after: Float[np.ndarray, "unit 2"]


@dataclass(frozen=True, eq=False)
class LayerNeurons:
    """What the figure shows."""

    columns: tuple[Column, ...]
    sample_x: Float[np.ndarray, " sample"]
    sample_y: Float[np.ndarray, " sample"]


def figure_data(tables: Mapping[str, Table]) -> LayerNeurons:
    """The numbers of the figure (Zhou et al. 2022, arXiv 2205.12101, Fig. 2).

    Args:
        tables: ``pairs`` (gamma3, when (0 before, 1 after), weight, bias), ``outputs``
            (gamma3, x, initial, final, reference), ``data`` (x, y); if present
            ``neurons`` (gamma3, orientations).

    Raises:
        InvalidInputError: If a table or column is missing.

    Example:
        >>> from condensery.records import Table
        >>> pairs = Table(
        ...     columns={
        ...         "gamma3": [1.0, 1.0],
        ...         "when": [0, 1],
        ...         "weight": [0.1, 2.0],
        ...         "bias": [0.0, 1.0],
        ...     }
        ... )
        >>> outputs = Table(
        ...     columns={
        ...         name: [1.0]
        ...         for name in ("gamma3", "x", "initial", "final", "reference")
        ...     }
        ... )
        >>> data = Table(columns={"x": [[0.0]], "y": [1.0]})
        >>> figure_data({"pairs": pairs, "outputs": outputs, "data": data}).columns[
        ...     0
        ... ].after
        array([[2., 1.]])
    """
    pairs = need(tables, "pairs", "gamma3", "when", "weight", "bias")
    outputs = need(tables, "outputs", "gamma3", "x", "initial", "final", "reference")
    data = need(tables, "data", "x", "y")
    columns = []
    for gamma3 in levels(pairs["gamma3"]):
        title = f"γ₃ = {number(gamma3)}"
        if "neurons" in tables:
            rows = tables["neurons"].select(gamma3=gamma3)
            count = int(rows["orientations"][0])
            title += f"\n{count} orientation{'s' * (count != 1)}"
        lines = outputs.select(gamma3=gamma3)
        clouds = []
        for when in (0, 1):
            samples = pairs.select(gamma3=gamma3, when=when)
            clouds.append(np.stack([samples["weight"], samples["bias"]], axis=1))
        columns.append(
            Column(
                title,
                *(lines[name] for name in ("x", "initial", "final", "reference")),
                *clouds,
            )
        )
    return LayerNeurons(
        tuple(columns), data["x"].reshape(len(data), -1)[:, 0], data["y"]
    )


def draw(data: LayerNeurons, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw the columns: before training blue (dashes, rings), after it vermilion (line,
    dots).

    Args:
        data: From `figure_data`.
        axes: Two Axes per column, the outputs first; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not that many.
    """
    count = len(data.columns)
    layout = [[f"{row}{k}" for k in range(count)] for row in ("output", "pairs")]
    with panels(axes, layout, size=(min(PAGE, 1.0 + 2.0 * count), 4.4)) as (
        figure,
        flat,
    ):
        values = np.concatenate(
            [np.concatenate([column.initial, column.final]) for column in data.columns]
        )
        low, high = float(values.min()), float(values.max())
        margin = 0.06 * (high - low or 1.0)
        for k, (top, bottom, column) in enumerate(
            zip(flat[:count], flat[count:], data.columns, strict=True)
        ):
            top.plot(
                column.x,
                column.initial,
                ls=BEFORE.dashes,
                color=BEFORE.colour,
                label="initial",
            )
            top.plot(
                column.x,
                column.final,
                color=AFTER.colour,
                label="final",
            )
            top.plot(
                column.x,
                column.reference,
                ls=TARGET.dashes,
                color=TARGET.colour,
                lw=1.1,
                label="linear spline",
            )
            top.plot(
                data.sample_x,
                data.sample_y,
                SAMPLES.marker,
                color=SAMPLES.colour,
                ms=SAMPLES.size,
                label="data",
            )
            top.set(
                title=column.title, xlabel="$x$", ylim=(low - margin, high + margin)
            )
            for cloud, role in ((column.before, BEFORE), (column.after, AFTER)):
                bottom.plot(
                    cloud[:, 0],
                    cloud[:, 1],
                    ls="none",
                    marker=role.marker,
                    ms=role.size,
                    mec=role.colour,
                    mew=0.5,
                    mfc="none" if role.hollow else role.colour,
                    rasterized=len(cloud) > 300,
                )
            bottom.set(xlabel="weight $w$")
            bottom.locator_params(nbins=5)
            if k == 0:
                top.set_ylabel("output")
                bottom.set_ylabel("bias $b$")
        flat[0].legend(loc="best")
        flat[count].legend(
            handles=[cloud_handle(BEFORE, "initial"), cloud_handle(AFTER, "final")],
            loc="best",
        )
    return figure

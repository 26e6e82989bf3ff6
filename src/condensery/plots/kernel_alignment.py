"""Alignment of convolution kernels with the direction that theory predicts, from
several scales of initialisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import INK, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Scale:
    """One scale of initialisation: |cosines| of all kernels, rising, measured and by
    the linearised flow.
    """

    std: float
    cosine: Float[np.ndarray, " kernel"]
    linear: Float[np.ndarray, " kernel"]


@dataclass(frozen=True, eq=False)
class KernelAlignment:
    """What the figure shows: one curve per scale, the smallest first."""

    scales: tuple[Scale, ...]


def figure_data(tables: Mapping[str, Table]) -> KernelAlignment:
    """The numbers of the figure (Zhou et al. 2023, arXiv 2305.09947: the two-layer
    network of the theory).

    Args:
        tables: ``kernels`` (std, cosine, cosine_linear), one row per kernel.

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "std": [1.0, 1.0],
        ...     "cosine": [0.9, 0.2],
        ...     "cosine_linear": [0.8, 0.1],
        ... }
        >>> figure_data({"kernels": Table(columns=columns)}).scales[0].cosine
        array([0.2, 0.9])
    """
    table = need(tables, "kernels", "std", "cosine", "cosine_linear")
    scales = []
    for std in levels(table["std"]):
        own = np.isclose(table["std"], std)
        scales.append(
            Scale(
                float(std),
                np.sort(table["cosine"][own]),
                np.sort(table["cosine_linear"][own]),
            )
        )
    return KernelAlignment(tuple(scales))


def draw(data: KernelAlignment, axes: Axes | None = None) -> Figure:
    """Draw the sorted |cosines| over the share of the kernels; dashed the linearised
    flow.

    Args:
        data: From `figure_data`.
        axes: The Axes to draw on; None makes a figure.

    Raises:
        InvalidInputError: If `axes` is not one Axes.
    """
    with panels(axes, [["cosine"]], size=(3.8, 2.6)) as (figure, (ax,)):
        for k, one in enumerate(data.scales):
            share = (np.arange(one.cosine.size) + 0.5) / one.cosine.size
            ax.plot(
                share,
                one.cosine,
                color=PALETTE[k % len(PALETTE)],
                lw=1.8,
                label=f"std {one.std:g}",
            )
            ax.plot(share, one.linear, color=INK, lw=0.8, ls=(0, (4, 3)))
        ax.set(
            xlim=(0, 1),
            ylim=(0, 1.02),
            xlabel="share of the kernels",
            ylabel="|cosine| with the singular vector",
        )
        ax.legend(loc="lower right")
    return figure

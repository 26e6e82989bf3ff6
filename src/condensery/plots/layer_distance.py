"""log RD of both layers of three-layer networks against log width at γ₂ = 0, with the
fitted slopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery._errors import InvalidInputError
from condensery.plots import rd_against_width
from condensery.plots._style import panels
from condensery.plots._tables import need
from condensery.plots.rd_against_width import (
    RDAgainstWidth,
    colour,
    legend_text,
    marker,
)
from condensery.records import Table

LAYERS = (("first", "rd1", "RD$(W^{[1]})$"), ("second", "rd2", "RD$(W^{[2]})$"))


@dataclass(frozen=True, eq=False)
class LayerDistance:
    """One figure of RD against width per layer."""

    layers: tuple[RDAgainstWidth, ...]


def figure_data(
    tables: Mapping[str, Table],
    *,
    gamma3s: Sequence[float] | None = None,
    gamma2: float = 0.0,
) -> LayerDistance:
    """The numbers of the figure (Zhou et al. 2022, arXiv 2205.12101, Fig. 4).

    Args:
        tables: ``members`` (gamma2, gamma3, width, rd1, rd2, status); if present
            ``slopes`` (gamma2, gamma3, first, second and their _se).
        gamma3s: γ₃ shown; by default up to five of the row.
        gamma2: The row.

    Raises:
        InvalidInputError: If a table, a column or a cell is missing.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "gamma2": [0.0, 0.0],
        ...     "gamma3": [1.0, 1.0],
        ...     "width": [10, 10],
        ...     "rd1": [1.0, 4.0],
        ... }
        >>> columns["rd2"] = [1.0, 1.0]
        >>> figure_data({"members": Table(columns=columns)}).layers[0].series[
        ...     0
        ... ].mean.round(3)
        array([2.])
    """
    members = need(tables, "members", "gamma2", "gamma3", "width", "rd1", "rd2").select(
        gamma2=gamma2
    )
    if not len(members):
        raise InvalidInputError(
            "gamma2",
            given=gamma2,
            allowed="a row of the run",
            remedy="choose one that was computed",
        )
    layers = []
    for name, rd, symbol in LAYERS:
        columns = {
            "gamma": members["gamma3"],
            "gamma_prime": members["gamma2"],
            "rd": members[rd],
        }
        kept = {
            key: members[key] for key in ("width", "status") if key in members.columns
        }
        renamed = {"members": Table(columns={**columns, **kept})}
        if "slopes" in tables:
            fitted = tables["slopes"].select(gamma2=gamma2)
            renamed["slopes"] = Table(
                columns={
                    "gamma": fitted["gamma3"],
                    "gamma_prime": fitted["gamma2"],
                    "slope": fitted[name],
                    "slope_se": fitted[f"{name}_se"],
                }
            )
        cells = None if gamma3s is None else [(gamma3, gamma2) for gamma3 in gamma3s]
        shown = rd_against_width.figure_data(renamed, cells=cells)
        order = sorted(shown.series, key=lambda curve: curve.gamma)
        layers.append(replace(shown, series=tuple(order), symbol=symbol))
    return LayerDistance(tuple(layers))


def draw(
    data: LayerDistance, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw one panel per layer; a line has the stored slope, which the legend names.

    Args:
        data: From `figure_data`.
        axes: Two Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not two.
    """
    with panels(axes, [["first", "second"]], size=(5.6, 4.0)) as (figure, flat):
        for ax, layer in zip(flat, data.layers, strict=True):
            rd_against_width.draw(layer, ax)
            handles = [
                Line2D(
                    [],
                    [],
                    color=colour(k),
                    marker=marker(k),
                    ms=4.5,
                    lw=1.1,
                    label=legend_text(curve, prime=False).replace("γ =", "γ₃ =", 1),
                )
                for k, curve in enumerate(layer.series)
            ]
            # Above the panel, where no line can pass under it.
            legend = ax.legend(
                handles=handles,
                title="slope ± s.e.",
                alignment="left",
                loc="lower left",
            )
            legend.set_bbox_to_anchor((0.0, 1.0))
    return figure

"""Figures: one module per figure, each with ``figure_data(tables, **options)`` and
``draw(data, axes=None)``.

The numbers come first: `figure_data` picks what is shown out of stored tables, and
`draw` puts it on a figure of its own or on a user's Axes. Nothing here fits or
measures. Importing this package loads no matplotlib; a module of it does.

`chart` draws any `condensery.charts.Chart`: most figures are one. Pictures of their
own, by what they show: of the phase diagram `phase_plane`, `slope_map`,
`rd_against_width`, `regimes`, `scatter_grid`; of single networks `orientation_growth`
(which has ``animate`` too), `group_tree`; of initial condensation `direction_field`; of
dropout `dropout_regulariser`, `dropout_contours`; of the landscape `embedded_network`,
`census_lattice`; of PyTorch models `verdicts`, `monitored`, `partners`. `render` turns
a figure into PNG or PDF bytes, `save` writes both; `style` and `panels` are for Axes of
one's own.

Example:
    >>> from condensery import plots
    >>> from condensery.records import Table
    >>> slopes = Table(
    ...     columns={
    ...         "gamma": [0.5, 1.5],
    ...         "gamma_prime": [0.0, 0.0],
    ...         "slope": [-0.5, 0.25],
    ...     }
    ... )
    >>> data = plots.slope_map.figure_data({"slopes": slopes})
    >>> data.slope
    array([[-0.5 ,  0.25]])
    >>> plots.render(plots.slope_map.draw(data), "png")[1:4]
    b'PNG'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condensery._lazy import load

if TYPE_CHECKING:
    from condensery.plots import (
        census_lattice,
        chart,
        direction_field,
        dropout_contours,
        dropout_regulariser,
        embedded_network,
        group_tree,
        monitored,
        orientation_growth,
        partners,
        phase_plane,
        rd_against_width,
        regimes,
        scatter_grid,
        slope_map,
        verdicts,
    )
    from condensery.plots._render import render, save
    from condensery.plots._style import panels, style

__all__ = [
    "census_lattice",
    "chart",
    "direction_field",
    "dropout_contours",
    "dropout_regulariser",
    "embedded_network",
    "group_tree",
    "monitored",
    "orientation_growth",
    "panels",
    "partners",
    "phase_plane",
    "rd_against_width",
    "regimes",
    "render",
    "save",
    "scatter_grid",
    "slope_map",
    "style",
    "verdicts",
]


def __getattr__(name: str) -> Any:
    return load(
        __name__,
        name,
        {
            ".": [
                "census_lattice",
                "chart",
                "direction_field",
                "dropout_contours",
                "dropout_regulariser",
                "embedded_network",
                "group_tree",
                "monitored",
                "orientation_growth",
                "partners",
                "phase_plane",
                "rd_against_width",
                "regimes",
                "scatter_grid",
                "slope_map",
                "verdicts",
            ],
            "condensery.plots._render": ["render", "save"],
            "condensery.plots._style": ["panels", "style"],
        },
    )


def __dir__() -> list[str]:
    return sorted(__all__)

"""Figures: one module per figure, each with ``figure_data(tables, **options)`` and ``draw(data, axes=None)``.

The numbers come first: `figure_data` picks what is shown out of stored tables, and `draw` puts it on a figure of its
own or on a user's Axes. Nothing here fits or measures. Importing this package loads no matplotlib; a module of it does.

Modules: `slope_map`, `rd_against_width`, `regimes`, `scatter_grid`, `demo_a`, `orientation_growth` (which also has
``animate``). `render` turns a figure into PNG or PDF bytes, `save` writes both.

Example:
    >>> from condensery import plots
    >>> from condensery.records import Table
    >>> slopes = Table(columns={"gamma": [0.5, 1.5], "gamma_prime": [0.0, 0.0], "slope": [-0.5, 0.25]})
    >>> data = plots.slope_map.figure_data({"slopes": slopes})
    >>> data.slope
    array([[-0.5 ,  0.25]])
    >>> plots.render(plots.slope_map.draw(data), "png")[1:4]
    b'PNG'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condensery.plots import demo_a, orientation_growth, rd_against_width, regimes, scatter_grid, slope_map
    from condensery.plots._render import render, save

__all__ = [
    "demo_a",
    "orientation_growth",
    "rd_against_width",
    "regimes",
    "render",
    "save",
    "scatter_grid",
    "slope_map",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in {"render", "save"}:
        return getattr(import_module("condensery.plots._render"), name)
    return import_module(f"condensery.plots.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""Draws the series and guides of a chart on Axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from condensery.charts import (
    Axis,
    Bars,
    Guide,
    Levels,
    Lines,
    Look,
    Panel,
    Points,
    Texts,
)
from condensery.plots._chart_series import Series
from condensery.plots._style import (
    AFTER,
    BEFORE,
    GREY,
    HATCHES,
    INK,
    MARKERS,
    PALETTE,
    PAPER,
    SAMPLES,
    TARGET,
    halo,
)
from condensery.plots._style import Role as RoleLook

ROLES: dict[str, RoleLook] = {
    "samples": SAMPLES,
    "before": BEFORE,
    "after": AFTER,
    "target": TARGET,
}
OPEN_MARKERS = ("+", "x", "_", "|", "1", "2", "3", "4")
"""Markers that are lines: without an edge they would not be seen."""
_MANY = 300
"""Markers above this number are drawn as a picture within a PDF."""


def draw_series(ax: Axes, panel: Panel, series: Series) -> None:
    """Draw one series in the way of its mark."""
    match series.mark:
        case Levels():
            _draw_levels(ax, series, series.mark)
        case Bars():
            _draw_bars(ax, series, series.mark)
        case Texts():
            _draw_texts(ax, series, series.mark)
        case Lines() | Points():
            _draw_curve(ax, panel, series, series.mark)


def colour_of(look: Look, rank: int, *, role: RoleLook | None = None) -> str:
    """The colour of a look: its own, that of its role, or that of its rank."""
    named = {"grey": GREY, "ink": INK}
    if look.colour.isdigit():
        return PALETTE[int(look.colour) % len(PALETTE)]
    if look.colour:
        return named.get(look.colour, look.colour)
    return role.colour if role else PALETTE[rank % len(PALETTE)]


def _colour(series: Series, role: RoleLook | None) -> Any:
    if series.mark.shades == "ordered" and not series.look.colour:
        share = series.rank / max(series.count - 1, 1)
        return colormaps["viridis"](0.9 * share)
    return colour_of(series.look, series.rank, role=role)


def _floored(values: np.ndarray, axis: Axis) -> np.ndarray:
    return values if axis.floor is None else np.maximum(values, axis.floor)


def _line_look(series: Series, mark: Lines | Points) -> dict[str, Any]:
    """Keywords of `Axes.plot`."""
    look = series.look
    role = ROLES.get(mark.role or "")
    colour = _colour(series, role)
    is_line = isinstance(mark, Lines)
    hollow = look.hollow if look.hollow is not None else bool(role and role.hollow)
    shape = (role.marker if role else "") or MARKERS[series.rank % len(MARKERS)]
    marker = look.marker if look.marker is not None else ("" if is_line else shape)
    dashes = role.dashes if role and is_line else "-"
    if look.dashes is not None:
        dashes = look.dashes
    size = look.size or (role.size if role and role.size else 3.0)
    return {
        "color": colour,
        "ls": (dashes or "none") if is_line else "none",
        "lw": look.width or 1.2,
        "marker": marker or "none",
        "ms": size,
        "mfc": "none" if hollow else colour,
        "mew": 0.7 if hollow or marker in OPEN_MARKERS else 0.0,
        "alpha": look.alpha,
        "label": look.label or None,
        "rasterized": not is_line and len(series.x) > _MANY,
        **({} if look.above is None else {"zorder": 2 + look.above}),
    }


def _draw_curve(ax: Axes, panel: Panel, series: Series, mark: Lines | Points) -> None:
    x, y = _floored(series.x, panel.x), _floored(series.y, panel.y)
    look = _line_look(series, mark)
    if isinstance(mark, Lines) and mark.steps:
        look["drawstyle"] = "steps-post"
    if series.low.size:
        low = _floored(series.low, panel.y)
        high = _floored(series.high, panel.y)
        if isinstance(mark, Lines) and mark.spread == "band":
            ax.fill_between(x, low, high, color=look["color"], alpha=0.2, lw=0)
        else:
            ax.vlines(x, low, high, color=look["color"], lw=0.6)
    ax.plot(x, y, **look)


def _draw_levels(ax: Axes, series: Series, mark: Levels) -> None:
    look = series.look
    draw = ax.axhline if mark.direction == "across" else ax.axvline
    for number, value in enumerate(series.x):
        draw(
            float(value),
            color=colour_of(look, series.rank) if look.colour else GREY,
            ls=look.dashes or "--",
            lw=look.width or 0.8,
            zorder=1,
            label=(look.label or None) if number == 0 else None,
        )


def _draw_bars(ax: Axes, series: Series, mark: Bars) -> None:
    groups = series.count if mark.by else 1
    thickness = 0.8 / groups
    middle = series.x + (series.rank - (groups - 1) / 2) * thickness
    look: dict[str, Any] = {
        "facecolor": _colour(series, None),
        "edgecolor": PAPER,
        "linewidth": 0.0,
        "hatch": HATCHES[series.rank % len(HATCHES)],
        "label": series.look.label or None,
        "alpha": series.look.alpha,
    }
    if mark.across:
        ax.barh(middle, series.y, height=thickness, **look)
    else:
        ax.bar(middle, series.y, width=thickness, **look)
    if series.low.size:
        draw = ax.hlines if mark.across else ax.vlines
        draw(middle, series.low, series.high, color=INK, lw=0.6)
    names = [mark.names.get(text, text) for text in series.texts]
    positions = np.arange(len(names))
    if mark.across:
        ax.set_yticks(positions, names)
        ax.set_ylim(len(names) - 0.4, -0.6)
    else:
        ax.set_xticks(positions, names)


def _draw_texts(ax: Axes, series: Series, mark: Texts) -> None:
    inside = ax.transData if mark.inside == "data" else ax.transAxes
    colour = colour_of(series.look, series.rank) if series.look.colour else INK
    for x, y, text in zip(series.x, series.y, series.texts, strict=True):
        ax.text(
            x,
            y,
            text,
            transform=inside,
            ha=mark.align,
            va="center",
            fontsize="small",
            color=colour,
            path_effects=halo(),
        )


def draw_guide(ax: Axes, guide: Guide) -> None:
    """Draw a line through the panel, a strip, or a line between corners."""
    look = guide.look
    label = guide.label or None
    line_look = {
        "color": colour_of(look, 0),
        "ls": look.dashes or "--",
        "lw": look.width or 0.8,
        "zorder": 1,
    }
    if guide.x and guide.y:
        ax.plot(guide.x, guide.y, label=label, **line_look)
        return
    values = guide.x or guide.y
    if len(values) == 2:
        strip = ax.axvspan if guide.x else ax.axhspan
        alpha = look.alpha or 0.25
        strip(*values, color=line_look["color"], alpha=alpha, lw=0, label=label)
        return
    line = ax.axvline if guide.x else ax.axhline
    for value in values:
        line(value, label=label, **line_look)
        label = None

"""Accuracy of networks that were cut down, against their size, for every way to do
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from condensery.plots._style import GREY, MARKERS, PAGE, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table

_STARTS = ("condensed", "ordinary")
_OURS, _CONTROL = ("direction", "direction-lstsq"), "from-scratch"
_PANELS = 8


@dataclass(frozen=True, eq=False)
class Curve:
    """One method in one panel.

    Attributes:
        method: Its name.
        ratio: Shares of the width, ascending.
        mean: Accuracy, mean over seeds.
        least: The least of all seeds.
        most: The largest.
    """

    method: str
    ratio: Float[np.ndarray, " size"]
    mean: Float[np.ndarray, " size"]
    least: Float[np.ndarray, " size"]
    most: Float[np.ndarray, " size"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One network before or after fine-tuning.

    Attributes:
        network: mlp or cnn.
        start: condensed or ordinary.
        when: before or after.
        whole: Accuracy of the network that was cut down.
        curves: One per method.
    """

    network: str
    start: str
    when: str
    whole: float
    curves: tuple[Curve, ...]


@dataclass(frozen=True, eq=False)
class AccuracyAgainstSize:
    """What the figure shows.

    Attributes:
        panels: Eight of them: before fine-tuning (mlp condensed, ordinary, cnn
            condensed, ordinary), then after.
        methods: All methods, ours first and the control last.
    """

    panels: tuple[Panel, ...]
    methods: tuple[str, ...]


def figure_data(tables: Mapping[str, Table]) -> AccuracyAgainstSize:
    """The numbers of the figure.

    Args:
        tables: ``means`` (network, start, method, ratio, whole, before, before_least,
            before_most, and the same for after).

    Raises:
        InvalidInputError: If the table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> row = {
        ...     "network": ["mlp"],
        ...     "start": ["condensed"],
        ...     "method": ["direction"],
        ...     "ratio": [0.5],
        ...     "whole": [0.9],
        ... }
        >>> row |= {
        ...     f"{when}{kind}": [0.8]
        ...     for when in ("before", "after")
        ...     for kind in ("", "_least", "_most")
        ... }
        >>> figure_data({"means": Table(columns=row)}).panels[0].curves[0].mean
        array([0.8])
    """
    names = [
        f"{when}{kind}"
        for when in ("before", "after")
        for kind in ("", "_least", "_most")
    ]
    means = need(
        tables, "means", "network", "start", "method", "ratio", "whole", *names
    )
    present = {str(method) for method in means["method"]}
    peers = sorted(present - {*_OURS, _CONTROL})
    methods = tuple(
        method for method in (*_OURS, *peers, _CONTROL) if method in present
    )
    found = [
        _panel(
            means.select(network=network, start=start), network, start, when, methods
        )
        for when in ("before", "after")
        for network in ("mlp", "cnn")
        for start in _STARTS
    ]
    return AccuracyAgainstSize(tuple(found), methods)


def _panel(
    rows: Table, network: str, start: str, when: str, methods: Sequence[str]
) -> Panel:
    curves = []
    for method in methods:
        own = rows.select(method=method)
        if len(own):
            order = np.argsort(own["ratio"])
            columns = [
                own[name][order]
                for name in ("ratio", when, f"{when}_least", f"{when}_most")
            ]
            curves.append(Curve(method, *columns))
    whole = float(rows["whole"][0]) if len(rows) else float("nan")
    return Panel(network, start, when, whole, tuple(curves))


def draw(
    data: AccuracyAgainstSize, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw accuracy against the share of the width that is kept.

    Ours are thick lines, peers thin ones, the control dashed; bars are the range over
    seeds.

    Args:
        data: From `figure_data`.
        axes: Eight Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not eight Axes.
    """
    layout = [[f"{row}{column}" for column in range(4)] for row in range(2)]
    with panels(axes, layout, size=(PAGE, 4.6)) as (figure, given):
        for place, (ax, panel) in enumerate(zip(given, data.panels, strict=True)):
            _draw_panel(ax, panel, data.methods)
            if place < 4:
                ax.set_title(f"{panel.network}, {panel.start}")
            else:
                ax.set_xlabel("share of the width")
            if place % 4 == 0:
                ax.set_ylabel(f"accuracy {panel.when} fine-tuning")
        handles, labels = _handles(given)
        if axes is None and handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=4)
        elif handles:
            given[0].legend(handles, labels, loc="lower right")
    return figure


def _draw_panel(ax: Axes, panel: Panel, methods: Sequence[str]) -> None:
    ax.set_xscale("log")
    if np.isfinite(panel.whole):
        ax.axhline(panel.whole, color=GREY, lw=0.9)
    ratios = sorted({float(ratio) for curve in panel.curves for ratio in curve.ratio})
    for curve in panel.curves:
        k = methods.index(curve.method)
        control, ours = curve.method == _CONTROL, curve.method in _OURS
        ax.errorbar(
            curve.ratio,
            curve.mean,
            yerr=[curve.mean - curve.least, curve.most - curve.mean],
            label=curve.method,
            color=GREY if control else PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            ms=3.5,
            lw=1.8 if ours else 0.9,
            ls="--" if control else "-",
            elinewidth=0.6,
            zorder=4 if ours else 3,
        )
    if ratios:
        ax.set_xticks(ratios, [f"1/{1 / ratio:.3g}" for ratio in ratios])
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(axis="x", which="minor", length=0)
    else:
        ax.plot([], [])
    ax.set_ylim(0, 1.03)


def _handles(given: Sequence[Axes]) -> tuple[list, list[str]]:
    for ax in given:
        handles, labels = ax.get_legend_handles_labels()
        if handles:
            return handles, labels
    return [], []

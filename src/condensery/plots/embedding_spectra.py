"""Spectra of the Hessian before and after splits, on an axis that is logarithmic on
both sides of zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from condensery.plots._style import GREY, MARKERS, PAGE, PALETTE, panels
from condensery.plots._tables import need
from condensery.records import Table

BAND = 1e-9
"""Share of the largest eigenvalue below which one counts as zero; the axis is linear
within it.
"""

SHOWN = ("none", "2 equal", "3 equal")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues at one point after one split, ascending and over the largest in
    absolute value.
    """

    label: str
    values: Float[np.ndarray, " parameter"]
    counts: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class EmbeddingSpectra:
    """One panel per critical point.

    Attributes:
        titles: What the points are.
        spectra: Per point the spectra before and after the splits.
    """

    titles: tuple[str, ...]
    spectra: tuple[tuple[Spectrum, ...], ...]


def figure_data(tables: Mapping[str, Table]) -> EmbeddingSpectra:
    """The numbers of the figure (Zhang et al. 2021, arXiv 2105.14573, Fig. 3).

    Args:
        tables: ``points`` (net, point, width, loss, as_published), ``splits`` (net,
            point, unit, fractions, measured_negative, measured_zero, measured_positive)
            and ``spectra`` (net, point, unit, fractions, eigenvalue).

    Returns:
        The best points of widths 1 and 2 of the three steps, and of Iris the point with
        the published counts, else the best one; unit 0.

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    points = need(tables, "points", "net", "point", "width", "loss", "as_published")
    spectra = need(tables, "spectra", "net", "point", "unit", "fractions", "eigenvalue")
    splits = need(
        tables,
        "splits",
        "net",
        "point",
        "unit",
        "fractions",
        "measured_negative",
        "measured_zero",
    )
    titles, found = [], []
    for net, widths in (("three steps", (1, 2)), ("iris", (2,))):
        for width in widths:
            here = points.select(net=net, width=width)
            if not len(here):
                continue
            # the point with the published counts, where there is one
            here = (
                here.select(as_published=True) if here["as_published"].any() else here
            )
            point = int(here["point"][int(np.argmin(here["loss"]))])
            titles.append(
                "Iris, width 2" if net == "iris" else f"three steps, width {width}"
            )
            found.append(
                tuple(_spectrum(spectra, splits, net, point, name) for name in SHOWN)
            )
    return EmbeddingSpectra(tuple(titles), tuple(found))


def _spectrum(
    spectra: Table, splits: Table, net: str, point: int, name: str
) -> Spectrum:
    values = np.sort(
        spectra.select(net=net, point=point, unit=0, fractions=name)["eigenvalue"]
    )
    row = splits.select(net=net, point=point, unit=0, fractions=name)
    counts = tuple(
        int(row[f"measured_{kind}"][0]) for kind in ("negative", "zero", "positive")
    )
    return Spectrum(name, values / np.abs(values).max(), counts)  # pyrefly: ignore[bad-argument-type]


def draw(
    data: EmbeddingSpectra, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw one panel per point: eigenvalues over the largest against their rank, with
    the counts in the legend.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are points; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many.
    """
    layout = [[f"p{number}" for number in range(len(data.titles))]]
    with panels(axes, layout, size=(PAGE, 2.7)) as (figure, made):
        for place, (ax, title, group) in enumerate(
            zip(made, data.titles, data.spectra, strict=True)
        ):
            ax.axhspan(-BAND, BAND, color=GREY, alpha=0.25, lw=0)
            for number, one in enumerate(group):
                label = (
                    f"{one.label.replace('none', 'narrow')}: "
                    f"({', '.join(str(count) for count in one.counts)})"
                )
                ax.plot(
                    np.arange(1, len(one.values) + 1),
                    one.values,
                    MARKERS[number],
                    color=PALETTE[number],
                    ms=3.2,
                    mfc="none" if number else None,
                    ls="-",
                    lw=0.5,
                    label=label,
                    zorder=4 - number,
                )
            ax.set_yscale("symlog", linthresh=BAND, linscale=0.6)
            ax.yaxis.set_major_locator(
                FixedLocator([-1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1])
            )
            ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            ax.yaxis.set_minor_locator(FixedLocator([]))
            ax.set(
                title=title,
                xlabel="rank",
                ylabel="eigenvalue / largest" if place == 0 else "",
                ylim=(-10, 300),
            )
            ax.legend(
                title="$(n_-, n_0, n_+)$",
                loc="lower right",
                fontsize="small",
                title_fontsize="small",
            )
    return figure

"""log RD against log width for chosen cells of the phase plane, with the fitted
slopes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from condensery._errors import InvalidInputError
from condensery.plots._style import GREY, MARKERS, PALETTE, panels
from condensery.plots._tables import Cell, choose_cells, levels, need, number, thousands
from condensery.records import Status, Table

QUANTITIES = {
    "rd": ("slope", "RD$(θ_w)$"),
    "rd_a": ("slope_a", "RD$(θ_a)$"),
    "rd_theta": ("slope_theta", "RD$(θ)$"),
}


@dataclass(frozen=True, eq=False)
class Series:
    """One cell: every member, and per width the mean over seeds.

    Attributes:
        gamma: γ.
        gamma_prime: γ′.
        member_width: Width of each member that has a positive finite RD.
        member_rd: Its RD.
        member_converged: Whether its training converged.
        width: Distinct widths of the converged members (of all, where none converged),
            ascending.
        mean: Geometric mean of RD over the seeds of a width.
        error: Standard error of log RD over the seeds; 0 for a single seed.
        slope: The stored slope; NaN where none was fitted.
        slope_se: Its standard error; NaN if unknown.
    """

    gamma: float
    gamma_prime: float
    member_width: Float[np.ndarray, " member"]
    member_rd: Float[np.ndarray, " member"]
    member_converged: Bool[np.ndarray, " member"]
    width: Float[np.ndarray, " width"]
    mean: Float[np.ndarray, " width"]
    error: Float[np.ndarray, " width"]
    slope: float
    slope_se: float


@dataclass(frozen=True, eq=False)
class RDAgainstWidth:
    """What the figure shows: one series per cell, the largest RD first, and the name of
    the ordinate.
    """

    series: tuple[Series, ...]
    symbol: str


def figure_data(
    tables: Mapping[str, Table],
    *,
    cells: Sequence[Sequence[float]] | None = None,
    quantity: str = "rd",
    at_most: int = 5,
    slopes: str = "slopes",
) -> RDAgainstWidth:
    """The numbers of the figure (Luo et al. 2021, arXiv 2007.07497, Fig. 3).

    Args:
        tables: ``members`` (gamma, gamma_prime, width, the column `quantity`, and
            status if known); if present ``slopes`` (gamma, gamma_prime, slope or
            slope_a or slope_theta, slope_se).
        cells: Pairs (gamma, gamma_prime); by default up to `at_most` along the row
            nearest to gamma_prime = 0.
        quantity: rd, rd_a or rd_theta.
        at_most: How many cells the default choice takes.
        slopes: Name of the table of slopes.

    Raises:
        InvalidInputError: If a table, a column, the quantity or a cell is unknown.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "gamma": [1.0, 1.0],
        ...     "gamma_prime": [0.0, 0.0],
        ...     "width": [10, 10],
        ...     "rd": [1.0, 4.0],
        ... }
        >>> members = Table(columns=columns)
        >>> series = figure_data({"members": members}).series[0]
        >>> series.width, series.mean.round(3), series.slope
        (array([10.]), array([2.]), nan)
    """
    if quantity not in QUANTITIES:
        raise InvalidInputError(
            "quantity",
            given=quantity,
            allowed=", ".join(QUANTITIES),
            remedy="use rd for the input weights",
        )
    column, symbol = QUANTITIES[quantity]
    members = need(tables, "members", "gamma", "gamma_prime", "width", quantity)
    fitted = tables.get(slopes)
    series = [
        _series(members, fitted, cell, quantity, column)
        for cell in choose_cells(members, cells, at_most=at_most)
    ]
    order = sorted(
        series, key=lambda curve: -curve.mean[-1] if curve.mean.size else np.inf
    )
    return RDAgainstWidth(series=tuple(order), symbol=symbol)


def _series(
    members: Table, slopes: Table | None, cell: Cell, quantity: str, column: str
) -> Series:
    here = members.select(gamma=cell[0], gamma_prime=cell[1])
    width, rd = here["width"].astype(np.float64), here[quantity].astype(np.float64)
    converged = Status.ends(
        here.columns.get("status", np.full(len(here), int(Status.CONVERGED)))
    )
    valid = np.isfinite(rd) & (rd > 0)
    width, rd, converged = width[valid], rd[valid], converged[valid]
    kept = converged if converged.any() else np.ones_like(converged)
    widths = levels(width[kept])
    logs = [np.log(rd[kept & np.isclose(width, level)]) for level in widths]
    slope = slope_se = np.nan
    if slopes is not None and column in slopes.columns:
        row = slopes.select(gamma=cell[0], gamma_prime=cell[1])
        if len(row):
            slope = float(row[column][0])
            slope_se = (
                float(row["slope_se"][0])
                if column == "slope" and "slope_se" in row.columns
                else np.nan
            )
    return Series(
        gamma=cell[0],
        gamma_prime=cell[1],
        member_width=width,
        member_rd=rd,
        member_converged=converged,
        width=widths,
        mean=np.array([np.exp(log.mean()) for log in logs]),
        error=np.array(
            [
                log.std(ddof=1) / np.sqrt(log.size) if log.size > 1 else 0.0
                for log in logs
            ]
        ),
        slope=slope,
        slope_se=slope_se,
    )


def draw(data: RDAgainstWidth, axes: Axes | None = None) -> Figure:
    """Draw RD against width on logarithmic axes.

    A large mark is the geometric mean over seeds with its standard error, a small one a
    member, a grey cross a member that neither converged nor came to rest. A line has
    the stored slope and runs through the middle of its marks; the legend names it, the
    largest RD on top. Without a slope (one width) only the marks are drawn.

    Args:
        data: From `figure_data`.
        axes: The Axes to draw on; None makes a figure.

    Raises:
        InvalidInputError: If `axes` is not one Axes.
    """
    with panels(axes, [["rd"]], size=(4.8, 3.0)) as (figure, (ax,)):
        ax.set(xscale="log", yscale="log", xlabel="width $m$", ylabel=data.symbol)
        ax.grid(visible=True, which="major")
        for k, curve in enumerate(data.series):
            _draw_series(ax, curve, k)
        widths = levels(np.concatenate([curve.member_width for curve in data.series]))
        if 0 < widths.size <= 6:
            ax.set_xticks(widths, [thousands(width) for width in widths])
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.tick_params(axis="x", which="minor", length=0)
            ax.set_xlim(widths[0] / 1.4, widths[-1] * 1.4)
        ax.yaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
        _legend(ax, data, outside=axes is None)
    return figure


def _draw_series(ax: Axes, curve: Series, k: int) -> None:
    good = curve.member_converged
    ax.plot(curve.member_width[~good], curve.member_rd[~good], "x", color=GREY, ms=3.5)
    if good.sum() > curve.width.size:
        ax.plot(
            curve.member_width[good],
            curve.member_rd[good],
            ".",
            color=colour(k),
            ms=2.5,
            alpha=0.6,
        )
    if np.isfinite(curve.slope) and curve.width.size > 1:
        x = np.log(curve.width)
        ends = np.array([x[0] - 0.15, x[-1] + 0.15])
        ax.plot(
            np.exp(ends),
            np.exp(np.log(curve.mean).mean() + curve.slope * (ends - x.mean())),
            color=colour(k),
            lw=1.1,
        )
    ax.errorbar(
        curve.width,
        curve.mean,
        yerr=[curve.mean * -np.expm1(-curve.error), curve.mean * np.expm1(curve.error)],
        fmt=marker(k),
        color=colour(k),
        ms=4.5,
        elinewidth=0.9,
        capsize=2.0,
    )


def _legend(ax: Axes, data: RDAgainstWidth, *, outside: bool) -> None:
    primes = {curve.gamma_prime for curve in data.series}
    handles = [
        Line2D(
            [],
            [],
            color=colour(k),
            marker=marker(k),
            ms=4.5,
            lw=1.1,
            label=legend_text(curve, prime=len(primes) > 1),
        )
        for k, curve in enumerate(data.series)
    ]
    fitted = any(np.isfinite(curve.slope) for curve in data.series)
    texts = [f"γ′ = {number(data.series[0].gamma_prime)}"] * (len(primes) == 1) + [
        "slope ± s.e."
    ] * fitted
    legend = ax.legend(
        handles=handles, loc="best", title=",  ".join(texts), alignment="left"
    )
    if outside:
        legend.set_loc("center left")
        legend.set_bbox_to_anchor((1.01, 0.5))


def colour(k: int) -> str:
    """Colour of the k-th series."""
    return PALETTE[k % len(PALETTE)]


def marker(k: int) -> str:
    """Shape of the k-th series, which names it where colours are not seen."""
    return MARKERS[k % len(MARKERS)]


def legend_text(curve: Series, *, prime: bool) -> str:
    """γ (and γ′), the slope and its standard error, as the legend prints them."""
    text = f"γ = {number(curve.gamma)}" + (
        f", γ′ = {number(curve.gamma_prime)}" if prime else ""
    )
    if np.isfinite(curve.slope):
        text += f":  {curve.slope + 0.0:.3f}".replace("-", "−")
        if np.isfinite(curve.slope_se):
            text += f" ± {curve.slope_se:.3f}"
    return text

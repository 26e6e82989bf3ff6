"""Spectra of the Hessian at critical points and at their lifts, on an axis logarithmic
on both sides of zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from condensery.plots._style import AFTER, BEFORE, GREY, PAGE, Role, panels
from condensery.plots._tables import need, number
from condensery.records import Table

BAND = 1e-9
"""Share of the largest eigenvalue below which one counts as zero; the axis is linear
within it.
"""


@dataclass(frozen=True, eq=False)
class DepthSpectra:
    """One panel per activation.

    Attributes:
        activations: Their names.
        before: Eigenvalues at the critical point, ascending, over the largest in
            absolute value.
        after: The same at the lift.
        counts: (n₋, n₀, n₊) at the point and at the lift.
    """

    activations: tuple[str, ...]
    before: tuple[Float[np.ndarray, " parameter"], ...]
    after: tuple[Float[np.ndarray, " parameter"], ...]
    counts: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]


def figure_data(tables: Mapping[str, Table], *, at_most: int = 4) -> DepthSpectra:
    """The numbers of the figure: the first critical point of every activation and its
    first lift.

    Args:
        tables: ``spectra`` (activation, when, eigenvalue) and ``lifts`` (activation,
            before_negative … after_positive).
        at_most: How many activations.

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    spectra = need(tables, "spectra", "activation", "when", "eigenvalue")
    kinds = ("negative", "zero", "positive")
    lifts = need(
        tables,
        "lifts",
        "activation",
        *(f"{when}_{kind}" for when in ("before", "after") for kind in kinds),
    )
    names = list(dict.fromkeys(spectra["activation"].tolist()))[:at_most]
    sides, counts = [], []
    for name in names:
        pair = [
            np.sort(spectra.select(activation=name, when=when)["eigenvalue"])
            for when in (0, 1)
        ]
        sides.append([values / np.abs(values).max() for values in pair])
        row = lifts.select(activation=name)
        counts.append(
            tuple(
                tuple(int(row[f"{when}_{kind}"][0]) for kind in kinds)
                for when in ("before", "after")
            )
        )
    before, after = zip(*sides, strict=True)
    return DepthSpectra(tuple(names), tuple(before), tuple(after), tuple(counts))  # pyrefly: ignore[bad-argument-type]


def draw(
    data: DepthSpectra, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw one panel per activation: eigenvalues over the largest against their rank,
    the zeros' band in grey.

    Args:
        data: From `figure_data`.
        axes: As many Axes as activations; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many.
    """
    layout = [[f"p{place}" for place in range(len(data.activations))]]
    with panels(axes, layout, size=(PAGE, 2.5)) as (figure, made):
        for place, ax in enumerate(made):
            ax.axhspan(-BAND, BAND, color=GREY, alpha=0.25, lw=0)
            for values, role, count, label in zip(
                (data.before[place], data.after[place]),
                (BEFORE, AFTER),
                data.counts[place],
                ("point", "lift"),
                strict=True,
            ):
                _curve(
                    ax,
                    values,
                    role,
                    f"{label} ({', '.join(number(one) for one in count)})",
                )
            ax.set_yscale("symlog", linthresh=BAND, linscale=0.6)
            ax.yaxis.set_major_locator(
                FixedLocator([-1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1])
            )
            ax.yaxis.set_minor_locator(FixedLocator([]))
            ax.set(
                title=data.activations[place].replace("_", " "),
                xlabel="rank",
                ylim=(-10, 1e5),
            )
            if place:
                ax.set_yticklabels([])
            else:
                ax.set_ylabel("eigenvalue / largest")
            ax.legend(
                title="$(n_-, n_0, n_+)$",
                loc="upper left",
                fontsize="small",
                title_fontsize="small",
                handlelength=1.2,
            )
    return figure


def _curve(ax: Axes, values: np.ndarray, role: Role, label: str) -> None:
    ax.plot(
        np.arange(1, len(values) + 1),
        values,
        role.marker,
        color=role.colour,
        ms=4.5 if role.hollow else 2.6,
        mfc="none" if role.hollow else None,
        ls="-",
        lw=0.5,
        label=label,
        zorder=3 if role.hollow else 4,
    )

"""The numbers of the heat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from condensery.records import Table

SPELLING = {
    "lecun": "LeCun",
    "he": "He",
    "xavier": "Xavier",
    "ntk": "NTK",
    "e-et-al": "E et al.",
}
"""How a label writes the name of a scheme."""
_FREE = "e-et-al"
"""E et al. (2020) leave β free, so that they have a line of the plane."""


@dataclass(
    frozen=True,
)
class Place:
    """One point of the phase plane and the initialisations that lie there."""

    label: str
    gamma: float
    gamma_prime: float


@dataclass(
    frozen=True,
    eq=False,
)
class SlopeMap:
    """What the heat map shows.

    Attributes:
        gamma: Centres of the columns.
        gamma_prime: Centres of the rows.
        slope: The slope of each cell; NaN where none was measured.
        gamma_edges: Edges of the columns, midway between the centres.
        gamma_prime_edges: Edges of the rows.
        limit: Colours saturate at ±limit.
        symbol: What the colour stands for.
        boundary_gamma_prime: Rows of the boundary estimates, ascending; empty where
            there are none.
        row_fit: Root of the straight-line fit over each row.
        row_fit_se: Its standard error (NaN: unknown).
        local_crossing: Where the slope changes sign between neighbouring cells (NaN:
            nowhere).
        theory: The boundary that theory gives for the row.
        places: Named initialisations; those at one point share a label.
        diagonal: What lies on the line γ′ = γ instead of at a point; empty: nothing.
        x_limits: Limits of the γ axis.
        y_limits: Limits of the γ′ axis.
    """

    gamma: Float[np.ndarray, " column"]
    gamma_prime: Float[np.ndarray, " row"]
    slope: Float[np.ndarray, "row column"]
    gamma_edges: Float[np.ndarray, " column_edge"]
    gamma_prime_edges: Float[np.ndarray, " row_edge"]
    limit: float
    symbol: str
    boundary_gamma_prime: Float[np.ndarray, " estimate"]
    row_fit: Float[np.ndarray, " estimate"]
    row_fit_se: Float[np.ndarray, " estimate"]
    local_crossing: Float[np.ndarray, " estimate"]
    theory: Float[np.ndarray, " estimate"]
    places: tuple[Place, ...]
    diagonal: str
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]


def cell_edges(centres: Float[np.ndarray, " centre"]) -> Float[np.ndarray, " edge"]:
    """Edges midway between ascending centres; the outer cells are symmetric; a lone
    cell is 0.1 wide.

    Example:
        >>> import numpy as np
        >>> cell_edges(np.array([0.0, 1.0, 3.0]))
        array([-0.5,  0.5,  2. ,  4. ])
    """
    if centres.size == 1:
        return centres[0] + np.array([-0.05, 0.05])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(
        [[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]]
    )


def gather_places(table: Table | None) -> tuple[Place, ...]:
    """Named initialisations, one place per point; those without finite coordinates (a
    line, say) are left out.

    Example:
        >>> from condensery.records import Table
        >>> columns = {
        ...     "name": ["lecun", "he", "ntk"],
        ...     "gamma": [0.5, 0.5, 0.5],
        ...     "gamma_prime": [0.5, 0.5, 0],
        ... }
        >>> table = Table(columns=columns)
        >>> [place.label for place in gather_places(table)]
        ['LeCun, He', 'NTK']
    """
    at: dict[tuple[float, float], list[str]] = {}
    if table is not None:
        for name, gamma, prime in zip(
            table["name"], table["gamma"], table["gamma_prime"], strict=True
        ):
            if np.isfinite([gamma, prime]).all():
                where = (round(float(gamma), 9), round(float(prime), 9))
                at.setdefault(where, []).append(
                    SPELLING.get(
                        str(name),
                        str(name),
                    )
                )
    return tuple(
        Place(
            ", ".join(names),
            *point,
        )
        for point, names in at.items()
    )


def named_diagonal(table: Table | None) -> str:
    """The scheme whose coordinates are a free exponent, γ′ = γ, if the table has it.

    Example:
        >>> from condensery.records import Table
        >>> nowhere = [float("nan")]
        >>> columns = {"name": ["e-et-al"], "gamma": nowhere, "gamma_prime": nowhere}
        >>> named_diagonal(Table(columns=columns))
        'E et al.: γ′ = γ'
    """
    names = [] if table is None else table["name"].tolist()
    return f"{SPELLING[_FREE]}: γ′ = γ" if _FREE in names else ""


def outer_limits(
    edges: Float[np.ndarray, " edge"], points: Sequence[float]
) -> tuple[float, float]:
    """Limits that hold the cells, and any point that lies at most a quarter of their
    extent outside of them.

    Example:
        >>> import numpy as np
        >>> outer_limits(np.array([0.0, 1.0]), [0.5, 1.17, 7.0])
        (0.0, 1.25)
    """
    low, high = float(edges[0]), float(edges[-1])
    extent = high - low
    below = [point for point in points if low - extent / 4 <= point < low]
    above = [point for point in points if high < point <= high + extent / 4]
    return (
        min(below) - 0.08 * extent if below else low,
        max(above) + 0.08 * extent if above else high,
    )

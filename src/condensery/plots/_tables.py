"""Picking rows and columns out of stored tables, and numbers as figures write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from condensery._errors import InvalidInputError
from condensery.records import Table

Cell = tuple[float, float]
"""A point (gamma, gamma_prime) of the phase plane."""


def need(tables: Mapping[str, Table], name: str, *columns: str) -> Table:
    """The table `name`, which has all of `columns` and at least one row.

    Raises:
        InvalidInputError: If the table, a column or every row is missing.
    """
    if name not in tables:
        raise InvalidInputError(
            "tables",
            given=", ".join(sorted(tables)) or "none",
            allowed=f"tables with {name!r} among them",
            remedy="draw this figure from a run whose experiment writes that table",
        )
    table = tables[name]
    missing = [column for column in columns if column not in table.columns]
    if missing or not len(table):
        raise InvalidInputError(
            f"table {name!r}",
            given=f"{len(table)} rows of "
            f"{', '.join(sorted(table.columns)) or 'no columns'}",
            allowed=f"at least one row of {', '.join(columns)}",
            remedy="run the experiment to its end, then draw",
        )
    return table


def levels(values: np.ndarray) -> Float[np.ndarray, " level"]:
    """The distinct values in ascending order; those within 1e-9 are one."""
    return np.unique(np.round(np.asarray(values, dtype=np.float64), 9))


def where(table: Table, **equals: float) -> Bool[np.ndarray, " row"]:
    """Where every named column equals the given value to 1e-9: `Table.select` without
    copying the columns.
    """
    keep = np.ones(len(table), dtype=bool)
    for name, value in equals.items():
        keep &= np.isclose(table[name], value, rtol=1e-9, atol=1e-9)
    return keep


def available_cells(table: Table) -> list[Cell]:
    """The distinct (gamma, gamma_prime) of a table, by gamma_prime and then gamma."""
    gammas, column = np.unique(
        np.round(table["gamma"].astype(np.float64), 9), return_inverse=True
    )
    primes, row = np.unique(
        np.round(table["gamma_prime"].astype(np.float64), 9), return_inverse=True
    )
    present = np.unique(row * gammas.size + column)
    return [
        (float(gammas[code % gammas.size]), float(primes[code // gammas.size]))
        for code in present
    ]


def choose_cells(
    table: Table, cells: Sequence[Sequence[float]] | None, *, at_most: int
) -> list[Cell]:
    """The wanted cells, or an even choice along the row of the table that is nearest to
    gamma_prime = 0.

    Raises:
        InvalidInputError: If a wanted cell is not in the table.
    """
    present = available_cells(table)
    if cells is None:
        nearest = min((prime for _, prime in present), key=abs)
        row = [cell for cell in present if cell[1] == nearest]
        picked = np.unique(
            np.linspace(0, len(row) - 1, min(at_most, len(row))).round().astype(int)
        )
        return [row[k] for k in picked]
    chosen = [(float(gamma), float(prime)) for gamma, prime in cells]
    for cell in chosen:
        if not any(
            np.allclose(cell, candidate, rtol=1e-9, atol=1e-9) for candidate in present
        ):
            raise InvalidInputError(
                "cells",
                given=f"{cell}",
                allowed=f"cells of the run: {', '.join(map(str, present[:8]))}, …",
                remedy="name (gamma, gamma_prime) pairs that were computed",
            )
    return chosen


def pick(
    values: np.ndarray, choice: float | None, *, name: str, largest: bool = False
) -> float:
    """The wanted value of a column, or its smallest (`largest`: its largest).

    Raises:
        InvalidInputError: If the wanted value does not occur.
    """
    present = levels(values)
    if choice is None:
        return float(present[-1 if largest else 0])
    if not np.any(np.isclose(present, choice, rtol=1e-9)):
        raise InvalidInputError(
            name,
            given=choice,
            allowed=f"one of {', '.join(f'{value:g}' for value in present)}",
            remedy=f"choose a {name} that was computed",
        )
    return float(choice)


def cell_title(cell: Cell) -> str:
    """``γ = 0.5, γ′ = 0`` with a true minus sign."""
    return f"γ = {number(cell[0])}, γ′ = {number(cell[1])}"


def number(value: float) -> str:
    """A short decimal with a true minus sign; never ``-0``."""
    return f"{value + 0.0:g}".replace("-", "−")


def thousands(value: float) -> str:
    """A whole number in groups of three digits, apart by a thin space."""
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """Two decimals without the leading zero, one from 1 upwards.

    Example:
        >>> short(-0.4), short(0.054), short(-1.25), short(-0.001)
        ('−.40', '.05', '−1.2', '.00')
    """
    decimals = 2 if abs(value) < 0.995 else 1
    # adding 0 turns a negative zero into a positive one
    rounded = round(value, decimals) + 0.0
    shown = f"{rounded:.{decimals}f}"
    if decimals == 2:
        shown = shown.replace("0.", ".", 1)
    return shown.replace("-", "−")

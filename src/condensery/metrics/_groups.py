"""Condensed groups: their shares, directions and spreads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from condensery.metrics._orientation import angle_between
from condensery.metrics._rows import Rows, normalise

BLOCK = 4096
"""Units that are summed up at once."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Condensed groups, by falling amplitude (see `Condensation`)."""

    labels: np.ndarray
    sizes: np.ndarray
    shares: np.ndarray
    directions: np.ndarray
    spreads: np.ndarray


def describe_groups(
    rows: Rows,
    order: Int[np.ndarray, " active"],
    labels: Int[np.ndarray, " active"],
    weights: np.ndarray,
    *,
    antipodal: bool,
) -> Groups:
    """Renumber the groups by falling amplitude and summarise them, a block of units at
    a time.
    """
    labels, shares = _by_falling_amplitude(labels, weights)
    count = len(shares)
    # `order` falls in amplitude, so that a group's first unit is its heaviest.
    _, first = np.unique(labels, return_index=True)
    heaviest = rows.directions(order[first])
    sums = np.zeros((count, rows.features))
    squares = np.zeros(count)

    def blocks() -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, len(order), BLOCK):
            units = slice(start, start + BLOCK)
            directions = rows.directions(order[units])
            if antipodal:
                reference = heaviest[labels[units]]
                directions = _turned(directions, reference)
            yield units, directions

    for units, directions in blocks():
        weighted = directions * weights[units, None]
        _add_rows(sums, labels[units], weighted)
    # Never zero: a group's directions all lie within a right angle of its heaviest one,
    # as the threshold is positive.
    means, _ = normalise(sums)
    for units, directions in blocks():
        numbers = labels[units]
        angles = angle_between(directions, means[numbers])
        squares += np.bincount(numbers, weights=angles**2, minlength=count)
    sizes = np.bincount(labels, minlength=count)
    variances = squares / np.maximum(sizes, 1)
    return Groups(
        labels=labels,
        sizes=sizes,
        shares=shares,
        directions=means,
        spreads=np.sqrt(variances),
    )


def _by_falling_amplitude(
    labels: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Labels renumbered, and the share of the amplitude of each group."""
    count = int(labels.max()) + 1 if len(labels) else 0
    # Without labels bincount forgets that its weights are floats.
    totals = np.bincount(labels, weights=weights, minlength=count)
    totals = totals.astype(np.float64)
    ranking = np.argsort(-totals, kind="stable")
    rank = np.empty(count, dtype=np.intp)
    rank[ranking] = np.arange(count)
    # Summed in the order of the units: ranked first, the last digits would differ from
    # the tables that earlier runs have stored.
    shares = totals[ranking]
    if count:
        shares = shares / totals.sum()
    return rank[labels], shares


def _turned(directions: np.ndarray, heaviest: np.ndarray) -> np.ndarray:
    """The directions on the side of the heaviest unit of their group."""
    products = directions * heaviest
    opposite = np.sum(products, axis=1, keepdims=True) < 0
    return np.where(opposite, -directions, directions)


def _add_rows(sums: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> None:
    """Add each row to the sum of its label."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    totals = np.add.reduceat(rows[order], starts, axis=0)
    sums[present] += totals

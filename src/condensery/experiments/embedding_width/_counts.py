"""Inertia after splits against inertia before: what the claims of embedding-width
compare.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from condensery.experiments.embedding_width._config import COUNTS
from condensery.records import Table

COPIES = {
    "2 equal": 1,
    "3 equal": 2,
    "1.5, −0.5": 1,
}
"""Split to the number of units that it adds."""


class Change(TypedDict):
    """Change of the counts by a split, against the unsplit point."""

    negative: float
    zero: float
    positive: float
    copies: int
    width: float
    equal: bool
    rank: float
    decided: bool


def changes(splits: Table) -> list[Change]:
    """Change of every count, one row per point, unit and pair of equal copies or
    more.
    """
    base: dict[tuple[str, int], int] = {}
    keys = list(zip(splits["net"].tolist(), splits["point"].tolist(), strict=True))
    for row, kind in enumerate(splits["fractions"]):
        if kind == "none":
            base[keys[row]] = row
    listed: list[Change] = []
    for row, kind in enumerate(splits["fractions"]):
        if kind not in COPIES:
            continue
        before = base[keys[row]]
        negative, zero, positive = (
            float(counts[row] - counts[before])
            for counts in (splits[f"measured_{name}"] for name in COUNTS)
        )
        change = Change(
            negative=negative,
            zero=zero,
            positive=positive,
            copies=COPIES[kind],
            width=float(splits["width"][row]),
            equal=bool(kind != "1.5, −0.5"),
            rank=float(splits["rank"][row]),
            decided=bool(splits["decided"][before] and splits["decided"][row]),
        )
        listed.append(change)
    return listed


def as_published(splits: Table) -> list[tuple[int, int]]:
    """(point, unit) whose negative eigenvalues are 3, 5 and 7 and whose zeros grow by
    one, with decided counts.
    """
    published = []
    for point in np.unique(splits["point"]).tolist():
        for unit in np.unique(splits.select(point=point)["unit"]).tolist():
            of_unit = splits.select(point=point, unit=unit)
            counts, decided = [], []
            for name in ("none", "2 equal", "3 equal"):
                row = of_unit.select(fractions=name)
                negative, zero = row["measured_negative"], row["measured_zero"]
                counts.append((int(negative[0]), int(zero[0])))
                decided.append(bool(row["decided"][0]))
            zeros = counts[0][1]
            expected = [(3, zeros), (5, zeros + 1), (7, zeros + 2)]
            if all(decided) and counts == expected:
                published.append((point, unit))
    return published

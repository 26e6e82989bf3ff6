"""By which rule a unit goes."""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    """Rules of `reduce`; the value is the word of the receipt."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    LEAST_SQUARES = "least-squares"
    CONSTANT = "constant"
    SILENT = "without outgoing weights"
    DEAD = "dead on the data"
    LINEAR = "linear on the data"
    NEGLIGIBLE = "negligible amplitude"
    ALONE = "no unit near"
    PRUNED = "pruned"

    @property
    def depends_on_data(self) -> bool:
        """Whether the unit went only because of what it does on the data."""
        return self in {Rule.DEAD, Rule.LINEAR}

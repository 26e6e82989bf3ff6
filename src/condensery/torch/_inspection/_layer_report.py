"""One row of an inspection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerReport:
    """One row of an inspection.

    Attributes:
        layer: The module's name, and after a colon what of it where that is not all.
        kind: What the units are.
        units: Number of units.
        features: Entries of a unit's row (w, b).
        active: Units whose ‖(w, b)‖ is above the cut.
        groups: Condensed groups of the active units; a unit alone is one.
        largest_group: Units of the largest group.
        effective_neurons: Directions that cover the active units.
        effective_ratio: effective_neurons / units.
        chance_ratio: The same for random orientations in a layer of this shape with as
            many active units.
        excess: chance_ratio − effective_ratio: condensation that is not chance. In [-1,
            1]; 0 is none.
        largest_cosine: Between two active units; nan where there are fewer than two.
        chance_cosine: Median of the largest cosine for random orientations.
        smallest_cosine: The most opposite two active units.
        dead: Units without incoming weights.
        duplicates: Units whose direction an earlier unit has, to 1e-6 rad.
        activation: Name of the activation that follows, ``linear`` for none; empty
            where it has none or is not known.
        mergeable: ``exactly``, ``approximately`` or ``not``.
        exact_merges: Units that could go without any change of the output in evaluation
            mode, to rounding.
        approximate_merges: Units that could go with a change that has to be measured.
        why: Why.
        note: What a reader must know to read the row.
    """

    layer: str
    kind: str
    units: int
    features: int
    active: int
    groups: int
    largest_group: int
    effective_neurons: int
    effective_ratio: float
    chance_ratio: float
    excess: float
    largest_cosine: float
    chance_cosine: float
    smallest_cosine: float
    dead: int
    duplicates: int
    activation: str
    mergeable: str
    exact_merges: int
    approximate_merges: int
    why: str
    note: str = ""

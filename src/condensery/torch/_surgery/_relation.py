"""How two units are related at one value, and what is known while pairs are followed
from value to value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from condensery.torch._surgery._units import Coupling, Mark, Step

Weights = Mapping[str, np.ndarray]
"""Parameters and buffers by name, in float64."""

CONSTANT = -1
"""Partner of a unit without input weights: its constant goes on."""


@dataclass(eq=False)
class Relation:
    """f_u = c·f_v + d at every position of a value's axis of units, where v is the
    partner of the unit u there.

    Attributes:
        c: Factors.
        d: Constants.
        rows: Input weights and bias of the affine map from the layer's input to here,
            with everything that is linear folded in; None behind a non-linearity.
        base: The factors where these rows began.
    """

    c: np.ndarray
    d: np.ndarray
    rows: np.ndarray | None
    base: np.ndarray | float = 1.0

    def base_at(self, positions: np.ndarray) -> np.ndarray | float:
        """`base` at some positions."""
        return self.base if isinstance(self.base, float) else self.base[positions]


@dataclass(eq=False)
class Transfer:
    """How units are related where they are read.

    Attributes:
        reads: For every reading layer: its step, the factors and the constants at its
            input positions.
        broken: Units of which some pair is not related in this way, with the reason.
        keys: Unit to its rows: all units of a family have them from the same values in
            the same order.
        activations: Names of the activations that the rows go into; "" for one without
            facts.
        sources: Unit to the values that its rows were noted at.
    """

    reads: list[tuple[Step, np.ndarray, np.ndarray]] = field(
        default_factory=list,
    )
    broken: dict[int, str] = field(default_factory=dict)
    keys: dict[int, list[np.ndarray]] = field(default_factory=dict)
    activations: dict[int, set[str]] = field(default_factory=dict)
    sources: dict[int, list[str]] = field(default_factory=dict)


def partners(mark: Mark, pair: Mapping[int, int]) -> np.ndarray:
    """The position of the partner for every position: the same occurrence of the unit
    that stands for the one there.
    """
    units = mark.units.tolist()
    result = np.arange(len(units))
    if pair.keys().isdisjoint(units):
        return result
    positions: dict[int, list[int]] = {}
    for position, unit in enumerate(units):
        positions.setdefault(unit, []).append(position)
    for unit, mine in positions.items():
        theirs = positions.get(pair.get(unit, unit), [])
        if len(theirs) == len(mine):
            result[mine] = theirs
    return result


class Pairs:
    """Pairs of units on their way through a model's values.

    Args:
        coupling: The steps.
        weights: Their weights.
        pair: Unit to the unit that takes its place, or `CONSTANT`.
        tolerance: What counts as equal, relative to the rows' size; None to take every
            pair for parallel.
        sizes: Without a tolerance: sizes of rows that have been given new values, as
            they were before.

    Attributes:
        transfer: What was seen so far.
        exact: Whether pairs must be related up to rounding.
    """

    def __init__(
        self,
        coupling: Coupling,
        weights: Weights,
        pair: Mapping[int, int],
        *,
        tolerance: float | None,
        sizes: Mapping[int, float] | None = None,
    ) -> None:
        self.weights = weights
        self.tolerance = tolerance or 0.0
        self.exact = tolerance is not None
        self.sizes = sizes or {}
        self.transfer = Transfer()
        self._marks = coupling.marks
        self._pair = pair
        self._constant = [unit for unit, partner in pair.items() if partner == CONSTANT]
        self._partners: dict[str, np.ndarray] = {}
        self._keyed: set[str] = set()

    def mark(self, name: str) -> Mark:
        """The units of a value."""
        return self._marks[name]

    def weight(self, name: str | None, count: int) -> np.ndarray:
        """A bias by name; zeros without one."""
        return np.zeros(count) if name is None else self.weights[name]

    def partner(self, name: str) -> np.ndarray:
        """Position of the partner for every position of a value."""
        if name not in self._partners:
            self._partners[name] = partners(self._marks[name], self._pair)
        return self._partners[name]

    def moved(self, name: str) -> np.ndarray:
        """Positions of a value whose units go."""
        partner = self.partner(name)
        moved = partner != np.arange(len(partner))
        return np.flatnonzero(moved | self.constant(name))

    def constant(self, name: str) -> np.ndarray:
        """Which positions of a value hold a unit that is a constant."""
        return np.isin(self._marks[name].units, self._constant)

    def slack(
        self,
        relation: Relation,
        moved: np.ndarray,
        c: np.ndarray,
    ) -> np.ndarray:
        """How large a constant still counts as none."""
        if not self.exact:
            return np.full(len(moved), np.inf)
        if relation.rows is None:
            return self.tolerance * np.abs(c[moved])
        return self.tolerance * np.linalg.norm(
            relation.rows[moved],
            axis=1,
        )

    def split(
        self,
        name: str,
        positions: np.ndarray,
        reason: str,
    ) -> None:
        """The units at these positions of a value are not related to their partners."""
        for unit in self._marks[name].units[positions].tolist():
            if unit in self._pair:
                self.transfer.broken.setdefault(unit, reason)

    def key(
        self,
        name: str,
        relation: Relation,
        activation: str,
    ) -> None:
        """Note the rows that go into a non-linearity or a reader, once."""
        units = self._marks[name].units.tolist()
        transfer = self.transfer
        for unit in set(units):
            transfer.activations.setdefault(unit, set()).add(activation)
        if relation.rows is None:
            return
        # a norm of zeros behind the layer makes a constant of any row
        moves = relation.rows[:, :-1].any(axis=1)
        moving = np.flatnonzero(self.constant(name) & moves)
        self.split(name, moving, "not a constant")
        if name in self._keyed:
            return
        self._keyed.add(name)
        for unit, row in zip(
            units,
            relation.rows,
            strict=True,
        ):
            transfer.keys.setdefault(unit, []).append(row)
            transfer.sources.setdefault(unit, []).append(name)

"""Units and the positions that hold them: numbers along the axes of values and of
weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from condensery.torch._surgery._kept import Kept

Axis = tuple[str, int]
"""A parameter's name and one of its axes."""


@dataclass(frozen=True, eq=False)
class Mark:
    """The axis of a value that holds units, and the unit's number at every position
    along it.
    """

    axis: int
    units: np.ndarray


@dataclass(frozen=True, eq=False)
class Step:
    """One thing that happens to units on their way from the layer that makes them to
    those that read them.

    Attributes:
        kind: make, read, scale, depthwise, point, prelu, unchanged, scaled, pool,
            gather, cat, add, multiply, add-common, multiply-common, add-weight,
            multiply-weight.
        node: The operation, a `torch.fx.Node`.
        source: Names of the values it takes; "" stands for a value without units.
        facts: What the kind needs: names of weights, gathers, strides.
    """

    kind: str
    node: Any
    source: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


class Units:
    """Numbers of units, of which some are found to be one and the same, and some to be
    kept.
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._kept: dict[int, Kept] = {}

    def make(self, count: int) -> np.ndarray:
        """So many new numbers."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count)

    def root(self, unit: int) -> int:
        """The number that stands for a unit."""
        while self._parent[unit] != unit:
            self._parent[unit] = self._parent[self._parent[unit]]
            unit = self._parent[unit]
        return unit

    def roots(self, units: np.ndarray) -> np.ndarray:
        """The numbers that stand for these."""
        roots = (self.root(int(unit)) for unit in units)
        return np.fromiter(
            roots,
            dtype=np.int64,
            count=len(units),
        )

    def tie(self, first: np.ndarray, second: np.ndarray) -> None:
        """Entry by entry, the two are one unit."""
        for mine, theirs in zip(first, second, strict=True):
            roots = (self.root(int(mine)), self.root(int(theirs)))
            self._parent[max(roots)] = min(roots)

    def keep(self, units: Iterable[int], reason: Kept) -> None:
        """These must stay as they are."""
        for unit in units:
            self._kept.setdefault(int(unit), reason)

    def kept(self) -> dict[int, Kept]:
        """Root to reason: the first that was given for any of its units."""
        reasons = reversed(self._kept.items())
        return {self.root(unit): reason for unit, reason in reasons}


@dataclass(
    frozen=True,
    eq=False,
)
class Family:
    """Units that stand in the same places and can take each other's: the neurons or
    channels of one layer.

    Attributes:
        name: Name of the module that makes them.
        units: Their numbers, in order.
        axes: Axes of parameters that hold them.
        kept: Why they must stay as they are; None if they need not.
    """

    name: str
    units: np.ndarray
    axes: tuple[Axis, ...]
    kept: Kept | None


@dataclass(
    frozen=True,
    eq=False,
)
class Coupling:
    """What `couple` found.

    Attributes:
        families: In the order in which the model makes them.
        axes: Unit number at every place of every axis of a parameter that holds units.
        marks: The same for every value.
        steps: What happens to units, in order.
    """

    families: tuple[Family, ...]
    axes: dict[Axis, np.ndarray]
    marks: dict[str, Mark]
    steps: tuple[Step, ...]

    @property
    def read_axes(self) -> set[Axis]:
        """Axes along which a layer reads units; along the others it makes them."""
        return {
            (step.facts["weight"], step.facts["axis"])
            for step in self.steps
            if step.kind == "read"
        }

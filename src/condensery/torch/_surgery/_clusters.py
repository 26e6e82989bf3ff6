"""Which units of a family may be merged: exactly parallel ones, or ones within an angle
of each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from condensery.theory import merge_rule
from condensery.torch._surgery._relation import Weights
from condensery.torch._surgery._transfer import follow
from condensery.torch._surgery._units import Axis, Coupling, Family

_BLOCK = 1024
_NEARLY_PARALLEL = 1e-10
"""1 − cos below which rows are compared entry by entry: far above what rounding makes
of parallel ones.
"""


@dataclass(
    frozen=True,
    eq=False,
)
class Directions:
    """What decides about a family.

    Attributes:
        units: Numbers of the units.
        keys: One array (unit, entry) per value at which their rows enter a
            non-linearity.
        amplitude: Size of a unit's outgoing weights times that of its first row.
        columns: Outgoing weights (unit, entry), of all reading layers side by side.
        homogeneous: Whether every activation that they meet takes a positive factor
            out.
        antipodal: Whether every one takes a sign out.
        source: The value at which the rows of the first key were noted; "" if the
            units' rows come from several.
    """

    units: np.ndarray
    keys: tuple[np.ndarray, ...]
    amplitude: np.ndarray
    columns: np.ndarray
    homogeneous: bool
    antipodal: bool
    source: str

    @cached_property
    def index(self) -> dict[int, int]:
        """Unit to its row in the arrays."""
        return {int(unit): row for row, unit in enumerate(self.units)}

    def rows(self, units: Sequence[int]) -> np.ndarray:
        """First rows of some units."""
        return self.keys[0][[self.index[unit] for unit in units]]

    def outgoing(self, units: Sequence[int]) -> np.ndarray:
        """Outgoing weights of some units."""
        return self.columns[[self.index[unit] for unit in units]]

    def sizes(self) -> dict[int, float]:
        """Unit to the size of its first row."""
        size = np.linalg.norm(
            self.keys[0],
            axis=1,
        )
        pairs = zip(
            self.units.tolist(),
            size.tolist(),
            strict=True,
        )
        return dict(pairs)

    def without(self, units: Collection[int]) -> Directions:
        """What decides about all other units."""
        stays = ~np.isin(self.units, list(units))
        return replace(
            self,
            units=self.units[stays],
            keys=tuple(rows[stays] for rows in self.keys),
            amplitude=self.amplitude[stays],
            columns=self.columns[stays],
        )


def part_of(coupling: Coupling, family: Family) -> Coupling:
    """The coupling with those steps alone that touch a family."""
    members = set(family.units.tolist())
    touched = {
        name
        for name, mark in coupling.marks.items()
        if not members.isdisjoint(mark.units.tolist())
    }
    steps = []
    for step in coupling.steps:
        name = step.source[0] if step.kind == "read" else step.node.name
        if name in touched:
            steps.append(step)
    axes = {axis: coupling.axes[axis] for axis in family.axes}
    return Coupling(
        (family,),
        axes,
        coupling.marks,
        tuple(steps),
    )


def directions(coupling: Coupling, weights: Weights) -> Directions:
    """Rows, columns and amplitudes of the units of a family."""
    transfer = follow(
        coupling,
        weights,
        {},
        tolerance=None,
    )
    members = coupling.families[0].units.tolist()
    units = [unit for unit in members if unit in transfer.keys]
    count = min((len(transfer.keys[unit]) for unit in units), default=0)
    keys = []
    for number in range(count):
        rows = [transfer.keys[unit][number] for unit in units]
        keys.append(np.stack(rows))
    size = np.linalg.norm(keys[0], axis=1) if keys else np.zeros(len(units))
    outgoing = columns(coupling, weights, units)
    names = {name for unit in units for name in transfer.activations[unit]}
    sources = {tuple(transfer.sources[unit]) for unit in units}
    single = next(iter(sources)) if len(sources) == 1 else ()
    return Directions(
        units=np.asarray(units),
        keys=tuple(keys),
        amplitude=np.linalg.norm(outgoing, axis=1) * size,
        columns=outgoing,
        homogeneous=all(_takes(name, 2.0) for name in names),
        antipodal=all(_takes(name, -1.0) for name in names),
        source=single[0] if len(single) == 1 else "",
    )


def _takes(name: str, ratio: float) -> bool:
    rule = merge_rule(name, ratio) if name else None
    return rule is not None and rule.exact


def columns(coupling: Coupling, weights: Weights, units: Sequence[int]) -> np.ndarray:
    """Outgoing weights of units: for every reading layer all entries of all its
    columns that they hold.
    """
    pieces = [np.zeros((len(units), 0))]
    seen: set[Axis] = set()
    for step in coupling.steps:
        if step.kind != "read":
            continue
        axis = (step.facts["weight"], step.facts["axis"])
        if axis not in coupling.axes or axis in seen:
            continue
        seen.add(axis)
        entries = np.moveaxis(
            weights[axis[0]],
            axis[1],
            0,
        )
        matrix = entries.reshape(len(entries), -1)
        picked = _rows_of(
            units,
            coupling.axes[axis],
            matrix,
        )
        if picked is not None:
            pieces.append(picked)
    return np.concatenate(pieces, axis=1)


def _rows_of(
    units: Sequence[int], numbers: np.ndarray, matrix: np.ndarray
) -> np.ndarray | None:
    """Per unit the rows of a matrix that have its number; None if they are not equally
    many.
    """
    order = np.argsort(numbers, kind="stable")
    first = np.searchsorted(numbers[order], units)
    end = np.searchsorted(
        numbers[order],
        units,
        side="right",
    )
    count = end - first
    if not count.size or count.min() != count.max() or count.min() == 0:
        return None
    rows = order[first[:, None] + np.arange(count[0])]
    return matrix[rows].reshape(len(units), -1)


def parallel_classes(layer: Directions) -> list[list[int]]:
    """Units whose first rows are parallel up to rounding, the one of largest amplitude
    first.
    """
    if not layer.keys:
        return []
    rows = layer.keys[0]
    size = np.linalg.norm(rows, axis=1)
    live = np.flatnonzero(size > 0)
    unit = rows[live] / size[live, None]
    if not len(live):
        return []
    starts = range(0, len(live), _BLOCK)
    near = [
        _near_pairs(
            layer,
            unit,
            size[live],
            first,
        )
        for first in starts
    ]
    i = np.concatenate([block[0] for block in near])
    j = np.concatenate([block[1] for block in near])
    if not len(i):
        return []
    entries = (np.ones(len(i)), (i, j))
    graph = coo_array(entries, shape=(len(live), len(live)))
    _, label = connected_components(graph, directed=False)
    return _ordered(label, live, layer)


def _near_pairs(
    layer: Directions, unit: np.ndarray, size: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of different rows that are nearly parallel, the first of a block."""
    block = slice(first, first + _BLOCK)
    cosine = unit[block] @ unit.T
    if layer.antipodal:
        cosine = np.abs(cosine)
    near = cosine > 1 - _NEARLY_PARALLEL
    if not layer.homogeneous:
        mine = size[block, None]
        near &= np.abs(mine - size[None]) <= 1e-4 * mine
    i, j = np.nonzero(near)
    different = i + first != j
    return i[different] + first, j[different]


def _ordered(label: np.ndarray, rows: np.ndarray, layer: Directions) -> list[list[int]]:
    """Clusters of two or more units, in each and among each other the largest first."""
    clusters: dict[int, list[int]] = {}
    order = np.argsort(-layer.amplitude[rows], kind="stable")
    for position in order.tolist():
        unit = int(layer.units[rows[position]])
        clusters.setdefault(int(label[position]), []).append(unit)
    return [members for members in clusters.values() if len(members) > 1]


def exact_pairs(
    coupling: Coupling, weights: Weights, layer: Directions, *, tolerance: float
) -> dict[int, int]:
    """Unit to the unit that takes its place, where the exact-merge table holds on every
    way to a reader.
    """
    pair: dict[int, int] = {}
    classes = parallel_classes(layer)
    while classes:
        first = {unit: members[0] for members in classes for unit in members[1:]}
        broken = follow(
            coupling,
            weights,
            first,
            tolerance=tolerance,
        ).broken
        for unit, head in first.items():
            if unit not in broken:
                pair[unit] = head
        # Those that do not go with the first may still go with each other.
        rest = [[unit for unit in members[1:] if unit in broken] for members in classes]
        classes = [members for members in rest if len(members) > 1]
    return pair


def least_cosine(layer: Directions) -> tuple[np.ndarray, np.ndarray]:
    """Least cosine of every two units over all keys, and which units have rows."""
    count = len(layer.units)
    cosine = np.ones((count, count))
    live = np.ones(count, dtype=bool)
    for rows in layer.keys:
        size = np.linalg.norm(rows, axis=1)
        live &= size > 0
        unit = rows / np.where(size > 0, size, 1.0)[:, None]
        product = unit @ unit.T
        if layer.antipodal:
            product = np.abs(product)
        np.minimum(cosine, product, out=cosine)
    return cosine, live


def weighted_clusters(
    layer: Directions, count: int, *, rounds: int = 50
) -> list[list[int]]:
    """So many clusters, by spherical k-means with the amplitudes as weights: min Σ_u
    amplitude_u (1 − cos(u, centre)).

    Deterministic: the first centre is the unit of largest amplitude, each next one that
    with the largest weighted distance to those before.
    """
    unit = _unit_rows(layer)
    largest = max(float(layer.amplitude.max()), 1e-300)
    weight = np.maximum(layer.amplitude, 1e-12 * largest)
    centre = unit[_first_centres(unit, weight, count)]
    label = np.argmax(unit @ centre.T, axis=1)
    for _ in range(rounds):
        centre = _mean_directions(unit, weight, label, centre)
        new = np.argmax(unit @ centre.T, axis=1)
        if np.array_equal(new, label):
            break
        label = new
    return _ordered(
        label,
        np.arange(len(unit)),
        layer,
    )


def _unit_rows(layer: Directions) -> np.ndarray:
    """The rows of all keys side by side, each at length 1, together at length 1."""
    unit = []
    for rows in layer.keys:
        size = np.linalg.norm(rows, axis=1)
        unit.append(rows / np.maximum(size, 1e-300)[:, None])
    return np.concatenate(unit, axis=1) / np.sqrt(len(layer.keys))


def _first_centres(unit: np.ndarray, weight: np.ndarray, count: int) -> list[int]:
    centres = [int(np.argmax(weight))]
    nearest = unit @ unit[centres[0]]
    while len(centres) < count:
        distance = weight * np.maximum(1 - nearest, 0.0)
        distance[centres] = -1.0
        centres.append(int(np.argmax(distance)))
        nearest = np.maximum(nearest, unit @ unit[centres[-1]])
    return centres


def _mean_directions(
    unit: np.ndarray, weight: np.ndarray, label: np.ndarray, centre: np.ndarray
) -> np.ndarray:
    """The weighted mean direction of every cluster; an empty one keeps its centre."""
    total = np.zeros_like(centre)
    np.add.at(
        total,
        label,
        weight[:, None] * unit,
    )
    size = np.linalg.norm(total, axis=1)[:, None]
    return np.where(
        size > 0,
        total / np.maximum(size, 1e-300),
        centre,
    )

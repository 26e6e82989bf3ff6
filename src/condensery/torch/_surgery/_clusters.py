"""Which units of a family may be merged: exactly parallel ones, or ones within an angle
of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from condensery.theory import merge_rule
from condensery.torch._surgery._transfer import Follow, Weights
from condensery.torch._surgery._units import Coupling, Family

_BLOCK = 1024
_NEARLY_PARALLEL = 1e-10
"""1 − cos below which rows are compared entry by entry: far above what rounding makes
of parallel ones.
"""


@dataclass(frozen=True, eq=False)
class Directions:
    """What decides about a family.

    Attributes:
        units: Numbers of the units.
        keys: One array (unit, entry) per place at which their rows enter a
            non-linearity.
        amplitude: Size of a unit's outgoing weights times that of its first row.
        columns: Outgoing weights (unit, entry), of all reading layers side by side.
        homogeneous: Whether every activation that they meet takes a positive factor
            out.
        antipodal: Whether every one takes a sign out.
        sources: The value at which the rows of the first key were noted; "" if the
            units' rows come from several.
    """

    units: np.ndarray
    keys: tuple[np.ndarray, ...]
    amplitude: np.ndarray
    columns: np.ndarray
    homogeneous: bool
    antipodal: bool
    source: str


def part_of(coupling: Coupling, family: Family) -> Coupling:
    """The coupling with those steps alone that touch a family."""
    own = set(family.units.tolist())
    touched = {
        name
        for name, mark in coupling.marks.items()
        if not own.isdisjoint(mark.units.tolist())
    }
    steps = tuple(
        step
        for step in coupling.steps
        if (step.kind == "read" and step.source[0] in touched)
        or (step.kind != "read" and step.node.name in touched)
    )
    return Coupling(
        (family,),
        {axis: coupling.axes[axis] for axis in family.axes},
        coupling.marks,
        steps,
    )


def directions(part: Coupling, weights: Weights) -> Directions:
    """Rows, columns and amplitudes of the units of a family."""
    family = part.families[0]
    found = Follow(part, weights, {}, tolerance=None).run()
    units = [int(unit) for unit in family.units if int(unit) in found.keys]
    count = min((len(found.keys[unit]) for unit in units), default=0)
    keys = tuple(
        np.stack([found.keys[unit][k] for unit in units]) for k in range(count)
    )
    outgoing = columns(part, weights, units)
    names = (
        set().union(*(found.activations[unit] for unit in units)) if units else set()
    )
    size = np.linalg.norm(keys[0], axis=1) if keys else np.zeros(len(units))
    sources = {tuple(found.sources[unit]) for unit in units}
    single = next(iter(sources)) if len(sources) == 1 else ()
    return Directions(
        np.asarray(units),
        keys,
        np.linalg.norm(outgoing, axis=1) * size,
        outgoing,
        all(_takes(name, 2.0) for name in names),
        all(_takes(name, -1.0) for name in names),
        single[0] if len(single) == 1 else "",
    )


def _takes(name: str, ratio: float) -> bool:
    rule = merge_rule(name, ratio) if name else None
    return rule is not None and rule.exact


def columns(part: Coupling, weights: Weights, units: Sequence[int]) -> np.ndarray:
    """Outgoing weights of units: for every reading layer all entries of all their
    places.
    """
    pieces, seen = [np.zeros((len(units), 0))], set()
    for step in part.steps:
        if step.kind != "read":
            continue
        place = (step.facts["weight"], step.facts["axis"])
        numbers = part.axes.get(place)
        if numbers is None or place in seen:
            continue
        seen.add(place)
        whole = np.moveaxis(weights[place[0]], place[1], 0)
        whole = whole.reshape(len(whole), -1)
        order = np.argsort(numbers, kind="stable")
        first = np.searchsorted(numbers[order], units)
        count = np.searchsorted(numbers[order], units, side="right") - first
        if count.size and count.min() == count.max() and count.min() > 0:
            picked = whole[order[first[:, None] + np.arange(count[0])]]
            pieces.append(picked.reshape(len(units), -1))
    return np.concatenate(pieces, axis=1)


def parallel_classes(found: Directions) -> list[list[int]]:
    """Units whose first rows are parallel up to rounding, the one of largest amplitude
    first.
    """
    if not found.keys:
        return []
    rows = found.keys[0]
    size = np.linalg.norm(rows, axis=1)
    live = np.flatnonzero(size > 0)
    unit = rows[live] / size[live, None]
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for first in range(0, len(live), _BLOCK):
        cosine = unit[first : first + _BLOCK] @ unit.T
        near = (np.abs(cosine) if found.antipodal else cosine) > 1 - _NEARLY_PARALLEL
        if not found.homogeneous:
            block = size[live[first : first + _BLOCK], None]
            near &= np.abs(block - size[live][None]) <= 1e-4 * block
        i, j = np.nonzero(near)
        pairs.append((i[i + first != j] + first, j[i + first != j]))
    i, j = np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
    if not len(i):
        return []
    _, label = connected_components(
        coo_array((np.ones(len(i)), (i, j)), shape=(len(live),) * 2), directed=False
    )
    return _ordered(label, live, found)


def _ordered(label: np.ndarray, live: np.ndarray, found: Directions) -> list[list[int]]:
    classes: dict[int, list[int]] = {}
    for place in live[np.argsort(-found.amplitude[live], kind="stable")]:
        classes.setdefault(int(label[np.searchsorted(live, place)]), []).append(
            int(place)
        )
    return [
        [int(found.units[k]) for k in members]
        for members in classes.values()
        if len(members) > 1
    ]


def exact_pairs(
    part: Coupling, weights: Weights, found: Directions, *, tolerance: float
) -> dict[int, int]:
    """Unit to the unit that takes its place, where the exact-merge table holds on every
    way to a reader.
    """
    pair: dict[int, int] = {}
    classes = parallel_classes(found)
    while classes:
        asked = {unit: members[0] for members in classes for unit in members[1:]}
        broken = Follow(part, weights, asked, tolerance=tolerance).run().broken
        pair.update(
            {unit: other for unit, other in asked.items() if unit not in broken}
        )
        # Those that do not go with the first may still go with each other.
        rest = [[unit for unit in members[1:] if unit in broken] for members in classes]
        classes = [members for members in rest if len(members) > 1]
    return pair


def near_tree(found: Directions) -> Callable[[float], list[list[int]]]:
    """Clusters in which every two units have a cosine of at least tau, as a function of
    tau.

    Complete linkage on the signed cosine (its magnitude where the activations take a
    sign out), the least one of all places at which the rows enter a non-linearity.
    """
    cosine = np.ones((len(found.units),) * 2)
    live = np.ones(len(found.units), dtype=bool)
    for key in found.keys:
        size = np.linalg.norm(key, axis=1)
        live &= size > 0
        unit = key / np.where(size > 0, size, 1.0)[:, None]
        one = unit @ unit.T
        np.minimum(cosine, np.abs(one) if found.antipodal else one, out=cosine)
    places = np.flatnonzero(live)
    if len(places) < 2:
        return lambda tau: []
    distance = 1 - cosine[np.ix_(places, places)]
    np.fill_diagonal(distance, 0.0)
    tree = linkage(
        squareform(np.maximum(distance, 0.0), checks=False), method="complete"
    )

    def at(tau: float) -> list[list[int]]:
        return _ordered(fcluster(tree, 1 - tau, criterion="distance"), places, found)

    return at


def weighted_clusters(
    found: Directions, count: int, *, rounds: int = 50
) -> list[list[int]]:
    """So many clusters, by spherical k-means with the amplitudes as weights: min Σ_u
    amplitude_u (1 − cos(u, centre)).

    Deterministic: the first centre is the unit of largest amplitude, each next one that
    with the largest weighted distance to those before.
    """
    unit = np.concatenate(
        [
            key / np.maximum(np.linalg.norm(key, axis=1), 1e-300)[:, None]
            for key in found.keys
        ],
        axis=1,
    )
    unit /= np.sqrt(len(found.keys))
    weight = np.maximum(
        found.amplitude, 1e-12 * max(float(found.amplitude.max()), 1e-300)
    )
    centres = [int(np.argmax(weight))]
    nearest = unit @ unit[centres[0]]
    while len(centres) < count:
        distance = weight * np.maximum(1 - nearest, 0.0)
        distance[centres] = -1.0
        centres.append(int(np.argmax(distance)))
        nearest = np.maximum(nearest, unit @ unit[centres[-1]])
    middle = unit[centres]
    label = np.argmax(unit @ middle.T, axis=1)
    for _ in range(rounds):
        total = np.zeros_like(middle)
        np.add.at(total, label, weight[:, None] * unit)
        size = np.linalg.norm(total, axis=1)
        middle = np.where(
            size[:, None] > 0, total / np.maximum(size, 1e-300)[:, None], middle
        )
        new = np.argmax(unit @ middle.T, axis=1)
        if np.array_equal(new, label):
            break
        label = new
    return _ordered(label, np.arange(len(unit)), found)

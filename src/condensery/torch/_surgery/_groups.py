"""Which clusters of units go into one: those of a cosine, or those of a width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from condensery.torch._surgery._clusters import Directions, weighted_clusters
from condensery.torch._surgery._merge import cancelling


@dataclass(
    frozen=True,
    eq=False,
)
class Groups:
    """Edits of a layer.

    Attributes:
        pairs: Per cluster, tightest first, unit to the unit that takes its place.
        refused: How many clusters are left since their outgoing weights cancel.
        cancelling: Heads of clusters that cancel and are merged for the width's sake.
        alone: Units without a unit near.
    """

    pairs: list[dict[int, int]]
    refused: int = 0
    cancelling: frozenset[int] = frozenset()
    alone: tuple[int, ...] = ()


def cosine_groups(
    layer: Directions, clusters: list[list[int]], exact: Mapping[int, int]
) -> Groups:
    """Clusters as pairs; those that cancel are refused, but for exact copies."""
    refused = _cancelling(layer, clusters)
    kept = [
        members
        for number, members in enumerate(clusters)
        if number not in refused or _all_exact(members, exact)
    ]
    return Groups(_as_pairs(kept), len(clusters) - len(kept))


def width_groups(layer: Directions, width: int) -> Groups:
    """Clusters that leave so many units; a unit at a right angle or more to its cluster
    is removed silently.

    The width is kept to: a cluster that cancels goes into its largest unit.
    """
    clusters = weighted_clusters(layer, min(width, len(layer.units)))
    alone: list[int] = []
    if not layer.antipodal:
        index, rows = layer.index, layer.keys[0]
        for members in clusters:
            head = rows[index[members[0]]]
            far = [unit for unit in members[1:] if rows[index[unit]] @ head <= 0]
            for unit in far:
                members.remove(unit)
            alone.extend(far)
    heads = frozenset(clusters[number][0] for number in _cancelling(layer, clusters))
    return Groups(
        _as_pairs(clusters),
        0,
        heads,
        tuple(alone),
    )


def _cancelling(layer: Directions, clusters: list[list[int]]) -> set[int]:
    if not clusters:
        return set()
    return set(
        cancelling(
            layer,
            clusters,
            signs(layer, clusters),
        )
    )


def _all_exact(members: Sequence[int], exact: Mapping[int, int]) -> bool:
    return all(exact.get(unit) == members[0] for unit in members[1:])


def _as_pairs(clusters: list[list[int]]) -> list[dict[int, int]]:
    return [dict.fromkeys(members[1:], members[0]) for members in clusters]


def signs(layer: Directions, clusters: Sequence[Sequence[int]]) -> dict[int, float]:
    """Unit to the sign of its cosine with the head of its cluster; empty where signs do
    not matter.
    """
    if not layer.antipodal:
        return {}
    index, rows = layer.index, layer.keys[0]
    result = {}
    for members in clusters:
        head = rows[index[members[0]]]
        for unit in members:
            result[unit] = float(np.sign(rows[index[unit]] @ head) or 1.0)
    return result

"""What makes one unit of several: the clusters of a width, signs, and outgoing weights
that cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from condensery.torch._surgery._clusters import Directions, weighted_clusters

CANCEL = 0.1
"""Merged outgoing weights below this share of what they merge are channels on their way
to infinity.
"""


@dataclass(
    frozen=True,
    eq=False,
)
class Groups:
    """Clusters that leave a layer at a width.

    Attributes:
        pairs: Per cluster, the largest first, unit to the unit that takes its place.
        cancelling: Heads of clusters that cancel and are merged for the width's sake.
        alone: Units without a unit near.
    """

    pairs: list[dict[int, int]]
    cancelling: frozenset[int] = frozenset()
    alone: tuple[int, ...] = ()


def width_groups(layer: Directions, width: int) -> Groups:
    """Clusters that leave so many units; a unit at a right angle or more to its cluster
    is removed silently.

    The width is kept to: a cluster that cancels goes into its largest unit.
    """
    count = min(width, len(layer.units))
    clusters = weighted_clusters(layer, count)
    alone: list[int] = []
    if not layer.antipodal:
        for members in clusters:
            alone.extend(_take_far(layer, members))
    heads = [
        members[0]
        for members in clusters
        if cancels(
            layer,
            members,
        )
    ]
    return Groups(
        as_pairs(clusters),
        frozenset(heads),
        tuple(alone),
    )


def _take_far(layer: Directions, members: list[int]) -> list[int]:
    """Take the units at a right angle or more to the first out of a cluster."""
    rows = layer.rows(members)
    side = rows @ rows[0]
    side[0] = 1.0
    far = [members[position] for position in np.flatnonzero(side <= 0)]
    for unit in far:
        members.remove(unit)
    return far


def cancels(layer: Directions, members: Sequence[int]) -> bool:
    """Whether the outgoing weights of a cluster cancel: ‖Σ a_k ‖w_k‖‖ < 0.1 Σ ‖a_k‖
    ‖w_k‖.
    """
    signed = signs(layer, [members])
    rows = layer.rows(members)
    sign = np.asarray([signed.get(unit, 1.0) for unit in members])
    size = np.linalg.norm(
        rows,
        axis=1,
    )
    columns = layer.outgoing(members)
    out = columns * (sign * size)[:, None]
    merged = np.linalg.norm(out.sum(axis=0))
    apart = np.linalg.norm(
        out,
        axis=1,
    )
    return bool(merged < CANCEL * apart.sum())


def as_pairs(clusters: Sequence[Sequence[int]]) -> list[dict[int, int]]:
    """Per cluster unit to its first."""
    return [dict.fromkeys(members[1:], members[0]) for members in clusters]


def signs(layer: Directions, clusters: Sequence[Sequence[int]]) -> dict[int, float]:
    """Unit to the sign of its cosine with the head of its cluster; empty where signs do
    not matter.
    """
    if not layer.antipodal:
        return {}
    result = {}
    for members in clusters:
        rows = layer.rows(members)
        for unit, side in zip(members, rows @ rows[0], strict=True):
            result[unit] = float(np.sign(side) or 1.0)
    return result

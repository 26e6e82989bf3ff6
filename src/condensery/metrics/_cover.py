"""Greedy cover of directions: the kernel under the effective number of neurons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from condensery.metrics._rows import Rows

# Below this distance of the threshold from 1, 1 − u·v has too few digits left and ‖u −
# v‖²/2 is used.
_TIGHT = 1e-4
_REPRESENTATIVES_AT_ONCE = 4096


@dataclass(frozen=True)
class Nearness:
    """When two directions count as one: the gap 1 − cosine is at most `limit`.

    Attributes:
        limit: 1 − threshold.
        antipodal: Whether opposite directions count as one.
    """

    limit: float
    antipodal: bool

    def shifted(self, radians: float) -> Nearness:
        """The same rule with the angle of the threshold moved by some radians, kept
        within [0, π].
        """
        angle = 2.0 * np.arcsin(np.sqrt(self.limit / 2.0))
        angle = np.clip(angle + radians, 0.0, np.pi)
        return Nearness(float(2.0 * np.sin(angle / 2.0) ** 2), self.antipodal)

    def gaps(
        self, u: Float[np.ndarray, "first row"], v: Float[np.ndarray, "second row"]
    ) -> np.ndarray:
        """1 − cosine of all pairs of unit vectors; with `antipodal` 1 − |cosine|."""
        if self.limit >= _TIGHT:
            cosines = u @ v.T
            gaps = np.subtract(
                1.0, np.abs(cosines) if self.antipodal else cosines, out=cosines
            )
            return np.maximum(gaps, 0.0, out=gaps)
        from scipy.spatial.distance import cdist

        # For unit vectors ‖u − v‖² = 2·(1 − u·v), without the cancellation.
        gaps = cdist(u, v, "sqeuclidean")
        if self.antipodal:
            np.minimum(gaps, cdist(u, -v, "sqeuclidean"), out=gaps)
        return np.multiply(gaps, 0.5, out=gaps)


@dataclass(
    frozen=True,
    eq=False,
)
class Cover:
    """Outcome of a greedy cover.

    Attributes:
        representatives: Units that cover all others, in the order in which they were
            taken.
        nearest: For each unit of the order, the position in `representatives` of the
            nearest one taken before it (of itself, if it is one).
        decisive: For each unit of the order, its gap to the nearest representative
            taken before it: what decided whether it became one. inf for the first.
    """

    representatives: np.ndarray
    nearest: np.ndarray
    decisive: np.ndarray


def greedy_cover(
    rows: Rows, order: Int[np.ndarray, " active"], nearness: Nearness, *, block: int
) -> Cover:
    """Take the first unit of the order that is not covered yet, cover all units near
    it, and so on.

    A unit is taken exactly if no unit taken before it is near. That needs only the
    representatives so far and one block of units: O(units × representatives) time, and
    never a matrix of units × units.
    """
    nearest = np.zeros(len(order), dtype=np.intp)
    decisive = np.full(len(order), np.inf)
    chosen: list[int] = []
    representatives = np.empty((0, rows.features))
    for start in range(0, len(order), block):
        units = order[start : start + block]
        directions = rows.directions(units)
        gap, where = _nearest_known(
            directions, representatives[: len(chosen)], nearness
        )
        open_units = np.flatnonzero(gap > nearness.limit)
        if len(open_units):
            taken = _take_within(
                directions, open_units, gap, where, nearness, count=len(chosen)
            )
            representatives = _append(representatives, len(chosen), directions[taken])
            chosen.extend(units[taken].tolist())
        nearest[start : start + len(units)] = where
        decisive[start : start + len(units)] = gap
    return Cover(
        np.array(chosen, dtype=np.intp),
        nearest,
        decisive,
    )


def _take_within(
    directions: np.ndarray,
    open_units: np.ndarray,
    gap: np.ndarray,
    where: np.ndarray,
    nearness: Nearness,
    *,
    count: int,
) -> list[int]:
    """Take representatives within one block, in order; updates `gap` and `where` of the
    units after each.
    """
    gaps = nearness.gaps(directions[open_units], directions)
    taken: list[int] = []
    for row, unit in enumerate(open_units.tolist()):
        if gap[unit] <= nearness.limit:
            continue
        where[unit] = count + len(taken)
        later = gaps[row, unit + 1 :]
        closer = later < gap[unit + 1 :]
        np.copyto(gap[unit + 1 :], later, where=closer)
        where[unit + 1 :][closer] = where[unit]
        taken.append(unit)
    return taken


def _nearest_known(
    u: np.ndarray, representatives: np.ndarray, nearness: Nearness
) -> tuple[np.ndarray, np.ndarray]:
    gap, where = np.full(len(u), np.inf), np.zeros(len(u), dtype=np.intp)
    for start in range(0, len(representatives), _REPRESENTATIVES_AT_ONCE):
        gaps = nearness.gaps(
            u, representatives[start : start + _REPRESENTATIVES_AT_ONCE]
        )
        best = np.argmin(gaps, axis=1)
        value = gaps[np.arange(len(u)), best]
        closer = value < gap
        gap[closer], where[closer] = value[closer], start + best[closer]
    return gap, where


def _append(representatives: np.ndarray, count: int, new: np.ndarray) -> np.ndarray:
    """Rows of `new` after the first `count` of `known`, in an array that doubles when
    it is full.
    """
    needed = count + len(new)
    if needed > len(representatives):
        grown = np.empty(
            (
                max(
                    needed,
                    2 * len(representatives),
                    64,
                ),
                new.shape[1],
            )
        )
        grown[:count] = representatives[:count]
        representatives = grown
    representatives[count:needed] = new
    return representatives


def linkage_labels(
    directions: Float[np.ndarray, "active row"], nearness: Nearness
) -> Int[np.ndarray, " active"]:
    """Groups by complete linkage: within a group every pair of directions is near.

    The gaps stand in for the angles: complete linkage depends on their order alone.
    """
    count = len(directions)
    if count == 1:
        return np.zeros(1, dtype=np.intp)
    from scipy.cluster.hierarchy import fcluster, linkage

    pairs = np.empty(count * (count - 1) // 2)
    filled = 0
    for start in range(0, count, 256):
        gaps = nearness.gaps(directions[start : start + 256], directions[start:])
        for row in range(len(gaps)):
            upper = gaps[row, row + 1 :]
            pairs[filled : filled + len(upper)] = upper
            filled += len(upper)
    return (
        fcluster(
            linkage(pairs, method="complete"), t=nearness.limit, criterion="distance"
        ).astype(np.intp)
        - 1
    )

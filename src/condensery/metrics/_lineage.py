"""Condensed groups over time: which group of one moment is which of the next, where
groups are born and merge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError


@dataclass(
    frozen=True,
    eq=False,
)
class Lineages:
    """The tree of groups over time that `lineages` found; lineages are numbered by
    their first frame.

    Attributes:
        member_of: Lineage of every unit at every frame; −1 where the unit is in no
            group or in one that does not last.
        born: First frame of each lineage.
        ended: Last frame of each lineage.
        parent: The lineage from which most of it came when it was born; −1 for those of
            the first frame and for those that came from units in no group.
        merged: The lineage into which most of it went when it ended; −1 where it lasts
            to the end or dissolves.
    """

    member_of: np.ndarray
    born: np.ndarray
    ended: np.ndarray
    parent: np.ndarray
    merged: np.ndarray

    def __len__(self) -> int:
        return len(self.born)

    def count(self) -> Int[np.ndarray, " frame"]:
        """Number of lineages at every frame."""
        frames = np.arange(len(self.member_of))
        return ((self.born <= frames[:, None]) & (frames[:, None] <= self.ended)).sum(
            axis=1
        )


def lineages(
    groups: Int[np.ndarray, "frame unit"],
    weights: Float[np.ndarray, "frame unit"],
    *,
    persistence: int = 1,
) -> Lineages:
    """Follow condensed groups from frame to frame.

    Formula:
        The overlap of a group g of frame t − 1 and a group h of frame t is the weight
        at t of the units they share. h continues g if g is what most of h came from and
        h is where most of g went (units in no group count as a group of their own in
        the first question). Otherwise h is born, out of g. A group that nothing
        continues ends, and merges into the group where most of it went. Lineages of
        fewer than `persistence` frames are taken away at the end; what was born out of
        one of them counts as born out of its parent, what merged into one as merged
        into what that one merged into, or else into its parent.

    Args:
        groups: Number of each unit's group at each frame, −1 for none; the numbers may
            change from frame to frame.
        weights: A weight ≥ 0 per unit and frame, such as the amplitude.
        persistence: Least number of frames of a lineage, ≥ 1.

    Returns:
        The lineages.

    Raises:
        InvalidInputError: Shapes that do not fit, a weight that is negative or not
            finite, or a persistence below 1.

    Example:
        >>> import numpy as np
        >>> groups = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]])
        >>> tree = lineages(groups, np.array([[2.0, 2.0, 1.0, 1.0]] * 4))
        >>> (
        ...     tree.born.tolist(),
        ...     tree.ended.tolist(),
        ...     tree.parent.tolist(),
        ...     tree.merged.tolist(),
        ... )
        ([0, 1], [3, 2], [-1, 0], [-1, 0])
        >>> tree.count().tolist()
        [1, 2, 2, 1]
    """
    groups, weights = np.asarray(groups), np.asarray(weights, dtype=np.float64)
    if groups.ndim != 2 or groups.shape != weights.shape or not len(groups):
        raise InvalidInputError(
            "groups, weights",
            given=f"shapes {groups.shape}, {weights.shape}",
            remedy="stack the frames",
            allowed="the same shape (frame, unit) with at least one frame",
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InvalidInputError(
            "weights",
            given="a negative or no finite number",
            allowed=">= 0",
            remedy="correct it",
        )
    if persistence < 1:
        raise InvalidInputError(
            "persistence",
            given=persistence,
            allowed="a whole number >= 1",
            remedy="use 1 for all",
        )
    return _lasting(*_followed(groups, weights), persistence)


def _overlap(
    before: np.ndarray, now: np.ndarray, weights: np.ndarray
) -> tuple[list[int], list[int], Float[np.ndarray, "before now"]]:
    old, new = np.unique(before).tolist(), np.unique(now[now >= 0]).tolist()
    shared = [[weights[(before == g) & (now == h)].sum() for h in new] for g in old]
    return old, new, np.array(shared).reshape(len(old), len(new))


def _followed(
    groups: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, list[int], list[int], list[int], list[int]]:
    """Every lineage, however short."""
    member_of = np.full(groups.shape, -1)
    born: list[int] = []
    ended: list[int] = []
    parent: list[int] = []
    merged: list[int] = []
    named: dict[int, int] = {}

    def begin(frame: int, out_of: int) -> int:
        born.append(frame)
        ended.append(len(groups) - 1)
        parent.append(out_of)
        merged.append(-1)
        return len(born) - 1

    for frame, now in enumerate(groups):
        before = groups[frame - 1] if frame else np.full(len(now), -1)
        old, new, shared = _overlap(
            before,
            now,
            weights[frame],
        )
        goes_to = {
            g: new[int(np.argmax(row))]
            for g, row in zip(
                old,
                shared,
                strict=True,
            )
            if row.any()
        }
        names: dict[int, int] = {}
        for h, column in zip(
            new,
            shared.T,
            strict=True,
        ):
            source = old[int(np.argmax(column))]
            if source >= 0 and goes_to.get(source) == h:
                names[h] = named[source]
            else:
                names[h] = begin(frame, named.get(source, -1))
        for g, name in named.items():
            if name not in names.values():
                ended[name] = frame - 1
                merged[name] = names.get(goes_to.get(g, -1), -1)
        for h, name in names.items():
            member_of[frame, now == h] = name
        named = names
    return member_of, born, ended, parent, merged


def _lasting(
    member_of: np.ndarray,
    born: list[int],
    ended: list[int],
    parent: list[int],
    merged: list[int],
    persistence: int,
) -> Lineages:
    kept = [k for k in range(len(born)) if ended[k] - born[k] + 1 >= persistence]
    number = {k: row for row, k in enumerate(kept)}

    def ancestor(k: int) -> int:
        while k >= 0 and k not in number:
            k = parent[k]
        return number.get(k, -1)

    def heir(k: int) -> int:
        seen: set[int] = set()
        while k >= 0 and k not in number and k not in seen:
            seen.add(k)
            k = merged[k] if merged[k] >= 0 else parent[k]
        return number.get(k, -1)

    renamed = np.array([*(number.get(k, -1) for k in range(len(born))), -1])
    return Lineages(
        member_of=renamed[member_of],
        born=np.array([born[k] for k in kept], dtype=np.intp),
        ended=np.array([ended[k] for k in kept], dtype=np.intp),
        parent=np.array([ancestor(parent[k]) for k in kept], dtype=np.intp),
        merged=np.array(
            [heir(merged[k]) if merged[k] >= 0 else -1 for k in kept], dtype=np.intp
        ),
    )

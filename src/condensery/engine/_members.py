"""Members of an ensemble, stacked by shape: those of one width advance in one compiled
program, padding nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from condensery._errors import InvalidInputError
from condensery.models import leaf_names

Tree = Any


@dataclass(frozen=True, eq=False)
class Bucket:
    """Members with parameters of the same shapes, every leaf with a leading member
    axis.

    Attributes:
        members: Their positions in the ensemble.
        seeds: The seed of each member's batch order and random draws.
        parameters: Stacked parameters.
        memory: The optimiser's memory: trees like `parameters`.
        steps: Steps that each member has taken.
        status: `condensery.records.Status` as a number; running until it converged or
            diverged.
        initial: Parameters before the first step, on the host.
    """

    members: Int[np.ndarray, " member"]
    seeds: Int[np.ndarray, " member"]
    parameters: Tree
    memory: tuple[Tree, ...]
    steps: Int[np.ndarray, " member"]
    status: Int[np.ndarray, " member"]
    initial: Tree


def group_by_shape(
    members: Sequence[Tree], *, dtype: str
) -> list[tuple[list[int], Tree]]:
    """Positions and stacked parameters of the members, one entry per set of shapes, in
    order of first appearance.

    Args:
        members: One tree of parameters per member.
        dtype: What the leaves are converted to.

    Returns:
        Pairs of positions and stacked tree.

    Raises:
        InvalidInputError: There is no member, or a parameter is not finite.
    """
    if not len(members):
        raise InvalidInputError(
            "members",
            given="none",
            allowed="at least one",
            remedy="give a list of parameters",
        )
    groups: dict[Any, list[int]] = {}
    trees = [
        jax.tree.map(lambda leaf: np.asarray(leaf, dtype=dtype), member)
        for member in members
    ]
    for index, tree in enumerate(trees):
        leaves, structure = jax.tree.flatten(tree)
        if not all(np.isfinite(leaf).all() for leaf in leaves):
            raise InvalidInputError(
                f"parameters of member {index}",
                given="a value that is not finite",
                allowed="finite numbers",
                remedy="check the initial scale",
            )
        groups.setdefault((structure, tuple(leaf.shape for leaf in leaves)), []).append(
            index
        )
    return [
        (
            indices,
            jax.tree.map(
                lambda *leaves: np.stack(leaves), *(trees[index] for index in indices)
            ),
        )
        for indices in groups.values()
    ]


def member_trees(buckets: Iterable[Bucket], *, initial: bool = False) -> list[Tree]:
    """The parameters of every member in its own shapes, in the order of the ensemble.

    Args:
        buckets: The members by shape.
        initial: Whether before the first step rather than now.
    """
    trees: dict[int, Tree] = {}
    for bucket in buckets:
        leaves = bucket.initial if initial else bucket.parameters
        host = jax.tree.map(np.asarray, leaves)
        for row, member in enumerate(bucket.members):
            trees[int(member)] = _row(host, row)
    return [trees[member] for member in sorted(trees)]


def member_tree(
    buckets: Iterable[Bucket], member: int, *, initial: bool = False
) -> Tree:
    """The parameters of one member in its own shapes.

    Args:
        buckets: The members by shape.
        member: Its position in the ensemble.
        initial: Whether before the first step rather than now.

    Raises:
        InvalidInputError: There is no such member.
    """
    count = 0
    for bucket in buckets:
        rows = np.flatnonzero(bucket.members == member)
        if rows.size:
            return _row(bucket.initial if initial else bucket.parameters, int(rows[0]))
        count += len(bucket.members)
    raise InvalidInputError(
        "member",
        given=member,
        allowed=f"0 to {count - 1}",
        remedy="name a member of the ensemble",
    )


def _row(stacked: Tree, row: int) -> Tree:
    return jax.tree.map(lambda leaf: np.asarray(leaf[row]).copy(), stacked)


def snapshot(buckets: Sequence[Bucket]) -> dict[str, np.ndarray]:
    """Host copy of all parameters by leaf name, with a leading member axis; narrower
    members are padded with zeros.

    A unit of zeros adds nothing to any output and has amplitude 0, so measures of
    active neurons do not see it. The names are those of `condensery.models.leaf_names`
    (``a``, ``w``; for layers ``W1``, ``b1``, ``W2``, …).
    """
    count = sum(len(bucket.members) for bucket in buckets)
    leaves: dict[str, list[tuple[Bucket, np.ndarray]]] = {}
    for bucket in buckets:
        for name, leaf in leaf_names(bucket.parameters):
            leaves.setdefault(name, []).append((bucket, np.asarray(leaf)))
    return {name: _padded(stacked, count) for name, stacked in leaves.items()}


def _padded(stacked: Sequence[tuple[Bucket, np.ndarray]], count: int) -> np.ndarray:
    shape = np.max([leaf.shape[1:] for _, leaf in stacked], axis=0).astype(int)
    joined = np.zeros((count, *shape), dtype=stacked[0][1].dtype)
    for bucket, leaf in stacked:
        corner = (slice(0, size) for size in leaf.shape[1:])
        joined[bucket.members, *corner] = leaf
    return joined

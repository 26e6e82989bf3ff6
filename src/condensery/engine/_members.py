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
    """

    members: Int[np.ndarray, " member"]
    seeds: Int[np.ndarray, " member"]
    parameters: Tree
    memory: tuple[Tree, ...]
    steps: Int[np.ndarray, " member"]
    status: Int[np.ndarray, " member"]


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


def member_trees(buckets: Iterable[Bucket]) -> list[Tree]:
    """The parameters of every member in its own shapes, in the order of the
    ensemble.
    """
    placed: dict[int, Tree] = {}
    for bucket in buckets:
        host = jax.tree.map(np.asarray, bucket.parameters)
        for row, member in enumerate(bucket.members):
            placed[int(member)] = jax.tree.map(
                lambda leaf, row=row: leaf[row].copy(), host
            )
    return [placed[member] for member in sorted(placed)]


def snapshot(buckets: Sequence[Bucket]) -> dict[str, np.ndarray]:
    """Host copy of all parameters by leaf name, with a leading member axis; narrower
    members are padded with zeros.

    A unit of zeros adds nothing to any output and has amplitude 0, so measures of
    active neurons do not see it. Names are the keys of the tree joined by dots (``a``,
    ``w``; for a list of layers ``0.0``, ``0.1``, …).
    """
    count = sum(len(bucket.members) for bucket in buckets)
    pieces: dict[str, list[tuple[Bucket, np.ndarray]]] = {}
    for bucket in buckets:
        for path, leaf in jax.tree_util.tree_leaves_with_path(bucket.parameters):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            pieces.setdefault(name, []).append((bucket, np.asarray(leaf)))
    arrays: dict[str, np.ndarray] = {}
    for name, parts in pieces.items():
        shape = np.max([leaf.shape[1:] for _, leaf in parts], axis=0).astype(int)
        whole = np.zeros((count, *shape), dtype=parts[0][1].dtype)
        for bucket, leaf in parts:
            whole[bucket.members, *(slice(0, size) for size in leaf.shape[1:])] = leaf
        arrays[name] = whole
    return arrays

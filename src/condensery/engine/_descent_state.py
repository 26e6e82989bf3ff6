"""Where a descent stands and what it recorded: state in, state out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.engine._members import (
    Bucket,
    Tree,
    group_by_shape,
    member_tree,
    member_trees,
)
from condensery.engine._optimisers import Optimiser
from condensery.engine._recorder import Probed

Dtype = Literal["float64", "float32"]


@dataclass(frozen=True, eq=False)
class DescentState:
    """Everything that a descent needs to go on.

    Attributes:
        step: Steps asked for so far; members that ended early have taken fewer.
        buckets: Members by shape.
    """

    step: int
    buckets: tuple[Bucket, ...]

    def __len__(self) -> int:
        return sum(len(bucket.members) for bucket in self.buckets)


@dataclass(frozen=True, eq=False)
class DescentResult:
    """What a descent recorded.

    Attributes:
        recorded: Step numbers at which losses and probes were taken.
        loss: Loss over all data at those steps; that of a member that ended early is
            repeated.
        status: `condensery.records.Status` of each member as a number. Where no
            `stop_loss` was given, a member that took all its steps counts as converged.
        steps: Steps that each member took.
        probed: What the probes measured, by the name of the probe and then of the
            measure, stacked over the recorded steps.
        state: From where `descend` goes on.
    """

    recorded: Int[np.ndarray, " step"]
    loss: Float[np.ndarray, "member step"]
    status: Int[np.ndarray, " member"]
    steps: Int[np.ndarray, " member"]
    probed: Probed
    state: DescentState

    def parameters(self, member: int, *, initial: bool = False) -> Tree:
        """Of one member, in its own shapes."""
        return member_tree(self.state.buckets, member, initial=initial)

    def all_parameters(self, *, initial: bool = False) -> list[Tree]:
        """The parameters of every member, in the order they were given."""
        return member_trees(self.state.buckets, initial=initial)


def begin(
    members: Sequence[Tree],
    *,
    optimiser: Optimiser,
    seeds: Sequence[int] | None,
    dtype: Dtype,
) -> DescentState:
    """The state before the first step.

    Args:
        members: One tree of parameters per member; shapes may differ between members.
        optimiser: The rule whose memory is prepared.
        seeds: The seed of each member; None gives all of them seed 0.
        dtype: What the arithmetic is done in.

    Raises:
        InvalidInputError: No members, parameters that are not finite, or a number of
            seeds that does not fit.
    """
    orders = np.zeros(len(members), dtype=np.int64)
    if seeds is not None:
        orders = np.asarray(seeds, dtype=np.int64)
    if orders.shape != (len(members),):
        raise InvalidInputError(
            "seeds",
            given=f"{orders.size} of them",
            allowed=f"{len(members)}, one per member",
            remedy="match the members",
        )
    buckets = []
    for indices, stacked in group_by_shape(members, dtype=dtype):
        parameters = jax.tree.map(jnp.asarray, stacked)
        count = np.zeros(len(indices), dtype=np.int64)
        bucket = Bucket(
            members=np.asarray(indices),
            seeds=orders[indices],
            parameters=parameters,
            memory=optimiser.init(parameters),
            steps=count,
            status=count.copy(),
            initial=stacked,
        )
        buckets.append(bucket)
    return DescentState(0, tuple(buckets))


def check_state(state: DescentState, members: Sequence[Tree]) -> None:
    """Refuse a state whose members are others than the given ones.

    Raises:
        InvalidInputError: Another number of members, or other shapes.
    """
    shapes: list[Any] = [None] * len(state)
    for bucket in state.buckets:
        shape = jax.tree.map(lambda leaf: leaf.shape[1:], bucket.initial)
        for member in bucket.members:
            shapes[int(member)] = shape
    expected = [jax.tree.map(np.shape, member) for member in members]
    if shapes != expected:
        raise InvalidInputError(
            "state",
            given=f"a state of {len(state)} members, or of members of other shapes",
            allowed=f"the state of an earlier result of these {len(members)} members",
            remedy="start without a state",
        )

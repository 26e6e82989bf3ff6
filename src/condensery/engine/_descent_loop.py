"""The compiled loop of a descent: over the members of a bucket, and for each over the
steps of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from condensery.engine._masks import stream
from condensery.engine._objectives import Objective
from condensery.engine._optimisers import Optimiser, Tree
from condensery.engine._randomised import Randomised
from condensery.records import Status

RUNNING, CONVERGED, DIVERGED = (
    int(Status.RUNNING),
    int(Status.CONVERGED),
    int(Status.DIVERGED),
)


class Member(NamedTuple):
    """One member, or with a leading axis all members of a bucket, in the objective's
    packed layout.
    """

    parameters: Tree
    memory: tuple[Tree, ...]
    step: Array
    status: Array


class _Order(NamedTuple):
    epoch: Array
    permutation: Array


class _Carry(NamedTuple):
    now: Member
    before: Tree
    order: _Order


class _Samples(NamedTuple):
    """Where a step's samples come from: all of them, or a slice of the epoch's
    order.
    """

    x: Array
    y: Array
    seed: Array
    batch_size: int | None

    def unordered(self) -> _Order:
        count = 0 if self.batch_size is None else self.x.shape[0]
        return _Order(jnp.array(-1), jnp.zeros(count, dtype=jnp.int64))

    def take(self, step: Array, order: _Order) -> tuple[Array, Array, _Order]:
        if self.batch_size is None:
            return self.x, self.y, order
        count = self.x.shape[0]
        epoch, turn = jnp.divmod(step, count // self.batch_size)

        def shuffled() -> Array:
            bits = jax.random.bits(
                jax.random.fold_in(jax.random.key(self.seed), epoch),
                (count,),
                dtype=jnp.uint64,
            )
            return jnp.argsort(bits)

        permutation = lax.cond(
            epoch == order.epoch, lambda: order.permutation, shuffled
        )
        chosen = lax.dynamic_slice_in_dim(
            permutation, turn * self.batch_size, self.batch_size
        )
        return self.x[chosen], self.y[chosen], _Order(epoch, permutation)


def _slope_of(
    objective: Objective, seed: Array
) -> Callable[[Tree, Array, Array, Array], tuple[Array, Tree]]:
    """Loss and gradient of a step: of the objective, or of its draw for this member and
    step.
    """
    if not isinstance(objective, Randomised):
        return lambda parameters, x, y, step: objective.value_and_grad(parameters, x, y)
    draw, key = objective.draw, stream(seed)
    return lambda parameters, x, y, step: draw(
        parameters, x, y, jax.random.fold_in(key, step)
    )


def _advance_member(
    member: Member,
    objective: Objective,
    optimiser: Optimiser,
    samples: _Samples,
    until: Array,
    stop_loss: Array,
) -> tuple[Member, Array]:
    # the loss of a draw says little about where the member stands: it is judged where
    # it is recorded
    judged = samples.batch_size is None and not isinstance(objective, Randomised)
    slope = _slope_of(objective, samples.seed)

    def running(carry: _Carry) -> Array:
        return (carry.now.step < until) & (carry.now.status == RUNNING)

    def advance(carry: _Carry) -> _Carry:
        now = carry.now
        x, y, order = samples.take(now.step, carry.order)
        loss, gradient = slope(now.parameters, x, y, now.step)
        finite = jnp.isfinite(loss)
        reached = (loss <= stop_loss) & judged
        go = finite & ~reached
        moved, memory = optimiser.update(gradient, now.memory, now.parameters, now.step)
        moved = jax.tree.map(
            lambda new, here, old: jnp.where(go, new, jnp.where(finite, here, old)),
            moved,
            now.parameters,
            carry.before,
        )
        memory = jax.tree.map(
            lambda new, old: jnp.where(go, new, old), memory, now.memory
        )
        status = jnp.where(finite, jnp.where(reached, CONVERGED, RUNNING), DIVERGED)
        # that a loss is not finite is seen one step late: the step is taken back,
        # unless there was none
        step = now.step + jnp.where(
            go, 1, jnp.where(finite | (now.step == member.step), 0, -1)
        )
        return _Carry(
            Member(moved, memory, step, status.astype(now.status.dtype)),
            now.parameters,
            order,
        )

    start = _Carry(member, member.parameters, samples.unordered())
    end = lax.while_loop(running, advance, start)
    return _judge(end, objective, samples, first_step=member.step, stop_loss=stop_loss)


def _judge(
    end: _Carry,
    objective: Objective,
    samples: _Samples,
    *,
    first_step: Array,
    stop_loss: Array,
) -> tuple[Member, Array]:
    now = end.now
    loss = objective.value(now.parameters, samples.x, samples.y)
    running = now.status == RUNNING
    lost = running & ~jnp.isfinite(loss)
    parameters = jax.tree.map(
        lambda here, old: jnp.where(lost, old, here), now.parameters, end.before
    )
    step = now.step - (lost & (now.step > first_step)).astype(now.step.dtype)
    status = jnp.where(
        lost, DIVERGED, jnp.where(running & (loss <= stop_loss), CONVERGED, now.status)
    )
    loss = jnp.where(status == DIVERGED, jnp.inf, loss)
    return Member(parameters, now.memory, step, status.astype(now.status.dtype)), loss


@partial(jax.jit, static_argnames=("objective", "batch_size"))
def advance_bucket(
    members: Member,
    seeds: Array,
    data: tuple[Array, Array],
    count: Array,
    until: Array,
    stop_loss: Array,
    optimiser: Any,
    *,
    objective: Objective,
    batch_size: int | None,
) -> tuple[Member, Array]:
    """Advance every member to step `until`, unless it ends before, and evaluate its
    loss over all data.

    `count` is the number of members and an argument rather than a constant: the loop
    over members is then the same program for one member as for many, so that their bits
    agree.

    Args:
        members: Members in the public layout, with a leading member axis.
        seeds: Seeds of the batch orders.
        data: Inputs and targets.
        count: The number of members.
        until: The step to reach, counted from the very beginning.
        stop_loss: Where to stop before; minus infinity for never.
        optimiser: The update rule.
        objective: The loss.
        batch_size: Samples per step, None for all.

    Returns:
        The members and their losses.
    """
    x, y = data
    packed = members._replace(
        parameters=objective.pack(members.parameters),
        memory=tuple(objective.pack(tree) for tree in members.memory),
    )

    def advance(row: Array, carry: tuple[Member, Array]) -> tuple[Member, Array]:
        every, losses = carry
        one = jax.tree.map(lambda leaf: leaf[row], every)
        samples = _Samples(x, y, seeds[row], batch_size)
        one, loss = _advance_member(
            one, objective, optimiser, samples, until, stop_loss
        )
        return jax.tree.map(
            lambda leaf, new: leaf.at[row].set(new), every, one
        ), losses.at[row].set(loss)

    packed, losses = lax.fori_loop(
        0, count, advance, (packed, jnp.zeros(seeds.shape, dtype=x.dtype))
    )
    unpacked = packed._replace(
        parameters=objective.unpack(packed.parameters),
        memory=tuple(objective.unpack(tree) for tree in packed.memory),
    )
    return unpacked, losses

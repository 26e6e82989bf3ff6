"""A unit from event to event through one step.

An event is that z meets a kink, or that a unit that slides along one lets go of it.
Where a unit slides on several samples the mixtures of slopes solve a linear
complementarity problem, each z standing still or its mixture at the end of its range:
projected Gauss-Seidel sweeps over the samples (Cottle, Pang and Stone 1992, The Linear
Complementarity Problem, Sec. 5.2).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from condensery.engine._flow_pieces import NOT_HELD, Along, Pieces, Pull, Rows

_MOST = 8
"""Most events, per sample, of a unit in a step; beyond them it moves on straight."""
_SWEEPS = 60
"""Most sweeps over the samples."""
_STILL = 1e-9
"""A sweep that changes no mixture by more is the last, and a speed below this part of
what enters it is none: at w = 0 all samples are on their kinks, and rounding would have
a unit turn there from side to side for ever.
"""
_TINY = 1e-300


class _Walk(NamedTuple):
    """Where the units of a walk stand.

    Attributes:
        rounds: Events, the most of any unit.
        time: Of each unit, from 0 to 1.
        z: Preactivations.
        piece: The piece of σ that each is on: for a kink that it slides along, the
            lower.
        slides: Whether it slides along the upper end of its piece.
        slope: Mean σ' so far, times the time.
        value: Mean σ so far, times the time.
        mixture: The slopes on the last way.
    """

    rounds: Int[Array, ""]
    time: Float[Array, " unit"]
    z: Rows
    piece: Int[Array, "sample unit"]
    slides: Bool[Array, "sample unit"]
    slope: Rows
    value: Rows
    mixture: Rows


def walked(pieces: Pieces, pull: Pull, z0: Rows) -> Along:
    """Units from the start of a step to its end."""
    nothing = jnp.zeros_like(z0)
    start = _Walk(
        jnp.asarray(0),
        nothing[0],
        z0,
        pieces.of(z0),
        jnp.zeros(z0.shape, bool),
        nothing,
        nothing,
        nothing,
    )
    most = _MOST * z0.shape[0] + _MOST
    end = lax.while_loop(
        lambda walk: (walk.rounds < most) & jnp.any(walk.time < 1.0),
        lambda walk: _to_event(pieces, pull, walk),
        start,
    )
    left = 1.0 - end.time
    straight = pieces.slope(end.piece)
    here = pieces.act.sigma(end.z)
    return Along(
        end.value + left * here,
        end.slope + left * straight,
        jnp.where(end.slides, end.mixture, NOT_HELD),
    )


def _mixed(pieces: Pieces, pull: Pull, walk: _Walk) -> tuple[Rows, Rows, Rows, Rows]:
    """Slopes of all samples, the speeds that they give, and for a sample that slides
    the speeds if it were below and above its kink.
    """
    low, high = pieces.slope(walk.piece), pieces.slope(walk.piece + 1)
    K, push = pull.K, pull.push
    samples = len(K)
    reaction = pull.reaction()
    slope = jnp.where(walk.slides, 0.5 * (low + high), low)
    safe = jnp.where(jnp.abs(reaction) > _TINY, reaction, _TINY)
    least, largest = jnp.minimum(low, high), jnp.maximum(low, high)

    def settle(j: Array, slope: Array) -> Array:
        speed = K[j] @ (push * slope)
        stands = slope[j] - speed / safe[j]
        mixture = jnp.clip(stands, least[j], largest[j])
        return slope.at[j].set(
            jnp.where(
                walk.slides[j],
                mixture,
                slope[j],
            )
        )

    def sweep(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        count, _, slope = state
        after = lax.fori_loop(
            0,
            samples,
            settle,
            slope,
        )
        change = jnp.max(jnp.abs(after - slope))
        return count + 1, change, after

    def several(slope: Array) -> Array:
        begun = jnp.asarray(0), jnp.asarray(jnp.inf), slope
        return lax.while_loop(
            lambda state: (state[0] < _SWEEPS) & (state[1] > _STILL),
            sweep,
            begun,
        )[2]

    def single(slope: Array) -> Array:
        speed = pull.speed(slope)
        mixture = jnp.clip(slope - speed / safe, least, largest)
        return jnp.where(walk.slides, mixture, slope)

    slope = lax.cond(
        jnp.any(jnp.sum(walk.slides, axis=0) > 1),
        several,
        single,
        slope,
    )
    speed = pull.speed(slope)
    below = speed + reaction * (low - slope)
    above = speed + reaction * (high - slope)
    return slope, speed, below, above


def _to_event(pieces: Pieces, pull: Pull, walk: _Walk) -> _Walk:
    """Units to their next event, or to the end of the step."""
    slope, speed, below, above = _mixed(pieces, pull, walk)
    leaves = walk.slides & ~((below >= 0) & (above <= 0))
    waits = jnp.any(leaves, axis=0)
    upper = pieces.upper(walk.piece)
    lower = jnp.where(
        walk.piece > 0,
        pieces.upper(walk.piece - 1),
        -jnp.inf,
    )
    entering = jnp.abs(pull.K) @ jnp.abs(pull.push * slope)
    moves = (jnp.abs(speed) > _STILL * entering) & ~walk.slides
    end = jnp.where(speed > 0, upper, lower)
    until = jnp.where(
        moves & jnp.isfinite(end),
        jnp.maximum((end - walk.z) / jnp.where(moves, speed, 1.0), 0.0),
        jnp.inf,
    )
    first = jnp.argmin(until, axis=0)
    soonest = jnp.min(until, axis=0)
    left = 1.0 - walk.time
    meets = (soonest < left) & ~waits
    step = jnp.where(waits, 0.0, jnp.minimum(soonest, left))
    sample = jnp.arange(len(walk.z))[:, None]
    event = (sample == first) & meets
    z = jnp.where(walk.slides, walk.z, walk.z + step * speed)
    value = 0.5 * (pieces.act.sigma(walk.z) + pieces.act.sigma(z))
    z = jnp.where(event, end, z)
    # At its event a sample is on a kink: the lower of the two pieces has it above.
    kink = jnp.where(
        event & (speed < 0),
        walk.piece - 1,
        walk.piece,
    )
    low, high = pieces.slope(kink), pieces.slope(kink + 1)
    reaction = pull.reaction()
    at_low = speed + reaction * (low - slope)
    at_high = speed + reaction * (high - slope)
    # With equality: a unit that dies on a kink is kept on its dead side.
    stays = event & (at_low >= 0) & (at_high <= 0)
    crossed = jnp.where(speed > 0, kink + 1, kink)
    piece = jnp.where(
        stays,
        kink,
        jnp.where(event, crossed, walk.piece),
    )
    released = jnp.where(above > 0, walk.piece + 1, walk.piece)
    return _Walk(
        walk.rounds + 1,
        jnp.where(meets | waits, walk.time + step, 1.0),
        z,
        jnp.where(leaves, released, piece),
        (walk.slides | stays) & ~leaves,
        walk.slope + step * slope,
        walk.value + step * value,
        slope,
    )

"""What the steps of every flow share: how far to go in the space of outputs, and means
of σ and σ' along the way.

While the Jacobian J is frozen, the residual obeys e' = −G e with G = J D Jᵀ/n (D:
mobilities). A flow hands over the eigenvalues and eigenvectors of G, and for each group
of parameters the quadratic form that gives the squared length of the move which a u
works on it; nothing here knows a model.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from condensery.models import Activation
from condensery.records import Status

_CANDIDATES = np.logspace(-8.0, 10.0, 96)
"""Step lengths that are weighed against one another, in units of the shortest time
scale 1/λ_max(G).
"""
_LANDING = 0.8
"""Fraction of the target loss below which no step may aim (so that members stop just
below the target).
"""
_LOSS_FACTOR = 0.5
"""No step may aim at less than this fraction of the present loss: slow modes of the
residual are then resolved.
"""
_SECANT_GAP = 1e-3
"""Below this relative Δz a difference quotient would lose more digits than the
derivative at the mean errs.
"""


class Move(NamedTuple):
    """What limits the move of one group of parameters.

    Attributes:
        scale: A u moves the group by scale·√(uᵀ form u).
        form: The quadratic form.
        square: Squared norm of the group.
        gone_square: Squared distance of the group from its initial value.
    """

    scale: Float[Array, ""]
    form: Float[Array, "sample sample"]
    square: Float[Array, ""]
    gone_square: Float[Array, ""]


def h_phi1(h: Array, rate: Array) -> Array:
    """The value h φ₁(h·rate) = (1 − e^(−h·rate))/rate, and h where the rate is too
    small to matter.
    """
    z = h * rate
    return jnp.where(
        z > 1e-12,
        -jnp.expm1(-z) / jnp.where(rate > 0, rate, 1.0),
        h,
    )


def step_length(
    modes: Float[Array, " sample"],
    rates: Float[Array, " sample"],
    Q: Float[Array, "sample sample"],
    moves: tuple[Move, ...],
    *,
    eta: Array,
    target: Array,
) -> tuple[Float[Array, ""], Float[Array, " group"]]:
    """The largest h that moves no group too far and leaves the frozen model's loss
    above the landing zone.

    A move is too far when it exceeds eta times the group's norm, or eta times the way
    it has gone from its initial value together with the way the frozen model predicts
    until the target: the first resolves the growth of condensing features, the second
    the small moves of lazy ones.

    Args:
        modes: Qᵀ e.
        rates: Eigenvalues of G, ascending.
        Q: Its eigenvectors.
        moves: One entry per group of parameters.
        eta: The step parameter.
        target: The loss at which the member will stop.

    Returns:
        h, and the squared length that each group's move was allowed.
    """
    h = jnp.asarray(_CANDIDATES, rates.dtype) / jnp.maximum(rates[-1], 1e-300)
    v = h_phi1(h[:, None], rates) * modes
    loss = jnp.mean((modes - rates * v) ** 2, axis=1)
    last = jnp.maximum(jnp.sum(loss >= _LANDING * target) - 1, 0)
    floor = jnp.maximum(_LANDING * target, _LOSS_FACTOR * jnp.mean(modes**2))
    excess = floor / jnp.maximum(loss, 1e-300)
    limits = []
    for move in moves:
        way = move.scale**2 * jnp.maximum(
            jnp.sum((v @ (Q.T @ move.form @ Q)) * v, axis=1), 0.0
        )
        gone = jnp.sqrt(move.gone_square) + jnp.sqrt(way[last])
        limits.append(jnp.maximum(eta**2 * jnp.minimum(move.square, gone**2), 1e-300))
        excess = jnp.maximum(excess, way / limits[-1])
    # Each ratio grows with h and must stay below 1. Between candidates the chord lies
    # above it, so h errs short.
    k = jnp.clip(
        jnp.sum(excess <= 1.0) - 1,
        0,
        len(_CANDIDATES) - 2,
    )
    part = jnp.clip(
        (1.0 - excess[k]) / (excess[k + 1] - excess[k]),
        0.0,
        1.0,
    )
    return h[k] + part * (h[k + 1] - h[k]), jnp.stack(limits)


def shortening(
    scaled: tuple[tuple[Array, Array], ...], u: Array, limits: Array
) -> Float[Array, ""]:
    """Factor, at most 1, on a corrected move that is more than twice as long as the
    prediction was allowed to be.

    h was chosen with the Jacobian at the start. Where a unit leaves a sample within the
    step, a mode of G can all but vanish from the mean Jacobian, and h φ₁ of it is then
    h itself, however long.

    Args:
        scaled: (scale, form) of each group, with the mean Jacobian.
        u: What moves the parameters.
        limits: From `step_length`.
    """
    ways = [scale**2 * (u @ form @ u) for scale, form in scaled]
    return jnp.minimum(
        1.0, 2.0 * jnp.sqrt(jnp.min(limits / jnp.maximum(jnp.stack(ways), 1e-300)))
    )


def verdict(
    loss: Array,
    time: Array,
    steps: Array,
    *,
    target: Array,
    max_time: Array,
    max_steps: Array,
) -> Int[Array, ""]:
    """The status of a member after a step."""
    status = jnp.where(
        steps >= max_steps, int(Status.OUT_OF_STEPS), int(Status.RUNNING)
    )
    status = jnp.where(
        time >= max_time,
        int(Status.OUT_OF_TIME),
        status,
    )
    status = jnp.where(
        loss < target,
        int(Status.CONVERGED),
        status,
    )
    return jnp.where(
        jnp.isfinite(loss),
        status,
        int(Status.DIVERGED),
    )


def mean_secant(act: Activation, z0: Array, z1: Array) -> tuple[Array, Array]:
    """Mean σ, and Δσ/Δz in place of σ', between two points: the factors of the secant
    Jacobian.
    """
    s0, s1 = act.sigma(z0), act.sigma(z1)
    gap = z1 - z0
    wide = jnp.abs(gap) > _SECANT_GAP * (jnp.abs(z0) + jnp.abs(z1))
    slope = jnp.where(
        wide, (s1 - s0) / jnp.where(wide, gap, 1.0), act.sigma_prime(0.5 * (z0 + z1))
    )
    return 0.5 * (s0 + s1), slope


def mean_through_kink(
    act: Activation, slopes: tuple[float, float], z0: Array, z1: Array, push: Array
) -> tuple[Array, Array]:
    """Mean σ and mean σ' on the way from z0 to a predicted z1, for an activation with a
    kink at 0.

    Args:
        act: The activation.
        slopes: σ' below and above 0.
        z0: Preactivations at the start of the step.
        z1: The same at the end, predicted with σ' at the start.
        push: The part of z1 − z0 that a unit with σ' = 1 works on each sample by
            itself.
    """
    below, above = slopes
    here = jnp.where(z0 > 0, above, below).astype(z0.dtype)
    there = (below + above) - here
    crosses = (z0 > 0) != (z1 > 0)
    speed = z1 - z0
    until = z0 / jnp.where(crosses, -speed, 1.0)  # the part of the step before the kink
    beyond = speed + (there - here) * push
    slides = beyond * speed < 0
    share = jnp.where(
        slides, beyond / jnp.where(slides, beyond - speed, 1.0), 0.0
    )  # of the near slope: z stands still
    after = there + share * (here - there)
    reached = jnp.where(slides, 0.0, (1.0 - until) * beyond)
    s0, s1 = act.sigma(z0), act.sigma(jnp.where(crosses, reached, z1))
    s = 0.5 * jnp.where(
        crosses,
        until * s0 + (1.0 - until) * s1,
        s0 + s1,
    )
    return s, jnp.where(
        crosses,
        until * here + (1.0 - until) * after,
        here,
    )

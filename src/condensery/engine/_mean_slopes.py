"""Means of σ and σ' between two preactivations: what the mean Jacobian of a step is
made of.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array

from condensery.models import Activation

_SECANT_GAP = 1e-3
"""Below this relative Δz a difference quotient would lose more digits than the
derivative at the mean errs.
"""


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
    reached = jnp.where(
        slides,
        0.0,
        (1.0 - until) * beyond,
    )
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

"""Activations that are linear between kinks, and what moves a unit from one to the
next.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery.models import Activation

NOT_HELD = -1.0
"""Stands where no unit is held on a kink: no slope of an activation is negative."""
Rows = Float[Array, "sample unit"]


class Along(NamedTuple):
    """What units did in a step.

    Attributes:
        value: Mean σ.
        slope: Mean σ'.
        held: The mixture of slopes on a kink along which a unit slides at the end,
            `NOT_HELD` elsewhere.
    """

    value: Rows
    slope: Rows
    held: Rows


class Pull(NamedTuple):
    """What moves the units of a walk."""

    push: Rows
    K: Float[Array, "sample sample"]

    def reaction(self) -> Rows:
        """What a sample of a unit works on itself, per σ'."""
        return jnp.diagonal(self.K)[:, None] * self.push

    def speed(self, slope: Rows) -> Rows:
        """Speeds of the preactivations with these slopes."""
        return self.K @ (self.push * slope)


class Pieces(NamedTuple):
    """An activation that is linear between its kinks."""

    act: Activation
    ends: tuple[float, ...]
    slopes: tuple[float, ...]

    def slope(self, piece: Array) -> Array:
        """The value σ' on a piece."""
        value = jnp.full(piece.shape, self.slopes[0])
        for index, slope in enumerate(self.slopes[1:], start=1):
            value = jnp.where(piece >= index, slope, value)
        return value

    def upper(self, piece: Array) -> Array:
        """Where a piece ends."""
        end = jnp.full(piece.shape, jnp.inf)
        for index, kink in reversed(list(enumerate(self.ends))):
            end = jnp.where(piece <= index, kink, end)
        return end

    def of(self, z: Array) -> Array:
        """The pieces that preactivations are on; a kink belongs to the lower."""
        return sum(
            ((z > kink).astype(jnp.int32) for kink in self.ends),
            jnp.zeros(z.shape, jnp.int32),
        )

"""What a member of a three-layer ensemble is made of."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float


class Passed(NamedTuple):
    """What one pass forwards and backwards through the network leaves: all (copy,
    sample, unit).

    Attributes:
        z1: Preactivations of the first hidden layer.
        z2: Of the second.
        back: b v without the bias column: what z1 is worth to the output, before
            σ'(z1).
    """

    z1: Float[Array, "copy sample inner"]
    z2: Float[Array, "copy sample outer"]
    back: Float[Array, "copy sample inner"]


class Weights(NamedTuple):
    """The parameters of all copies."""

    a: Float[Array, "copy outer"]
    v: Float[Array, "copy outer inner_and_bias"]
    w: Float[Array, "copy feature inner"]


class Constants(NamedTuple):
    """What stays fixed while a member trains; the initial weights are those of the
    first copy, the last has −a0.

    `mobility` is (M₁, M₂, M₃).
    """

    a0: Float[Array, " outer"]
    v0: Float[Array, "outer inner_and_bias"]
    w0: Float[Array, "feature inner"]
    kappa: Float[Array, ""]
    mobility: Float[Array, " layer"]
    eta: Float[Array, ""]
    target: Float[Array, ""]
    max_time: Float[Array, ""]

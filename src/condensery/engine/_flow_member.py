"""What a member of a two-layer ensemble is made of."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float


class Weights(NamedTuple):
    """The parameters, feature-major."""

    a: Float[Array, " unit"]
    w: Float[Array, "feature unit"]


class Constants(NamedTuple):
    """What stays fixed while a member trains."""

    a0: Float[Array, " unit"]
    w0: Float[Array, "feature unit"]
    kappa: Float[Array, ""]
    kappa_prime: Float[Array, ""]
    eta: Float[Array, ""]
    target: Float[Array, ""]
    max_time: Float[Array, ""]

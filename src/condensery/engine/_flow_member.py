"""What a member of a two-layer ensemble holds while it trains."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float, Int


class Member(NamedTuple):
    """What changes while a member trains.

    With a leading member axis it is the state of a bucket of equal widths.

    `moved_a` and `moved_w` are S Sᵀ and (B Bᵀ)∘X Xᵀ at the present parameters: the
    squared lengths of the moves of a and W that a u causes are quadratic forms in them.
    """

    a: Float[Array, " unit"]
    w: Float[Array, "feature unit"]
    e: Float[Array, " sample"]
    moved_a: Float[Array, "sample sample"]
    moved_w: Float[Array, "sample sample"]
    time: Float[Array, ""]
    steps: Int[Array, ""]
    status: Int[Array, ""]
    loss: Float[Array, ""]


class Constants(NamedTuple):
    """What stays fixed while a member trains."""

    a0: Float[Array, " unit"]
    w0: Float[Array, "feature unit"]
    kappa: Float[Array, ""]
    kappa_prime: Float[Array, ""]
    eta: Float[Array, ""]
    target: Float[Array, ""]
    max_time: Float[Array, ""]

"""Dropout masks by counter: a mask depends on the member's seed, the step, the layer
and its own shape, on no more.

One block of the Threefry generator turns (seed, step, layer) into two words; every
entry is then hashed from its index and these words. That is six to seven times faster
than drawing every entry from Threefry (15 × 1000 entries: 4.7 against 31 µs on one
core), where masks would be the larger part of a step (see
`docs/adr/010-hashed-masks.md`).
"""

from __future__ import annotations

from math import prod
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, UInt32

from condensery._errors import InvalidInputError

MaskSharing = Literal["per_sample", "shared"]
MASKS: tuple[MaskSharing, ...] = ("per_sample", "shared")

_STREAM = 0x6D61736B
"""Keeps the masks of a seed apart from its order of mini-batches."""


def stream(seed: Array) -> Array:
    """The key from which all masks of a member come."""
    return jax.random.fold_in(jax.random.key(seed), _STREAM)


def check_keep(keep: float) -> float:
    """The keep probability p as a float.

    Raises:
        InvalidInputError: Not in (0, 1].
    """
    if not 0.0 < keep <= 1.0:
        raise InvalidInputError(
            "keep",
            given=keep,
            allowed="a keep probability 0 < p <= 1",
            remedy="use 0.9 to drop one unit in ten, 1 for no dropout",
        )
    return float(keep)


def check_mask(mask: str) -> None:
    """Whether masks are drawn per sample or shared.

    Raises:
        InvalidInputError: Another word.
    """
    if mask not in MASKS:
        raise InvalidInputError(
            "mask",
            given=mask,
            allowed=" or ".join(MASKS),
            remedy="per_sample is PyTorch's",
        )


def _mixed(word: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    # a bijection of 32-bit words whose output bits each depend on every input bit
    # (multipliers of C. Wellons' search)
    word = (word ^ (word >> jnp.uint32(16))) * jnp.uint32(0x7FEB352D)
    word = (word ^ (word >> jnp.uint32(15))) * jnp.uint32(0x846CA68B)
    return word ^ (word >> jnp.uint32(16))


def dropout_factor(
    key: Array,
    shape: tuple[int, int],
    *,
    keep: float,
    mask: MaskSharing,
    layer: int | Array,
    dtype: jnp.dtype,
) -> Float[Array, "sample unit"]:
    """What the outputs of a layer are multiplied by: 1 + η = 1/p with probability p,
    else 0.

    p is met to 2^−32. Entries are independent; those of shared masks are the same for
    every sample.

    Args:
        key: Of the member and the step.
        shape: Samples and units.
        keep: p in (0, 1).
        mask: ``per_sample`` or ``shared``.
        layer: Number of the hidden layer, which has masks of its own.
        dtype: Of the result.

    Returns:
        The factors, (sample, unit), or (1, unit) where shared.
    """
    size = shape if mask == "per_sample" else (1, shape[1])
    first, second = jax.random.bits(
        jax.random.fold_in(key, layer), (2,), dtype=jnp.uint32
    )
    index = lax.iota(jnp.uint32, prod(size))
    word = _mixed(_mixed(index * jnp.uint32(0x9E3779B9) + first) ^ second).reshape(size)
    kept = word < jnp.uint32(min(round(keep * 2**32), 2**32 - 1))
    return jnp.where(
        kept, jnp.asarray(1 / keep, dtype=dtype), jnp.asarray(0, dtype=dtype)
    )

"""The registry of activations as JAX functions, each with its derivative written
out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.models._arrays import AnyArray

Elementwise = Callable[[Float[AnyArray, "*shape"]], Float[Array, "*shape"]]

LEAKY_SLOPE = 0.01


@dataclass(
    frozen=True,
)
class Activation:
    """An activation and its derivative, both elementwise and of the dtype of their
    argument.

    At a kink the derivative is the one-sided value that PyTorch uses too, and that
    `jax.grad` of `sigma` returns: 0 for relu at 0 and for hardtanh at ±1, the small
    slope for leaky_relu at 0.

    Attributes:
        name: The name in the registry.
        sigma: z -> σ(z).
        sigma_prime: z -> σ'(z).
        slopes: For activations that are linear between their kinks, σ' on each piece;
            None for all others.
        kinks: Where the pieces meet.
    """

    name: str
    sigma: Elementwise
    sigma_prime: Elementwise
    slopes: tuple[float, ...] | None = None
    kinks: tuple[float, ...] = ()


def _leaky_relu(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.where(
        z > 0,
        z,
        LEAKY_SLOPE * z,
    )


def _leaky_relu_prime(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.where(
        z > 0,
        jnp.ones_like(z),
        jnp.full_like(z, LEAKY_SLOPE),
    )


def _tanh_prime(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    t = jnp.tanh(z)
    return 1 - t * t


def _sigmoid_prime(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    s = jax.nn.sigmoid(z)
    return s * (1 - s)


def _xtanh_prime(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    t = jnp.tanh(z)
    return t + z * (1 - t * t)


def _x2tanh_prime(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    t = jnp.tanh(z)
    return t * (2 * z) + (1 - t * t) * (z * z)


def _gelu(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    return jax.scipy.stats.norm.cdf(z) * z


def _gelu_prime(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    return jax.scipy.stats.norm.cdf(z) + z * jax.scipy.stats.norm.pdf(z)


def _hardtanh(z: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    unity = jnp.ones_like(z)
    return jnp.where(
        z >= 1,
        unity,
        jnp.where(
            z <= -1,
            -unity,
            z,
        ),
    )


_PAIRS: dict[str, tuple[Elementwise, Elementwise]] = {
    "relu": (
        jax.nn.relu,
        lambda z: jnp.asarray(
            z > 0,
            dtype=z.dtype,
        ),
    ),
    "leaky_relu": (_leaky_relu, _leaky_relu_prime),
    "tanh": (jnp.tanh, _tanh_prime),
    "sigmoid": (jax.nn.sigmoid, _sigmoid_prime),
    "softplus": (jax.nn.softplus, jax.nn.sigmoid),
    "sin": (jnp.sin, jnp.cos),
    "xtanh": (lambda z: jnp.tanh(z) * z, _xtanh_prime),
    "x2tanh": (lambda z: jnp.tanh(z) * (z * z), _x2tanh_prime),
    "gelu": (_gelu, _gelu_prime),
    "hardtanh": (_hardtanh, lambda z: (jnp.abs(z) < 1).astype(z.dtype)),
    "linear": (jnp.asarray, jnp.ones_like),
}

ACTIVATIONS = tuple(_PAIRS)
"""The names that `activation` knows."""

_SLOPES = {
    "relu": (0.0, 1.0),
    "leaky_relu": (LEAKY_SLOPE, 1.0),
    "hardtanh": (0.0, 1.0, 0.0),
}
_KINKS = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "hardtanh": (-1.0, 1.0),
}

_REGISTRY = {
    name: Activation(
        name,
        *pair,
        slopes=_SLOPES.get(name),
        kinks=_KINKS.get(name, ()),
    )
    for name, pair in _PAIRS.items()
}


def activation(name: str) -> Activation:
    """The activation of the registry that a name stands for.

    relu max(z, 0); leaky_relu with slope 0.01; tanh; sigmoid; softplus log(1 + e^z);
    sin; xtanh z·tanh z; x2tanh z²·tanh z; gelu z·Φ(z) with the exact normal
    distribution function; hardtanh clip(z, −1, 1); linear z. xtanh and x2tanh have
    multiplicity 2 and 3 (Zhou et al. 2022, arXiv 2105.11686, Sec. 3). The same name
    always gives the same object, so that it can be a static argument of a compiled
    function.

    Args:
        name: One of `ACTIVATIONS`.

    Returns:
        The function and its derivative.

    Raises:
        InvalidInputError: The name is not in the registry.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import activation
        >>> relu = activation("relu")
        >>> z = jnp.array([-2.0, 0.0, 3.0])
        >>> relu.sigma(z).tolist(), relu.sigma_prime(z).tolist()
        ([0.0, 0.0, 3.0], [0.0, 0.0, 1.0])
    """
    if name not in _REGISTRY:
        raise InvalidInputError(
            "activation",
            given=name,
            allowed=", ".join(ACTIVATIONS),
            remedy="choose one of these",
        )
    return _REGISTRY[name]

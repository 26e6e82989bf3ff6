"""Convolutional networks: the two-layer one of the theory, and a small one with dense
layers on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.models._activations import activation
from condensery.models._arrays import AnyArray
from condensery.models._initialisation import mlp_normal, two_layer_normal

Kernels = Float[AnyArray, "kernel channel row column"]
Shape = tuple[int, int, int]


def _convolved(
    images: Float[AnyArray, "sample channel height width"],
    w: Kernels,
    b: Float[AnyArray, " kernel"],
) -> Float[Array, "sample kernel up across"]:
    """Every kernel at every position that fits, plus its bias."""
    output = lax.conv_general_dilated(
        jnp.asarray(images),
        jnp.asarray(w),
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    return output + b[None, :, None, None]


def _as_images(
    x: Float[AnyArray, "sample feature"], shape: Shape
) -> Float[AnyArray, "sample channel height width"]:
    return x.reshape(x.shape[0], *shape)


@dataclass(frozen=True)
class TwoLayerConv:
    """f(x) = Σ_β Σ_uv a_β,uv σ((w_β * x)_uv + b_β): one layer of convolution and a
    linear read-out of all positions.

    Parameters are ``{"a": (kernel, up, across), "w": (kernel, channel, row, column),
    "b": (kernel,)}``. Zhou et al. 2023 (arXiv 2305.09947), the network of the theory.

    Attributes:
        activation: A name of the registry.
        shape: (channel, height, width) of an input, which comes flattened.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import TwoLayerConv
        >>> one = {
        ...     "a": jnp.ones((1, 1, 2)),
        ...     "w": jnp.ones((1, 1, 1, 1)),
        ...     "b": jnp.array([0.5]),
        ... }
        >>> TwoLayerConv("relu", (1, 1, 2))(one, jnp.array([[1.0, -2.0]])).tolist()
        [1.5]
    """

    activation: str
    shape: Shape

    def __post_init__(self) -> None:
        activation(self.activation)

    def __call__(
        self,
        parameters: Mapping[str, Float[AnyArray, "*shape"]],
        x: Float[AnyArray, "sample feature"],
    ) -> Float[Array, " sample"]:
        """The network's output."""
        z = _convolved(_as_images(x, self.shape), parameters["w"], parameters["b"])
        return jnp.einsum(
            "nkuv,kuv->n", activation(self.activation).sigma(z), parameters["a"]
        )


@dataclass(frozen=True)
class Cnn:
    """One layer of convolution, then dense layers; the same activation everywhere, the
    last layer linear.

    Parameters are ``[(kernels, b), (W, b), …]`` with kernels (kernel, channel, row,
    column) and W (out, in). Zhou et al. 2023 (arXiv 2305.09947), the kind of network of
    the experiments: convolution and two dense layers.

    Attributes:
        activation: A name of the registry.
        shape: (channel, height, width) of an input, which comes flattened.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import Cnn
        >>> conv = (jnp.ones((1, 1, 1, 1)), jnp.zeros(1))
        >>> Cnn("relu", (1, 1, 2))(
        ...     [conv, (jnp.array([[1.0, 2.0]]), jnp.zeros(1))], jnp.array([[1.0, 3.0]])
        ... ).tolist()
        [[7.0]]
    """

    activation: str
    shape: Shape

    def __post_init__(self) -> None:
        activation(self.activation)

    def __call__(
        self,
        parameters: Sequence[tuple[AnyArray, AnyArray]],
        x: Float[AnyArray, "sample feature"],
    ) -> Float[Array, "sample output"]:
        """The network's output."""
        sigma = activation(self.activation).sigma
        h = sigma(_convolved(_as_images(x, self.shape), *parameters[0])).reshape(
            x.shape[0], -1
        )
        for weight, bias in parameters[1:-1]:
            h = sigma(h @ weight.T + bias)
        weight, bias = parameters[-1]
        return h @ weight.T + bias


def two_layer_conv_normal(
    kernels: int, *, shape: Shape, size: int, seed: int, std: float
) -> dict[str, Float[np.ndarray, "*shape"]]:
    """Draw all parameters of a `TwoLayerConv` from N(0, std²).

    Args:
        kernels: How many, at least 1.
        shape: (channel, height, width) of an input.
        size: Kernels are size × size.
        seed: The member's seed, at least 0.
        std: Standard deviation.

    Returns:
        ``{"a", "w", "b"}`` in float64.

    Raises:
        InvalidInputError: Kernels that do not fit; also, as in `two_layer_normal`, no
            kernels and a negative seed.

    Example:
        >>> from condensery.models import two_layer_conv_normal
        >>> drawn = two_layer_conv_normal(4, shape=(1, 10, 10), size=3, seed=0, std=0.1)
        >>> drawn["a"].shape, drawn["w"].shape, drawn["b"].shape
        ((4, 8, 8), (4, 1, 3, 3), (4,))
    """
    channels, up, across = _positions(shape, size)
    rows = two_layer_normal(
        kernels, features=channels * size**2 + 1, seed=seed, std_a=std, std_w=std
    )["w"]
    readout = two_layer_normal(
        kernels * up * across, features=1, seed=seed, std_a=std, std_w=std
    )["a"]
    return {
        "a": readout.reshape(kernels, up, across),
        "w": rows[:, :-1].reshape(kernels, channels, size, size),
        "b": rows[:, -1].copy(),
    }


def cnn_normal(
    kernels: int,
    *,
    shape: Shape,
    size: int,
    dense: Sequence[int],
    seed: int,
    std: float | Sequence[float],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw all parameters of a `Cnn`, each layer from N(0, std²) and a stream of its
    own.

    Args:
        kernels: How many, at least 1.
        shape: (channel, height, width) of an input.
        size: Kernels are size × size.
        dense: Widths of the dense layers, the number of outputs last.
        seed: The member's seed, at least 0.
        std: One standard deviation, or one per layer.

    Returns:
        The parameters in float64.

    Raises:
        InvalidInputError: Kernels that do not fit; also what `mlp_normal` refuses.

    Example:
        >>> from condensery.models import cnn_normal
        >>> [
        ...     w.shape
        ...     for w, b in cnn_normal(
        ...         4, shape=(1, 8, 8), size=3, dense=[16, 10], seed=0, std=0.1
        ...     )
        ... ]
        [(4, 1, 3, 3), (16, 144), (10, 16)]
    """
    channels, up, across = _positions(shape, size)
    deviations = (
        [float(std)] * (len(dense) + 1) if isinstance(std, (int, float)) else list(std)
    )
    # the first two layers of a dense network that sees patches, and the rest of one
    # that sees the layer of kernels
    first = mlp_normal([channels * size**2, kernels], seed=seed, std=deviations[0])[0]
    rest = mlp_normal(
        [1, kernels * up * across, *dense], seed=seed, std=[1.0, *deviations[1:]]
    )[1:]
    layers = [(first[0].reshape(kernels, channels, size, size), first[1]), *rest]
    return [
        (weight, np.zeros(len(weight)) if bias is None else bias)
        for weight, bias in layers
    ]


def _positions(shape: Shape, size: int) -> tuple[int, int, int]:
    channels, height, width = shape
    if not 1 <= size <= min(height, width):
        raise InvalidInputError(
            "size",
            given=size,
            allowed=f"1 to {min(height, width)}, the images' smaller side",
            remedy="use 3",
        )
    return channels, height - size + 1, width - size + 1

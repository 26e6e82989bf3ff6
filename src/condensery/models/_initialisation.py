"""Random initial parameters, counter-based: a draw depends on its own seed and shape
and on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError


def _normal(
    shape: tuple[int, ...], *, seed: int, stream: int
) -> Float[np.ndarray, "*shape"]:
    if seed < 0:
        raise InvalidInputError(
            "seed",
            given=seed,
            allowed="a whole number >= 0",
            remedy="choose another seed",
        )
    return np.random.Generator(np.random.Philox(key=[seed, stream])).standard_normal(
        shape
    )


def _checked_width(width: int) -> int:
    if width < 1:
        raise InvalidInputError(
            "width",
            given=width,
            allowed="a whole number >= 1",
            remedy="use for example 1000",
        )
    return int(width)


def two_layer_normal(
    width: int, *, features: int, seed: int, std_a: float, std_w: float
) -> dict[str, Float[np.ndarray, "*shape"]]:
    """Draw a_k ~ N(0, std_a²) and w_k ~ N(0, std_w² I), independent, from the Philox
    generator.

    The random streams of a and w are separate and unit k's numbers come k-th, so the
    first units of a wide network equal those of a narrow one with the same seed, and no
    draw depends on what else is drawn. In the raw two-layer model of Luo et al. 2021
    (arXiv 2007.07497, Sec. 2) std_a is β1 and std_w is β2. `InvalidInputError` answers
    a width below 1 and a negative seed.

    Args:
        width: Number of units, at least 1.
        features: Number of input features, the constant one included.
        seed: The member's seed, at least 0.
        std_a: Standard deviation of the output weights.
        std_w: Standard deviation of the input weights and biases.

    Returns:
        ``{"a": (unit,), "w": (unit, feature)}`` in float64.

    Example:
        >>> from condensery.models import two_layer_normal
        >>> wide = two_layer_normal(100, features=2, seed=7, std_a=1.0, std_w=0.5)
        >>> narrow = two_layer_normal(3, features=2, seed=7, std_a=1.0, std_w=0.5)
        >>> bool((wide["w"][:3] == narrow["w"]).all()), wide["w"].shape
        (True, (100, 2))
    """
    width = _checked_width(width)
    return {
        "a": std_a * _normal((width,), seed=seed, stream=0),
        "w": std_w * _normal((width, features), seed=seed, stream=1),
    }


def mlp_normal(
    sizes: Sequence[int],
    *,
    seed: int,
    std: float | Sequence[float],
    bias: bool = True,
    output_bias: bool = True,
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Draw every weight and bias of layer l from N(0, std_l²), each layer from a stream
    of its own.

    Args:
        sizes: Input size, hidden widths, output size.
        seed: The member's seed, at least 0.
        std: One standard deviation, or one per layer.
        bias: Whether hidden layers have biases.
        output_bias: Whether the last layer has one.

    Returns:
        ``(W, b)`` per layer in float64, ``W: (out, in)``.

    Raises:
        InvalidInputError: Fewer than two sizes, or a number of deviations that fits no
            layers; also, as in `two_layer_normal`, a size below 1 and a negative seed.

    Example:
        >>> from condensery.models import mlp_normal
        >>> layers = mlp_normal([5, 50, 1], seed=0, std=0.1, output_bias=False)
        >>> [(w.shape, None if b is None else b.shape) for w, b in layers]
        [((50, 5), (50,)), ((1, 50), None)]
    """
    count = len(sizes) - 1
    if count < 1:
        raise InvalidInputError(
            "sizes",
            given=list(sizes),
            allowed="input and output size at least",
            remedy="add one",
        )
    deviations = (
        [float(std)] * count
        if isinstance(std, (int, float))
        else [float(value) for value in std]
    )
    if len(deviations) != count:
        raise InvalidInputError(
            "std",
            given=deviations,
            allowed=f"one number, or one for each of {count} layers",
            remedy="match the layers",
        )
    layers: list[tuple[np.ndarray, np.ndarray | None]] = []
    for index, deviation in enumerate(deviations):
        into, out = _checked_width(sizes[index]), _checked_width(sizes[index + 1])
        weight = deviation * _normal((out, into), seed=seed, stream=2 * index)
        has_bias = output_bias if index == count - 1 else bias
        layers.append(
            (
                weight,
                deviation * _normal((out,), seed=seed, stream=2 * index + 1)
                if has_bias
                else None,
            )
        )
    return layers

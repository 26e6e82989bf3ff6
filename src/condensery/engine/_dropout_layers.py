"""A net passed forward with a factor on every unit of its hidden layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.models import AnyArray, Mlp, TwoLayer, activation

Net = TwoLayer | Mlp


def masked_output(
    model: Net,
    parameters: Any,
    x: Float[AnyArray, "sample feature"],
    factors: Sequence[Array | None],
) -> Float[AnyArray, "sample ..."]:
    """The output of a net whose hidden layers are multiplied by given factors, the last
    hidden layer by the last.

    Args:
        model: A `TwoLayer` or an `Mlp`.
        parameters: Its parameters.
        x: Inputs.
        factors: (sample, unit), (1, unit) or None for the last ``len(factors)`` hidden
            layers.

    Returns:
        The output.

    Raises:
        InvalidInputError: There are more factors than hidden layers.
    """
    *hidden, top = layers_of(model, parameters)
    if len(factors) > len(hidden):
        raise InvalidInputError(
            "keep",
            given=f"{len(factors)} probabilities",
            allowed=f"at most {len(hidden)}, one per hidden layer",
            remedy="match the layers",
        )
    aligned = (*(None for _ in range(len(hidden) - len(factors))), *factors)
    sigma = activation(model.activation).sigma
    for (weight, bias), by in zip(hidden, aligned, strict=True):
        x = x @ weight.T
        x = sigma(x if bias is None else x + bias)
        x = x if by is None else x * by
    if isinstance(model, TwoLayer):
        return model.scale * (x @ top[0])
    output = x @ top[0].T
    return output if top[1] is None else output + top[1]


def layers_of(model: Net, parameters: Any) -> list[tuple[AnyArray, AnyArray | None]]:
    """The layers as (W, b); the last of a `TwoLayer` is (a, None) with a vector."""
    if isinstance(model, TwoLayer):
        return [(parameters["w"], None), (parameters["a"], None)]
    return list(parameters)


def last_hidden(
    model: Net, parameters: Any, x: Float[AnyArray, "sample feature"]
) -> tuple[AnyArray, Array]:
    """Outputs of the last hidden layer (sample, unit) and |W_L[:, j]|² of its units."""
    *hidden, (top, _) = layers_of(model, parameters)
    sigma = activation(model.activation).sigma
    for weight, bias in hidden:
        x = x @ weight.T
        x = sigma(x if bias is None else x + bias)
    squares = (
        jnp.square(model.scale * top)
        if isinstance(model, TwoLayer)
        else jnp.sum(jnp.square(top), axis=0)
    )
    return x, squares

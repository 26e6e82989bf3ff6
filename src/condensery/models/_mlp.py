"""The multilayer network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from condensery.models._activations import activation
from condensery.models._arrays import AnyArray

Layer = tuple[Float[AnyArray, "_unit _input"], Float[AnyArray, " _unit"] | None]


@dataclass(frozen=True)
class Mlp:
    """h_l = σ(W_l h_{l-1} + b_l), with a linear last layer.

    Parameters are a sequence of ``(W, b)``, input first, ``W: (out, in)``, ``b:
    (out,)`` or None.

    Attributes:
        activation: A name of the registry; an unknown one raises `InvalidInputError`.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import Mlp
        >>> hat = [
        ...     (jnp.array([[1.0], [-1.0]]), None),
        ...     (jnp.array([[1.0, 1.0]]), jnp.array([0.5])),
        ... ]
        >>> Mlp("relu")(hat, jnp.array([[-2.0], [3.0]])).tolist()
        [[2.5], [3.5]]
    """

    activation: str = "tanh"

    def __post_init__(self) -> None:
        activation(self.activation)

    def __call__(
        self, parameters: Sequence[Layer], x: Float[AnyArray, "sample feature"]
    ) -> Float[AnyArray, "sample output"]:
        """The network's output."""
        return mlp(parameters, x, self.activation)


def mlp(
    parameters: Sequence[Layer],
    x: Float[AnyArray, "sample feature"],
    activation_name: str,
) -> Float[AnyArray, "sample output"]:
    """Output of a multilayer network with the same activation in every hidden layer and
    a linear last layer.

    Args:
        parameters: ``(W, b)`` per layer, input first; b may be None.
        x: Inputs.
        activation_name: A name of the registry.

    Returns:
        The outputs. One layer is a linear map.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import mlp
        >>> mlp(
        ...     [(jnp.array([[2.0, 0.0]]), None)], jnp.array([[3.0, 1.0]]), "tanh"
        ... ).tolist()
        [[6.0]]
    """
    sigma = activation(activation_name).sigma
    last = len(parameters) - 1
    for index, (weight, bias) in enumerate(parameters):
        x = x @ weight.T
        x = x if bias is None else x + bias
        x = x if index == last else sigma(x)
    return x

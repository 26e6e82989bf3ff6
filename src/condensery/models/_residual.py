"""Deep networks whose hidden layers have activations of their own, with or without
residual connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.models._activations import activation
from condensery.models._arrays import AnyArray
from condensery.models._mlp import Layer


@dataclass(frozen=True)
class LayeredMlp:
    """h₁ = σ₁(W₁x + b₁), then h_l = σ_l(W_l h_{l−1} + b_l) + h_{l−1}, and a linear last
    layer.

    Zhou et al. 2022 (arXiv 2105.11686), Fig. 3: a different activation in every hidden
    layer, so that one network shows the multiplicity of each. The first layer changes
    the number of features and has no residual connection.

    Attributes:
        activations: One name of the registry per hidden layer, input first.
        residual: Whether hidden layers after the first add their input.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import LayeredMlp
        >>> one = (jnp.array([[1.0]]), jnp.array([0.0]))
        >>> LayeredMlp(("linear", "relu"))(
        ...     [one, one, one], jnp.array([[2.0], [-3.0]])
        ... ).tolist()
        [[4.0], [-3.0]]
        >>> LayeredMlp(("linear", "relu"), residual=False)(
        ...     [one, one, one], jnp.array([[2.0], [-3.0]])
        ... ).tolist()
        [[2.0], [0.0]]
    """

    activations: tuple[str, ...]
    residual: bool = True

    def __post_init__(self) -> None:
        for name in self.activations:
            activation(name)

    def __call__(
        self, parameters: Sequence[Layer], x: Float[AnyArray, "sample feature"]
    ) -> Float[AnyArray, "sample output"]:
        """The network's output."""
        hidden = self.hidden(parameters, x)
        weight, bias = parameters[-1]
        output = hidden[-1] @ weight.T
        return output if bias is None else output + bias

    def hidden(
        self, parameters: Sequence[Layer], x: Float[AnyArray, "sample feature"]
    ) -> list[Float[AnyArray, "sample ..."]]:
        """The inputs of every layer: x, h₁, h₂ and so on.

        Args:
            parameters: One layer more than there are activations.
            x: Inputs.

        Returns:
            One array per layer.

        Raises:
            InvalidInputError: The number of layers is another.
        """
        if len(parameters) != len(self.activations) + 1:
            raise InvalidInputError(
                "parameters",
                given=f"{len(parameters)} layers",
                allowed=f"{len(self.activations) + 1} layers",
                remedy="give one activation per hidden layer",
            )
        inputs = [x]
        for index, (name, (weight, bias)) in enumerate(
            zip(self.activations, parameters[:-1], strict=True)
        ):
            before = inputs[-1]
            z = before @ weight.T
            h = activation(name).sigma(z if bias is None else z + bias)
            inputs.append(h + before if self.residual and index else h)
        return inputs

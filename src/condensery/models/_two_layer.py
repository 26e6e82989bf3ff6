"""The two-layer network, the field's model system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from condensery.models._activations import activation
from condensery.models._arrays import AnyArray

Parameters = Mapping[str, Float[AnyArray, "*shape"]]


def with_bias(
    x: ArrayLike,
) -> Float[Array, "sample feature"] | Float[np.ndarray, "sample feature"]:
    """Append the constant feature 1, so that the last entry of every w is its unit's
    bias.

    Luo et al. 2021 (arXiv 2007.07497), Sec. 2: x → (x, 1), w → (w, b).

    Args:
        x: Inputs of shape (sample, feature); a vector is taken as one feature per
            sample.

    Returns:
        The inputs with a last column of ones: a JAX array for a JAX array, otherwise a
        NumPy array.

    Example:
        >>> import numpy as np
        >>> from condensery.models import with_bias
        >>> with_bias(np.array([2.0, 3.0])).tolist()
        [[2.0, 1.0], [3.0, 1.0]]
    """
    # on the host nothing has to be compiled
    space = jnp if isinstance(x, Array) else np
    inputs = space.asarray(x)
    rows = inputs[:, None] if inputs.ndim == 1 else inputs
    return space.concatenate([rows, space.ones_like(rows[:, :1])], axis=1)


@dataclass(frozen=True)
class TwoLayer:
    """f(x) = scale · Σ_k a_k σ(w_k · x) with the bias absorbed in w (see `with_bias`);
    no output bias.

    Parameters are ``{"a": (unit,), "w": (unit, feature)}``. Luo et al. 2021 (arXiv
    2007.07497), Sec. 2, where scale is 1/α for the raw and κ for the normalised model.

    Attributes:
        activation: A name of the registry; an unknown one raises `InvalidInputError`.
        scale: The factor in front of the sum.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.models import TwoLayer, with_bias
        >>> hat = {
        ...     "a": jnp.array([1.0, 1.0]),
        ...     "w": jnp.array([[1.0, 0.0], [-1.0, 0.0]]),
        ... }
        >>> TwoLayer("relu")(hat, with_bias(jnp.array([-2.0, 0.5]))).tolist()
        [2.0, 0.5]
    """

    activation: str = "relu"
    scale: float = 1.0
    constant_feature: ClassVar[bool] = True
    """Inputs carry the constant feature; `condensery.engine.descend` appends it."""

    def __post_init__(self) -> None:
        activation(self.activation)

    def __call__(
        self, parameters: Parameters, x: Float[AnyArray, "sample feature"]
    ) -> Float[Array, " sample"]:
        """The network's output on inputs that already carry the constant feature."""
        sigma = activation(self.activation).sigma
        return self.scale * (sigma(x @ parameters["w"].T) @ parameters["a"])

"""The multilayer network with batch normalisation before every activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery.models._activations import activation
from condensery.models._arrays import AnyArray

NormalisedLayer = tuple[
    Float[Array, "output input"], Float[Array, " output"], Float[Array, " output"]
]
"""(W, gamma, beta) of a hidden layer; the last layer is (W, b)."""

EPSILON = 1e-5


@dataclass(frozen=True)
class BatchNormMlp:
    """h_l = σ(γ·(z − mean z)/√(var z + 1e-5) + β) with z = W_l h_{l−1}, mean and
    variance over the batch.

    Parameters are ``(W, gamma, beta)`` per hidden layer, then ``(W, b)``. This is batch
    normalisation in training mode (Ioffe and Szegedy 2015, arXiv 1502.03167) with the
    whole data as the batch; there are no running statistics.

    Attributes:
        activation: A name of the registry; an unknown one raises `InvalidInputError`.

    Example:
        Whatever the scale of W, the pre-activations have mean β and spread γ:

        >>> import jax.numpy as jnp
        >>> from condensery.models import BatchNormMlp
        >>> one = jnp.ones(1)
        >>> net = [(jnp.array([[1e6]]), one, 0 * one), (jnp.array([[1.0]]), 0 * one)]
        >>> BatchNormMlp("linear")(net, jnp.array([[-2.0], [2.0]])).round(6).tolist()
        [[-1.0], [1.0]]
    """

    activation: str = "tanh"

    def __post_init__(self) -> None:
        activation(self.activation)

    def __call__(
        self,
        parameters: Sequence[tuple[AnyArray, ...]],
        x: Float[AnyArray, "sample feature"],
    ) -> Float[AnyArray, "sample output"]:
        """The network's output on a batch."""
        sigma = activation(self.activation).sigma
        *hidden, (weight, bias) = parameters
        for W, gamma, beta in hidden:
            z = x @ W.T
            centred = z - z.mean(axis=0)
            spread = jnp.sqrt(z.var(axis=0) + EPSILON)
            x = sigma(gamma * centred / spread + beta)
        return x @ weight.T + bias

    def folded(
        self,
        parameters: Sequence[tuple[AnyArray, ...]],
        x: Float[AnyArray, "sample feature"],
    ) -> list[tuple[Float[AnyArray, "output input"], Float[AnyArray, " output"]]]:
        """The plain net ``(W, b)`` per layer that does the same on this batch: the
        statistics become weights.

        Example:
            >>> import jax.numpy as jnp
            >>> from condensery.models import BatchNormMlp, mlp
            >>> one, x = jnp.ones(1), jnp.array([[-2.0], [3.0]])
            >>> net = [
            ...     (jnp.array([[7.0]]), 2 * one, one),
            ...     (jnp.array([[1.0]]), 0 * one),
            ... ]
            >>> model = BatchNormMlp("tanh")
            >>> bool(jnp.allclose(mlp(model.folded(net, x), x, "tanh"), model(net, x)))
            True
        """
        sigma = activation(self.activation).sigma
        plain = []
        *hidden, last = parameters
        for W, gamma, beta in hidden:
            z = x @ W.T
            scale = gamma / jnp.sqrt(z.var(axis=0) + EPSILON)
            plain.append(
                (
                    scale[:, None] * W,
                    beta
                    - scale
                    * z.mean(
                        axis=0,
                    ),
                )
            )
            x = sigma(x @ plain[-1][0].T + plain[-1][1])
        return [*plain, (last[0], last[1])]

"""The empirical neural tangent kernel of a network."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from condensery.models import Network


def empirical_ntk(
    network: Network,
    x: Float[np.ndarray, "sample feature"],
    against: Float[np.ndarray, "row feature"] | None = None,
) -> Float[np.ndarray, "*axes"]:
    """Inner products of the gradients of a network's outputs by all its parameters.

    Formula:
        K(x, x') = Σ_θ ∂f(x)/∂θ · ∂f(x')/∂θ at the network's parameters; without a
        factor 1/n. With `scale` κ it is κ² times the kernel of the raw network.

    Args:
        network: Any network; with a member axis the kernel of each member.
        x: Inputs without the constant feature (see `Network.forward`).
        against: Inputs of the second argument; None takes `x`.

    Returns:
        (sample, row) for a two-layer net, (sample, output, row, output) otherwise, in
        an ensemble with the member axis in front; symmetric and positive semidefinite
        up to rounding where both arguments are the same. At a kink the derivative is
        that of `condensery.models`.

    Raises:
        InvalidInputError: Another number of features than the network takes.

    Source:
        Jacot et al. 2018, arXiv 1806.07572, Sec. 4.

    Example:
        f = w·x has the kernel x·x'.

        >>> import numpy as np
        >>> from condensery.engine import empirical_ntk
        >>> from condensery.models import Network
        >>> line = Network.of([(np.array([[7.0, 5.0]]), None)], "linear")
        >>> x = np.array([[1.0, 0.0], [2.0, 3.0]])
        >>> empirical_ntk(line, x)[:, 0, :, 0].tolist()
        [[1.0, 2.0], [2.0, 13.0]]
    """
    if network.members is not None:
        members = [network.member(index) for index in range(network.members)]
        return np.stack([empirical_ntk(member, x, against) for member in members])
    parameters = jax.tree.map(jnp.asarray, network)
    first = _jacobian(parameters, jnp.asarray(x))
    second = first
    if against is not None:
        second = _jacobian(parameters, jnp.asarray(against))
    return np.asarray(_product(first, second, axes=1 if network.is_two_layer else 2))


@jax.jit
def _jacobian(network: Network, x: Any) -> Any:
    return jax.jacrev(lambda at: at.forward(x))(network)


def _product(first: Any, second: Any, *, axes: int) -> Any:
    """Σ over all leaves of the contraction of their parameter axes."""
    terms = []
    pairs = zip(
        jax.tree.leaves(first),
        jax.tree.leaves(second),
        strict=True,
    )
    for left, right in pairs:
        over = range(axes, left.ndim)
        terms.append(
            jnp.tensordot(
                left,
                right,
                axes=(tuple(over), tuple(over)),
            )
        )
    return sum(terms[1:], start=terms[0])

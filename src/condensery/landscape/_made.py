"""Problems made for a net: targets for which it is a critical point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._derivatives import jacobian
from condensery.landscape._network import Layer, Problem, check_parameters, forward

CUTOFF = 1e-12


def made_critical(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    activation: str,
    *,
    seed: int = 0,
    size: float = 1.0,
    factor: float = 1.0,
) -> Problem:
    """A problem at which the net is a critical point with a loss above zero: its
    targets are chosen so.

    The gradient is linear in the output errors, (sample, output), and with more of them
    than parameters it vanishes on a whole space of errors. A random one is taken, and y
    = f(x) − error. So operators can be tried at critical points of any kind of net
    without looking for one.

    Args:
        parameters: ``(W, b)`` per layer.
        x: Inputs; more samples times outputs than there are parameters, or at least
            than the rank of the Jacobian.
        activation: That of the hidden layers.
        seed: Of the errors.
        size: Of the errors; large ones make saddles, small ones minima.
        factor: Of the loss.

    Raises:
        InvalidInputError: Too few samples.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import flatten, gradient, loss, made_critical
        >>> net = [(np.array([[2.0]]), np.array([1.0])), (np.array([[4.0]]), None)]
        >>> problem = made_critical(net, np.linspace(-1, 1, 9)[:, None], "tanh")
        >>> (
        ...     bool(np.abs(flatten(gradient(net, problem))).max() < 1e-14),
        ...     loss(net, problem) > 0.1,
        ... )
        (True, True)
    """
    layers = check_parameters(parameters)
    J = jacobian(layers, x, activation)
    _, values, right = np.linalg.svd(J.reshape(-1, J.shape[-1]).T, full_matrices=True)
    null = right[int((values > CUTOFF * values[0]).sum()) :]
    if not len(null):
        raise InvalidInputError(
            "x",
            given=f"{len(J)} samples of {J.shape[1]} outputs",
            allowed=f"more than {J.shape[-1]} in all",
            remedy="give more samples",
        )
    errors = (
        size
        * null.T
        @ np.random.Generator(np.random.Philox(seed)).standard_normal(len(null))
    )
    return Problem(
        x,
        forward(layers, x, activation) - errors.reshape(J.shape[:2]),
        activation,
        factor,
    )

"""Derivatives of a net and its loss with respect to all parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from condensery.engine import PRECISION
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    Shapes,
    elementwise,
    errors_of,
    flatten,
    forward_pass,
    shapes_of,
)
from condensery.models import Mlp, activation, mlp


def gradient(parameters: Sequence[Layer], problem: Problem) -> Parameters:
    """∇R, shaped like the parameters (`flatten` makes a vector of it).

    At a kink the derivative is that of `condensery.models`.

    Example:
        f = θx with x = 1, y = 0 and R = θ²: the slope at θ = 3 is 6.

        >>> import numpy as np
        >>> from condensery.landscape import Problem, gradient
        >>> gradient(
        ...     [(np.array([[3.0]]), None)],
        ...     Problem(np.ones((1, 1)), np.zeros(1), "tanh"),
        ... )
        [(array([[6.]]), None)]
    """
    passed = forward_pass(parameters, problem.x, problem.activation)
    return _pulled_back(
        parameters, passed, errors_of(passed[1][-1], problem), problem.activation
    )


def pullback(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    errors: Float[np.ndarray, "sample output"],
    activation_name: str,
) -> Parameters:
    """Mean over samples of Σ_i errors_i ∇f_i: the gradient of any loss with these
    output errors, linear in them.
    """
    return _pulled_back(
        parameters,
        forward_pass(parameters, x, activation_name),
        errors,
        activation_name,
    )


def _pulled_back(
    parameters: Sequence[Layer],
    passed: tuple[list[np.ndarray], list[np.ndarray]],
    errors: np.ndarray,
    name: str,
) -> Parameters:
    """`pullback` from the `forward_pass` of the parameters."""
    prime = activation(name).sigma_prime
    below, before = passed
    layers: Parameters = []
    E = np.asarray(errors, dtype=PRECISION)
    for index in reversed(range(len(parameters))):
        weight, bias = parameters[index]
        layers.append(
            (E.T @ below[index] / len(E), None if bias is None else E.mean(axis=0))
        )
        if index:
            E = (E @ weight) * elementwise(prime, before[index - 1])
    return layers[::-1]


def jacobian(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    activation_name: str,
) -> Float[np.ndarray, "sample output parameter"]:
    """∂f_i(x)/∂θ of every sample and output; parameters in the order of `flatten`."""
    vector, shapes = flatten(parameters), shapes_of(parameters)
    return np.asarray(
        _jacobian(vector, np.asarray(x, dtype=PRECISION), shapes, activation_name)
    )


def hessian(
    parameters: Sequence[Layer], problem: Problem
) -> Float[np.ndarray, "parameter parameter"]:
    """∇²R, symmetric to the last bit; parameters in the order of `flatten`.

    At a kink it is the Hessian of the piece whose derivative `condensery.models` takes:
    see `preactivations`.

    Example:
        R = mean (θx)² with x = 1, 2: the second derivative is 2·mean x² = 5.

        >>> import numpy as np
        >>> from condensery.landscape import Problem, hessian
        >>> hessian(
        ...     [(np.array([[3.0]]), None)],
        ...     Problem(np.array([[1.0], [2.0]]), np.zeros(2), "tanh"),
        ... ).tolist()
        [[5.0]]
    """
    shapes = shapes_of(parameters)
    H = np.asarray(
        _hessian(
            flatten(parameters),
            problem.x,
            problem.y,
            problem.factor,
            shapes,
            problem.activation,
        )
    )
    return (H + H.T) / 2


def net_of(vector: Array, shapes: Shapes) -> list[tuple[Array, Array | None]]:
    layers, start = [], 0
    for out, into, biased in shapes:
        W = vector[start : start + out * into].reshape(out, into)
        start += out * into
        layers.append((W, vector[start : start + out] if biased else None))
        start += out * biased
    return layers


@partial(jax.jit, static_argnums=(2, 3))
def _jacobian(vector: Array, x: Array, shapes: Shapes, activation_name: str) -> Array:
    return jax.jacrev(lambda theta: mlp(net_of(theta, shapes), x, activation_name))(
        vector
    )


@partial(jax.jit, static_argnums=(4, 5))
def _hessian(
    vector: Array,
    x: Array,
    y: Array,
    factor: Array,
    shapes: Shapes,
    activation_name: str,
) -> Array:
    model = Mlp(activation_name)
    return jax.hessian(
        lambda theta: factor * jnp.mean(jnp.square(model(net_of(theta, shapes), x) - y))
    )(vector)

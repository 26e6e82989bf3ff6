"""The inner Hessian of a unit: what decides the new eigenvalues of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from condensery.landscape._inertia import (
    second_derivative,
)
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    elementwise,
    errors_of,
    forward_pass,
    unit_inputs,
)
from condensery.landscape._receipt import check_unit
from condensery.models import activation


@dataclass(frozen=True, eq=False)
class InnerHessian:
    """What decides the new eigenvalues when one unit is split.

    Attributes:
        B: B_s = E[Z_s σ″(z_s) x̃ x̃ᵀ], Z_s the derivative of the loss with respect to
            the unit's activation and x̃ = (f_{l−1}, 1) its inputs.
        C: C_s = E[E_{l+1} σ′(z_s) x̃ᵀ], E_{l+1} the errors at the pre-activations of
            the next layer.
        inner_size: E[Σ_k|E_{l+1,k} W_{l+1,ks}|·|σ″|·‖x̃‖²]: how large B would be if
            nothing cancelled.
        companion_size: The same for C.
        output_norm: ‖W_{l+1}[:, s]‖.
    """

    B: Float[np.ndarray, "input input"]
    C: Float[np.ndarray, "next input"]
    inner_size: float
    companion_size: float
    output_norm: float


def inner_hessian(
    parameters: Sequence[Layer], problem: Problem, *, layer: int, unit: int
) -> InnerHessian:
    """The inner Hessian B_s of a unit and its companion C_s.

    Fukumizu & Amari 2000 (Neural Networks 13) use B for one hidden layer; here for any
    layer and output dimension: along (δ, η), w_j → w_j + δ_j with Σα_jδ_j = 0 and a_j →
    a_j + η_j with Ση_j = 0, the second variation of the loss after a split with
    fractions α_j is Σ α_j δ_jᵀB δ_j + 2 Σ η_jᵀC δ_j.

    Args:
        parameters: ``(W, b)`` per layer.
        problem: Data, activation and loss.
        layer: Hidden layer, from 1.
        unit: Unit, from 0.

    Returns:
        B: (input, input) and C: (next, input), where input counts the bias if there is
        one.

    Raises:
        InvalidInputError: A layer or unit that does not exist.

    Example:
        f = a·w²x² for σ(z) = z·tanh z near 0; at w = 0: σ″(0) = 2, so B =
        2a·E[error·x²].

        >>> import numpy as np
        >>> from condensery.landscape import Problem, inner_hessian
        >>> net = [(np.zeros((1, 1)), None), (np.array([[3.0]]), None)]
        >>> inner_hessian(
        ...     net, Problem(np.ones((1, 1)), np.ones(1), "xtanh"), layer=1, unit=0
        ... ).B.tolist()
        [[-12.0]]
    """
    layers = check_parameters(parameters)
    check_unit(layers, layer, unit)
    return inner_of(Pass.of(layers, problem), layer, unit)


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass forward and back: inputs x̃ and errors of every layer, σ′ and σ″ of
    hidden ones, the gradient's size.
    """

    layers: Parameters
    inputs: list[np.ndarray]
    slopes: list[np.ndarray]
    curvatures: list[np.ndarray]
    errors: list[np.ndarray]
    gradient_norm: float
    activation: str

    @classmethod
    def of(cls, layers: Parameters, problem: Problem) -> Pass:
        name = problem.activation
        prime = activation(name).sigma_prime
        below, before = forward_pass(layers, problem.x, name)
        inputs = [unit_inputs(f, layer) for f, layer in zip(below, layers, strict=True)]
        slopes = [elementwise(prime, z) for z in before[:-1]]
        errors = [errors_of(before[-1], problem)]
        for index in reversed(range(1, len(layers))):
            weight, _ = layers[index]
            errors.append(errors[-1] @ weight * slopes[index - 1])
        errors.reverse()
        size = 0.0
        for E, x in zip(errors, inputs, strict=True):
            gradient = np.abs(E.T @ x).sum()
            size += float(gradient) / len(x)
        curvatures = [second_derivative(name, z) for z in before[:-1]]
        return cls(
            layers=layers,
            inputs=inputs,
            slopes=slopes,
            curvatures=curvatures,
            errors=errors,
            gradient_norm=size,
            activation=name,
        )


def inner_of(run: Pass, layer: int, unit: int) -> InnerHessian:
    x = run.inputs[layer - 1]
    slope = run.slopes[layer - 1][:, unit]
    E = run.errors[layer]
    weight, _ = run.layers[layer]
    out = weight[:, unit]
    curvature = run.curvatures[layer - 1][:, unit]
    pull = (E @ out) * curvature
    # Errors of several outputs may cancel in Z_s to rounding: the size is that of the
    # terms.
    sizes = np.abs(E) @ np.abs(out)
    terms = sizes * np.abs(curvature)
    lengths = np.linalg.norm(x, axis=1)
    errors = np.linalg.norm(E, axis=1)
    companions = errors * np.abs(slope) * lengths
    count = len(x)
    return InnerHessian(
        B=x.T @ (pull[:, None] * x) / count,
        C=E.T @ (slope[:, None] * x) / count,
        inner_size=float(np.mean(terms * lengths**2)),
        companion_size=float(np.mean(companions)),
        output_norm=float(np.linalg.norm(out)),
    )

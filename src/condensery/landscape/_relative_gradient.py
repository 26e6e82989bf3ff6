"""How close to zero a gradient is, in a measure that widening a net does not change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.landscape._derivatives import gradient, jacobian
from condensery.landscape._network import (
    Layer,
    Problem,
    check_parameters,
    flatten,
    forward,
)


def relative_gradient(parameters: Sequence[Layer], problem: Problem) -> float:
    """‖∇R‖₁ over what it would be if nothing cancelled.

    At a critical point the samples' contributions to a derivative cancel. Their size is
    the scale on which they do: an embedding multiplies both by the shares of its
    copies, so that the ratio can be compared between a net and what it is embedded in.
    It is about 1e-16 at a critical point known to the last digit.

    Formula:
        ‖∇R‖₁ / Σ_p mean_i Σ_k |∂f_k(x_i)/∂θ_p| · 2·factor/outputs · (|f_k(x_i)| +
        |y_ik|); 0 where the net does not depend on its parameters.

    Args:
        parameters: ``(W, b)`` per layer.
        problem: Data, activation and loss.

    Source:
        This project; the denominator is the scale of the rounding in f − y.

    Example:
        f = θx on two samples x = 1 with y = 1 and 3: at θ = 2 the errors 1 and −1
        cancel, at θ = 3 they are 2 and 0, of 3 + 1 and 3 + 3.

        >>> import numpy as np
        >>> from condensery.landscape import Problem, relative_gradient
        >>> problem = Problem(np.ones((2, 1)), np.array([1.0, 3.0]))
        >>> [
        ...     relative_gradient([(np.array([[theta]]), None)], problem)
        ...     for theta in (2.0, 3.0)
        ... ]
        [0.0, 0.2]
    """
    layers = check_parameters(parameters)
    slopes = jacobian(
        layers,
        problem.x,
        problem.activation,
    )
    output = forward(layers, problem.x, problem.activation)
    outputs = problem.y.shape[1]
    errors = np.abs(output) + np.abs(problem.y)
    whole = 2 * problem.factor / outputs * errors[:, :, None] * np.abs(slopes)
    size = float(whole.sum() / len(slopes))
    left = float(np.abs(flatten(gradient(layers, problem))).sum())
    return left / size if size else 0.0

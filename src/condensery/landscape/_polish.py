"""The last digits of a critical point or a zero of the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from scipy.optimize import least_squares

from condensery._errors import InvalidInputError
from condensery.landscape._derivatives import gradient, hessian, jacobian
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    flatten,
    forward,
    unflatten,
)

Vector = np.ndarray
TARGETS = ("fit", "gradient")
RCOND = 1e-12
"""Eigenvalues below this share of the largest are not divided by."""
NEWTON_STEPS = 10


def polish(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    target: Literal["fit", "gradient"] = "gradient",
) -> Parameters:
    """Bring a net near a critical point to it, as closely as float64 allows.

    Formula:
        Levenberg-Marquardt on the residuals f − y (``fit``) or on ∇R (``gradient``),
        then θ ← θ − H⁺∇R as long as the sum of |∇R| falls, at most ten times. H⁺ is the
        pseudo-inverse that leaves out eigenvalues below 1e-12 of the largest.

    Args:
        parameters: The net to start from.
        problem: Data, activation and loss.
        target: ``fit`` goes down to a minimum of the loss, ``gradient`` to a critical
            point of any kind, saddles among them.

    Returns:
        The net; where it converged is for `inertia_at` to judge.

    Raises:
        InvalidInputError: Another target, fewer residuals than parameters where the
            solver needs them, or what `check_parameters` refuses.

    Source:
        D. W. Marquardt 1963, as in MINPACK; the Newton steps by this project.

    Example:
        f = θx on x = 1 with y = 2 is polished to θ = 2.

        >>> import numpy as np
        >>> from condensery.landscape import Problem, polish
        >>> problem = Problem(np.ones((1, 1)), np.array([2.0]), "tanh")
        >>> float(polish([(np.array([[1.5]]), None)], problem)[0][0][0, 0])
        2.0
    """
    if target not in TARGETS:
        raise InvalidInputError(
            "target",
            given=target,
            allowed=", ".join(TARGETS),
            remedy="choose one of them",
        )
    like = check_parameters(parameters)
    start = flatten(like)
    if target == "fit" and problem.y.size < start.size:
        raise InvalidInputError(
            "problem",
            given=f"{problem.y.size} residuals for {start.size} parameters",
            allowed="at least as many residuals as parameters",
            remedy='use target="gradient"',
        )

    def pull(theta: Vector) -> Vector:
        return flatten(gradient(unflatten(theta, like), problem))

    def curvature(theta: Vector) -> Vector:
        return hessian(unflatten(theta, like), problem)

    function, derivative = pull, curvature
    if target == "fit":
        function, derivative = _residuals(like, problem)
    theta = least_squares(
        function,
        start,
        jac=derivative,
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    ).x
    return unflatten(_newton(theta, pull, curvature), like)


def _residuals(
    like: Parameters, problem: Problem
) -> tuple[Callable[[Vector], Vector], Callable[[Vector], Vector]]:
    def residual(theta: Vector) -> Vector:
        output = forward(unflatten(theta, like), problem.x, problem.activation)
        return (output - problem.y).ravel()

    def slope(theta: Vector) -> Vector:
        rows = jacobian(unflatten(theta, like), problem.x, problem.activation)
        return rows.reshape(-1, theta.size)

    return residual, slope


def _newton(
    theta: Vector,
    pull: Callable[[Vector], Vector],
    curvature: Callable[[Vector], Vector],
) -> Vector:
    g = pull(theta)
    for _ in range(NEWTON_STEPS):
        inverse = np.linalg.pinv(curvature(theta), rcond=RCOND, hermitian=True)
        step = inverse @ g
        ahead = pull(theta - step)
        if not np.abs(ahead).sum() < np.abs(g).sum():
            break
        theta, g = theta - step, ahead
    return theta

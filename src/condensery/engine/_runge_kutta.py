"""The classical Runge-Kutta rule with fixed steps: a plain reference for flows."""

from __future__ import annotations

from collections.abc import Callable

import jax

from condensery._errors import InvalidInputError
from condensery.engine._optimisers import Tree


def runge_kutta(
    velocity: Callable[[Tree], Tree], start: Tree, *, time: float, steps: int
) -> Tree:
    """The flow of a velocity field after a time, by the classical rule of order 4.

    Formula:
        θ ← θ + h/6 (k₁ + 2k₂ + 2k₃ + k₄) with h = time/steps, k₁ = v(θ), k₂ = v(θ +
        h/2 k₁), k₃ = v(θ + h/2 k₂), k₄ = v(θ + h k₃).

    An adaptive solver would crawl along a sample's kink: units that slide along it make
    such a solver halve its step without end.

    Args:
        velocity: θ -> v(θ), a tree like θ; on NumPy arrays nothing is compiled.
        start: θ at time 0, any tree of arrays.
        time: The time to go.
        steps: Number of steps, at least 1. The error is of order h⁴.

    Returns:
        θ at that time.

    Raises:
        InvalidInputError: Fewer steps than one.

    Source:
        W. Kutta 1901; E. Hairer, S. P. Nørsett and G. Wanner, "Solving Ordinary
        Differential Equations I", Sec. II.1, Table 1.2.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import runge_kutta
        >>> end = runge_kutta(lambda theta: -theta, np.array([1.0]), time=1.0, steps=20)
        >>> round(float(end[0]), 6)
        0.367879
    """
    if steps < 1:
        raise InvalidInputError(
            "steps", given=steps, allowed="a whole number >= 1", remedy="use 100"
        )
    h = time / steps
    theta = start
    for _ in range(steps):
        k1 = velocity(theta)
        k2 = velocity(_along(theta, h / 2, k1))
        k3 = velocity(_along(theta, h / 2, k2))
        k4 = velocity(_along(theta, h, k3))
        theta = jax.tree.map(
            lambda at, a, b, c, d: at + h / 6 * (a + 2 * b + 2 * c + d),
            theta,
            k1,
            k2,
            k3,
            k4,
        )
    return theta


def _along(theta: Tree, stride: float, slope: Tree) -> Tree:
    return jax.tree.map(lambda at, k: at + stride * k, theta, slope)

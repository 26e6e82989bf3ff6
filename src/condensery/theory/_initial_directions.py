"""Where the neurons of a small network point to first: the roots of the degree-p
equation.
"""

from __future__ import annotations

import operator

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError

# A double root splits into a complex pair whose imaginary part is the root of the
# rounding error.
_IMAGINARY = 1e-6


def initial_directions(
    x: ArrayLike, e: ArrayLike, *, multiplicity: int = 1
) -> Float[np.ndarray, "line feature"]:
    """The lines through 0 on which the input weights of a small network gather at the
    initial stage.

    Formula:
        While all weights are small, unit k moves by ẇ_k ∝ −a_k Σ_i e_i (w_k·x_i)^{p−1}
        x_i, and its orientation settles where the motion is parallel to w_k. For p = 1
        that is ±u, u = Σ_i e_i x_i/‖Σ_i e_i x_i‖, for inputs of any dimension. For
        inputs of two entries (one and the constant) the slope û = u₁/u₂ solves the
        equation of degree p

            Σ_i (û x_{i1} + x_{i2})^{p−1} e_i x_{i1} = û Σ_i (û x_{i1} + x_{i2})^{p−1}
            e_i x_{i2},

        whose real roots are at most p lines, u and −u being the two orientations of one
        line.

    Args:
        x: Inputs of shape (sample, feature) with the constant feature where the units
            have biases; for a deeper layer the outputs of the layer before.
        e: f(x_i) − y_i at the start, or −y_i. A common factor, also its sign, changes
            nothing.
        multiplicity: p of the activation: the order of its first derivative at 0 that
            is not 0.

    Returns:
        Unit vectors, one per line. For p = 1 one row, u itself; otherwise as many rows
        (cos φ, sin φ) as there are real roots û = cot φ, by rising φ in [0, π). A
        multiple root is one line.

    Raises:
        InvalidInputError: Shapes that do not fit, values that are not finite, p below
            1, p above 1 with inputs that do not have two entries (there is no theorem),
            or errors for which every direction is alike.

    Source:
        Zhou et al. 2022, arXiv 2105.11686, Sec. 4: the theorems on multiplicity 1 and
        on one-dimensional input.

    Example:
        For p = 2 the lines are the principal axes of Σ e_i x_i x_iᵀ, here of diag(2,
        4).

        >>> import numpy as np
        >>> from condensery.theory import initial_directions
        >>> x = np.array([[-1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
        >>> initial_directions(x, [1.0, 0.0, 2.0]).round(4).tolist()
        [[0.3162, 0.9487]]
        >>> (
        ...     initial_directions(x, [1.0, 2.0, 1.0], multiplicity=2).round(12) + 0.0
        ... ).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    inputs, errors, p = _checked(x, e, multiplicity)
    if p == 1:
        pull = errors @ inputs
        length = float(np.linalg.norm(pull))
        directions = (
            (pull / length)[None]
            if length > 1e-14 * float(np.abs(errors) @ np.linalg.norm(inputs, axis=1))
            else []
        )
    else:
        angles = _stationary_angles(inputs, errors, p)
        directions = np.column_stack([np.cos(angles), np.sin(angles)])
    if not len(directions):
        raise InvalidInputError(
            "e",
            given="errors under which all directions are alike",
            allowed="errors that prefer a direction",
            remedy="check the targets",
        )
    return np.asarray(directions)


def _checked(
    x: ArrayLike, e: ArrayLike, multiplicity: int
) -> tuple[np.ndarray, np.ndarray, int]:
    inputs, errors = np.asarray(x, dtype=np.float64), np.asarray(e, dtype=np.float64)
    if inputs.ndim != 2 or errors.shape != inputs.shape[:1] or not inputs.size:
        raise InvalidInputError(
            "x, e",
            given=f"shapes {inputs.shape} and {errors.shape}",
            allowed="(sample, feature) and (sample,)",
            remedy="give one error per sample",
        )
    if not (np.isfinite(inputs).all() and np.isfinite(errors).all()):
        raise InvalidInputError(
            "x, e",
            given="a value that is not finite",
            allowed="finite numbers",
            remedy="clean it",
        )
    try:
        p = operator.index(multiplicity)
    except TypeError:
        p = 0
    if p < 1:
        raise InvalidInputError(
            "multiplicity",
            given=multiplicity,
            allowed="a whole number >= 1",
            remedy="see activation_facts(name).multiplicity; relu has none",
        )
    if p > 1 and inputs.shape[1] != 2:
        raise InvalidInputError(
            "multiplicity",
            given=f"{p} with {inputs.shape[1]} features",
            allowed="1, or any with two features",
            remedy="there is no prediction for this case",
        )
    return inputs, errors, p


def _stationary_angles(x: np.ndarray, e: np.ndarray, p: int) -> np.ndarray:
    """Angles φ in [0, π) of the lines with Σ e (u·x)^{p−1}(u⊥·x) = 0, rising; none if
    that holds for all angles.

    The equation is turned so that its leading coefficient is the largest value on a
    grid of more angles than it has roots: then no root is at or near infinity, wherever
    the lines are.
    """
    scale = float(np.abs(e) @ np.linalg.norm(x, axis=1) ** p)
    grid = np.pi * np.arange(2 * p + 1) / (2 * p + 1)
    values = np.array([_torque(x, e, p, angle) for angle in grid])
    turn = float(grid[np.argmax(np.abs(values))])
    if not np.abs(values).max() > 1e-13 * scale:
        return np.empty(0)
    along = x @ np.array([np.cos(turn), np.sin(turn)])
    across = x @ np.array([-np.sin(turn), np.cos(turn)])
    # u = (s, 1) in the turned axes: (s·along + across)^{p−1} · (along − s·across),
    # summed with the weights e
    polynomial = np.zeros(p + 1)
    for weight, first, second in zip(
        e,
        along,
        across,
        strict=True,
    ):
        power = np.array([1.0])
        for _ in range(p - 1):
            power = np.convolve(power, [first, second])
        polynomial += weight * np.convolve(power, [-second, first])
    roots = np.roots(polynomial)
    real = roots[np.abs(roots.imag) <= _IMAGINARY * (1 + np.abs(roots))].real
    angles = (turn + np.arctan2(1.0, real)) % np.pi
    return _distinct(
        np.sort(
            np.where(
                angles > np.pi - _IMAGINARY,
                angles - np.pi,
                angles,
            )
        )
    )


def _torque(x: np.ndarray, e: np.ndarray, p: int, angle: float) -> float:
    along = x @ np.array([np.cos(angle), np.sin(angle)])
    return float(
        e @ (along ** (p - 1) * (x @ np.array([-np.sin(angle), np.cos(angle)])))
    )


def _distinct(angles: np.ndarray) -> np.ndarray:
    """Without the repetitions of a multiple root, which rounding has spread by the root
    of its error.
    """
    return np.maximum(angles[np.diff(angles, prepend=-np.inf) > 2 * _IMAGINARY], 0.0)

"""Where a residual turns the ReLU units of a plane network, and where they rest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError

GRID = 1440
"""Directions at which the field is evaluated: a quarter of a degree."""

Samples = Float[np.ndarray, "sample 2"]
Residuals = Float[np.ndarray, " sample"]


def residual_drive(
    directions: Float[np.ndarray, "direction 2"], x: Samples, residual: Residuals
) -> Float[np.ndarray, "direction 2"]:
    """How descent on the mean square moves a ReLU unit of a given direction.

    Formula:
        V(u) = −(2/n) Σ_i e_i σ'(u·x_i) x_i, so that ẇ = a V(w) for a unit with output
        weight a; σ' is 1 where u·x_i > 0 and 0 elsewhere.

    Args:
        directions: Vectors u; their lengths do not matter.
        x: Inputs with the constant feature.
        residual: e = f − y at the samples.

    Returns:
        One vector per direction, in units of the residual times x.

    Raises:
        InvalidInputError: Shapes that do not fit.

    Source:
        The gradient of the mean square, as in Luo et al. 2021, arXiv 2007.07497, Sec.
        2.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import residual_drive
        >>> x, residual = np.array([[1.0, 1.0], [-2.0, 1.0]]), np.array([1.0, 5.0])
        >>> residual_drive(np.array([[1.0, 0.0]]), x, residual).tolist()
        [[-1.0, -1.0]]
    """
    u, inputs, e = np.asarray(directions), np.asarray(x), np.asarray(residual)
    plane = u.ndim == 2 and inputs.ndim == 2 and u.shape[1] == inputs.shape[1]
    if not plane or e.shape != inputs.shape[:1]:
        raise InvalidInputError(
            "directions, x, residual",
            given=f"shapes {u.shape}, {inputs.shape} and {e.shape}",
            allowed="(direction, feature), (sample, feature) and (sample,)",
            remedy="append the constant feature to x",
        )
    active = u @ inputs.T > 0
    return -2.0 / len(e) * (active * e) @ inputs


def resting_angles(
    x: Samples, residual: Residuals, sign: float
) -> Float[np.ndarray, " angle"]:
    """Angles at which a ReLU unit would cease to turn, and to which it returns.

    Formula:
        Zeros at which the part of sign·V along the circle passes from positive to
        negative, on a grid of a quarter of a degree; where it jumps, at a sample's
        kink, the unit slides into it. Without active samples nothing turns, so that a
        dead arc holds no such angle. A zero exactly on a point of the grid is missed.

    Args:
        x: Inputs with the constant feature, one other feature.
        residual: e = f − y at the samples.
        sign: Sign of the unit's output weight.

    Returns:
        Angles in [0, 2π) up to half a cell of the grid, rising; empty for a residual of
        zeros.

    Raises:
        InvalidInputError: Shapes that do not fit.

    Source:
        By this project: the stable zeros of the field of `residual_drive`.

    Example:
        One sample at angle 0.32 with e < 0 pulls the units that see it towards itself.

        >>> import numpy as np
        >>> from condensery.theory import resting_angles
        >>> resting_angles(np.array([[3.0, 1.0]]), np.array([-1.0]), 1.0).round(2)
        array([0.32])
    """
    angles = np.arange(GRID) * (2 * np.pi / GRID)
    u = _circle(angles)
    tangent = np.column_stack([-u[:, 1], u[:, 0]])
    turn = sign * np.einsum(
        "gd,gd->g",
        residual_drive(u, x, residual),
        tangent,
    )
    after = np.roll(turn, -1)
    return (angles + np.pi / GRID)[(turn > 0) & (after < 0)]


def resting_rank(
    angle: float, x: Samples, resting: Float[np.ndarray, " angle"]
) -> float:
    """Share of all live directions that lie as near to a resting angle as this one.

    Formula:
        Over a grid of directions with an active sample, the share whose distance to the
        nearest resting angle is at most that of `angle`. For a direction drawn by
        chance it is uniform in [0, 1], mean ½.

    Args:
        angle: Orientation of a unit, in radians.
        x: Inputs with the constant feature.
        resting: Resting angles, for example those of `resting_angles`.

    Returns:
        A number in [0, 1], without unit; 1 where there is no resting angle.

    Raises:
        InvalidInputError: Inputs that no direction of the grid sees.

    Source:
        By this project.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import resting_rank
        >>> x = np.array([[1.0, 0.0], [-1.0, 0.0]])
        >>> resting_rank(0.0, x, np.array([0.0])) < 0.001
        True
    """
    grid = np.arange(GRID) * (2 * np.pi / GRID)
    live = (_circle(grid) @ np.asarray(x).T > 0).any(
        axis=1,
    )
    if not live.any():
        raise InvalidInputError(
            "x",
            given="inputs that no direction sees",
            allowed="at least one input that is not zero",
            remedy="append the constant feature to x",
        )
    gap = _distance(np.array(angle), resting)
    return float(
        np.mean(
            _distance(
                grid[live],
                resting,
            )
            <= gap
        )
    )


def _circle(angles: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _distance(angles: np.ndarray, resting: np.ndarray) -> np.ndarray:
    # written here too, since measures and closed forms share no code
    if not len(resting):
        return np.full(np.shape(angles), np.pi)
    turn = 2 * np.pi
    gaps = np.abs((np.asarray(angles)[..., None] - resting + np.pi) % turn - np.pi)
    nearest = gaps.min(axis=-1)
    return np.asarray(nearest)

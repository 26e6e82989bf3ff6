"""Orientation and amplitude of units: the two coordinates in which condensation is
seen.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.metrics._rows import join, normalise


def orientation(
    weights: Float[np.ndarray, "*member unit feature"],
    bias: Float[np.ndarray, "*member unit"] | None = None,
    *,
    convention: Literal["angle", "notebook"] = "angle",
) -> Float[np.ndarray, "*member unit"]:
    r"""Angle of (w, b) to the first axis, for units with one input and a bias.

    Formula:
        ``angle``: θ = atan2(b, w). ``notebook``: θ = sign(b)·arccos(w/√(w²+b²)), as in
        the demonstration notebooks. It equals the angle wherever b ≠ 0, but is 0
        wherever b = 0, also for w < 0, where the angle is π. It is computed from the
        angle, because arccos loses half the digits near ±1.

    Args:
        weights: Rows (w, b), or rows (w) if `bias` is given. Leading axes are kept.
        bias: b of every unit, or None if it is the second column of `weights`.
        convention: Which formula.

    Returns:
        Angles in radians in (-π, π], float64, accurate to a few units in the last
        place. Luo et al. print the half-open range [-π, π): only the name of the
        direction (-1, 0) differs. Rows that are zero or not finite give nan.

    Raises:
        InvalidInputError: The rows do not have exactly two columns, or the shapes do
            not fit.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Fig. 2; the notebook convention:
        demonstration notebooks that accompany Xu et al. 2025, arXiv 2504.09484.

    Example:
        >>> import numpy as np
        >>> w, b = np.array([[1.0], [-2.0], [0.0]]), np.array([1.0, 0.0, -3.0])
        >>> orientation(w, b) / np.pi
        array([ 0.25,  1.  , -0.5 ])
        >>> orientation(w, b, convention="notebook") / np.pi
        array([ 0.25,  0.  , -0.5 ])
    """
    rows = join(weights, bias)
    if rows.shape[-1] != 2:
        raise InvalidInputError(
            "weights",
            given=f"rows of {rows.shape[-1]} columns",
            allowed="two columns (w, b): one input dimension and a bias",
            remedy="use directions() or projection_orientation() for more input "
            "dimensions",
        )
    if convention not in ("angle", "notebook"):
        raise InvalidInputError(
            "convention",
            given=convention,
            allowed="'angle' or 'notebook'",
            remedy="see the two formulas",
        )
    w, b = rows[..., 0], rows[..., 1]
    angle = np.arctan2(b, w)
    # A negative zero, or a b that is negligible against w < 0, rounds to -π, which the
    # range leaves out.
    angle = np.where(angle <= -np.pi, np.pi, angle)
    if convention == "notebook":
        angle = np.where(b == 0, 0.0, angle)
    defined = np.isfinite(w) & np.isfinite(b) & ((w != 0) | (b != 0))
    return np.where(defined, angle, np.nan)


def directions(
    weights: Float[np.ndarray, "*member unit feature"],
    bias: Float[np.ndarray, "*member unit"] | None = None,
) -> Float[np.ndarray, "*member unit row"]:
    """Unit vectors (w, b)/‖(w, b)‖ of units with any number of inputs.

    Args:
        weights: Rows of input weights; a bias may be a column of them. Leading axes are
            kept.
        bias: Bias of every unit; becomes the last column.

    Returns:
        Rows of Euclidean length 1 in float64. Rows that are zero or not finite give
        nan. Entries are scaled before they are squared, so that rows of length 1e-200
        keep their direction.

    Raises:
        InvalidInputError: The shapes do not fit.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3 (orientation of the input weight with
        the bias absorbed).

    Example:
        >>> import numpy as np
        >>> directions(np.array([[3.0, 0.0], [0.0, -1e-200]]), np.array([4.0, 0.0]))
        array([[ 0.6,  0. ,  0.8],
               [ 0. , -1. ,  0. ]])
    """
    return normalise(join(weights, bias))[0]


def projection_orientation(
    weights: Float[np.ndarray, "*member unit feature"],
    bias: Float[np.ndarray, "*member unit"] | None = None,
) -> Float[np.ndarray, "*member unit"]:
    """Orientation in high dimension: cosine of (w, b) with the all-ones vector.

    Formula:
        I = ŵ·p with p = (1, …, 1)/√dim and dim the number of columns of (w, b).

    Args:
        weights: Rows of input weights; a bias may be a column of them. Leading axes are
            kept.
        bias: Bias of every unit; becomes the last column.

    Returns:
        Values in [-1, 1], float64; rows that are zero or not finite give nan.

    Raises:
        InvalidInputError: The shapes do not fit.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Fig. 7.

    Example:
        >>> import numpy as np
        >>> projection_orientation(
        ...     np.array([[3.0, 3.0, 3.0], [1.0, 2.0, -3.0]]), np.array([3.0, 0.0])
        ... )
        array([1., 0.])
    """
    unit = directions(weights, bias)
    return np.clip(np.sum(unit, axis=-1) / np.sqrt(unit.shape[-1]), -1.0, 1.0)


def amplitude(
    output_weights: Float[np.ndarray, "*member unit"] | None,
    input_weights: Float[np.ndarray, "*member unit feature"],
    bias: Float[np.ndarray, "*member unit"] | None = None,
) -> Float[np.ndarray, "*member unit"]:
    """Size of a unit's contribution: |a|·‖(w, b)‖, or ‖(w, b)‖ where no output weights
    are given.

    For a ReLU unit the product is invariant under (a, w, b) → (a/c, c·w, c·b), c > 0,
    and so is its function.

    Args:
        output_weights: a of every unit, or None for the amplitude of the input weights
            alone. For several outputs pass ‖a‖, which is ``np.linalg.norm(W, axis=0)``
            for a ``W: (out, in)``.
        input_weights: Rows w, or (w, b) with the bias as a column.
        bias: Bias of every unit.

    Returns:
        Values ≥ 0 in float64, in the units of the function's slope; not divided by the
        largest. nan stays nan.

    Raises:
        InvalidInputError: The shapes do not fit.

    Source:
        The product: Luo et al. 2021, arXiv 2007.07497, Sec. 3. The input weights alone:
        the growth of the number of orientations in Xu et al. 2025, arXiv 2504.09484.

    Example:
        >>> import numpy as np
        >>> amplitude(np.array([-2.0]), np.array([[3.0]]), np.array([4.0]))
        array([10.])
        >>> amplitude(None, np.array([[3.0]]), np.array([4.0]))
        array([5.])
    """
    lengths = normalise(join(input_weights, bias))[1]
    if output_weights is None:
        return lengths
    output_weights = np.asarray(output_weights, dtype=np.float64)
    if output_weights.shape != lengths.shape:
        raise InvalidInputError(
            "output_weights",
            given=f"shape {output_weights.shape}",
            allowed=f"shape {lengths.shape}, one entry per unit",
            remedy="for several outputs pass the norm over the outputs",
        )
    return np.abs(output_weights) * lengths


def angle_between(
    first: Float[np.ndarray, "... row"], second: Float[np.ndarray, "... row"]
) -> Float[np.ndarray, " ..."]:
    """Angle between vectors, accurate at every angle.

    Formula:
        2·atan2(‖u − v‖, ‖u + v‖) for the unit vectors u, v. The arccos of a cosine
        within 1e-16 of 1 is uncertain by 1.5e-8 rad; this form keeps full relative
        accuracy for nearly parallel vectors and, for nearly opposite ones, absolute
        accuracy of a few 1e-16.

    Args:
        first: Vectors along the last axis.
        second: Vectors along the last axis; leading axes broadcast against those of
            `first`.

    Returns:
        Radians in [0, π], float64; nan where either vector is zero or not finite.

    Raises:
        InvalidInputError: The vectors have different lengths.

    Source:
        W. Kahan, "How futile are mindless assessments of roundoff in floating-point
        computation?", 2006, Sec. 12.

    Example:
        >>> import numpy as np
        >>> f"{angle_between(np.array([1.0, 0.0]), np.array([2.0, 2e-9])):.3e}"
        '1.000e-09'
        >>> bool(np.arccos(1 / np.hypot(1, 1e-9)) == 0)
        True
    """
    first, second = (
        np.asarray(first, dtype=np.float64),
        np.asarray(second, dtype=np.float64),
    )
    if first.ndim == 0 or second.ndim == 0 or first.shape[-1] != second.shape[-1]:
        raise InvalidInputError(
            "vectors",
            given=f"shapes {first.shape} and {second.shape}",
            allowed="the same number of entries along the last axis",
            remedy="add the bias to both or to neither",
        )
    u, v = normalise(first)[0], normalise(second)[0]
    return np.asarray(
        2.0 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1))
    )

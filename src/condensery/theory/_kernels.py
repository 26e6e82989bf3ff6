"""The two neural tangent kernels of a wide two-layer ReLU network, in closed form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError


class NtkKernels(NamedTuple):
    """The kernels of the two layers, each of shape (sample, other).

    Attributes:
        k_a: K^a_ij = E σ(w·x_i) σ(w·x_j), of the output weights.
        k_w: K^w_ij = E a² σ'(w·x_i) σ'(w·x_j) x_i·x_j, of the hidden weights.
    """

    k_a: Float[np.ndarray, "sample other"]
    k_w: Float[np.ndarray, "sample other"]


def ntk_two_layer_relu(
    x: Float[np.ndarray, "sample feature"],
    *,
    other: Float[np.ndarray, "other feature"] | None = None,
    bias: bool = True,
) -> NtkKernels:
    """The expectations, over standard-normal weights, of the tangent kernels of a
    two-layer ReLU network.

    Formula:
        With u, v rows of `x` and `other` after the bias column, θ the angle between
        them: K^a(u, v) = ‖u‖‖v‖ (sin θ + (π − θ) cos θ)/(2π)  and  K^w(u, v) = (π − θ)
        u·v/(2π): half the arc-cosine kernels of order 1 and 0. The empirical kernels
        are m κ² K^a and m κ² K^w to 1/√m; gradient flow of the normalised model adds
        them up as K^a/κ' + κ' K^w.

    Args:
        x: The samples, without the bias column.
        other: A second set of samples with the same features; without it the kernels
            are those of `x` with itself.
        bias: Whether a column of ones is appended, so that w holds the bias too.

    Returns:
        (K^a, K^w). For `x` with itself both are symmetric and positive semidefinite,
        positive definite if no two rows are parallel; K^a_ii = K^w_ii = ‖x_i‖²/2. A row
        of zeros without bias gives zeros.

    Raises:
        InvalidInputError: An array is not two-dimensional and finite, or the features
            differ.

    Source:
        Cho and Saul 2009, Kernel methods for deep learning (arc-cosine kernels); the
        Gram matrices of Luo et al. 2021, arXiv 2007.07497, Theorem 6.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import ntk_two_layer_relu
        >>> k_a, k_w = ntk_two_layer_relu(np.eye(2), bias=False)
        >>> bool(np.isclose(k_a[0, 1], 1 / (2 * np.pi))), k_w.tolist()
        (True, [[0.5, 0.0], [0.0, 0.5]])
    """
    left = design(
        x,
        bias=bias,
        what="x",
    )
    right = (
        left
        if other is None
        else design(
            other,
            bias=bias,
            what="other",
        )
    )
    if left.shape[1] != right.shape[1]:
        raise InvalidInputError(
            "other",
            given=f"{right.shape[1] - bias} features",
            allowed=f"as many as x has, {left.shape[1] - bias}",
            remedy="give both sets of samples with the same features",
        )
    angle = _angles(left, right)
    norms = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    k_a = norms * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    k_w = (np.pi - angle) / (2 * np.pi) * (left @ right.T)
    if other is None:  # BLAS rounds the two triangles of a product apart
        k_a, k_w = (k_a + k_a.T) / 2, (k_w + k_w.T) / 2
    return NtkKernels(k_a, k_w)


def design(
    x: ArrayLike, *, bias: bool, what: str
) -> Float[np.ndarray, "sample column"]:
    """The rows that the hidden weights multiply: `x` as float64, with a column of ones
    where there is a bias.

    Raises:
        InvalidInputError: `x`, which the user knows as `what`, is not two-dimensional
            and finite.
    """
    array = np.asarray(x)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "biuf":
        raise InvalidInputError(
            what,
            given=f"shape {array.shape}, {array.dtype}",
            allowed="numbers of shape (sample, feature)",
            remedy="reshape one feature with x[:, None]",
        )
    rows = array.astype(np.float64)
    if not np.isfinite(rows).all():
        raise InvalidInputError(
            what,
            given="nan or inf",
            allowed="finite numbers",
            remedy="drop those samples",
        )
    return np.column_stack([rows, np.ones(len(rows))]) if bias else rows


def _angles(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Angles by Kahan's formula, row by row: the arc cosine of a product loses half the
    digits at 0 and π.
    """
    first, second = _unit(left), _unit(right)
    angles = np.empty((len(first), len(second)))
    for row, direction in enumerate(first):
        apart = np.linalg.norm(second - direction, axis=1)
        together = np.linalg.norm(second + direction, axis=1)
        angles[row] = 2 * np.arctan2(apart, together)
    return angles


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(
        rows,
        axis=1,
        keepdims=True,
    )
    return rows / np.where(norms == 0, 1.0, norms)

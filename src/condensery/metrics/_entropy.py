"""Effective numbers: how many equal parts would have the same entropy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError


def effective_orientations(shares: Float[np.ndarray, " group"]) -> float:
    """Amplitude-weighted effective number of orientations: exp of the entropy of the
    amplitude shares.

    Formula:
        exp(−Σ p_g log p_g) with p_g = A_g/Σ A, and 0·log 0 = 0.

    It ignores the many weak units that a count of directions sees: in the plane 16
    directions at cosine 0.95 cover the whole circle, so that a count cannot tell a
    condensed layer from an initial one there, and this number can.

    Args:
        shares: Amplitude A_g ≥ 0 of every group, of every bin of orientation, or of
            every unit; need not sum to 1. For equal bins of the
            angle see `orientation_bins`.

    Returns:
        A number in [1, number of positive shares], without unit; 0 if there is no
        positive share.

    Raises:
        InvalidInputError: A share is negative or not finite.

    Source:
        Exponential of the Shannon entropy (Hill number of order 1), applied to the
        amplitude |a|·‖(w, b)‖ of Luo et al. 2021, arXiv 2007.07497, Sec. 3.

    Example:
        >>> import numpy as np
        >>> round(effective_orientations(np.array([5.0, 5.0, 0.0])), 12)
        2.0
    """
    amplitudes = np.asarray(shares, dtype=np.float64)
    return _exp_entropy(amplitudes.ravel(), what="shares")


def effective_rank(matrix: Float[np.ndarray, "row column"]) -> float:
    """Effective rank: exp of the entropy of the normalised singular values.

    Formula:
        exp(−Σ p_i log p_i) with p_i = σ_i/Σ σ.

    Args:
        matrix: Any matrix, such as the weights or the features of a layer.

    Returns:
        A number in [1, rank], without unit; 0 for the zero matrix. Invariant under
        rotation and scale.

    Raises:
        InvalidInputError: Not a matrix, or an entry is not finite.

    Source:
        O. Roy and M. Vetterli, "The effective rank: a measure of effective
        dimensionality", EUSIPCO 2007, Def. 1.

    Example:
        >>> import numpy as np
        >>> round(effective_rank(np.diag([2.0, 2.0, 2.0, 0.0])), 12)
        3.0
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    is_matrix = matrix.ndim == 2 and matrix.size > 0
    if not is_matrix or not np.all(np.isfinite(matrix)):
        shape = f"shape {matrix.shape}"
        raise InvalidInputError(
            "matrix",
            given="entries that are nan or inf" if is_matrix else shape,
            allowed="a finite, non-empty two-dimensional array",
            remedy="flatten the kernels of a convolution to rows first",
        )
    singular_values = np.linalg.svd(matrix, compute_uv=False)
    return _exp_entropy(singular_values, what="matrix")


def _exp_entropy(weights: np.ndarray, *, what: str) -> float:
    if not np.all(np.isfinite(weights)) or np.any(weights < 0):
        raise InvalidInputError(
            what,
            given="negative, nan or inf entries",
            allowed="finite numbers >= 0",
            remedy="pass amplitudes",
        )
    weights = weights[weights > 0]
    if weights.size == 0:
        return 0.0
    # The division by the largest keeps the sum finite for parts near the largest float.
    weights = weights / weights.max()
    shares = weights / weights.sum()
    shares = shares[shares > 0]
    entropy = -np.sum(shares * np.log(shares))
    return float(np.exp(entropy))

"""Cosine matrix of a layer, in an order in which condensed groups show as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.metrics._rows import Rows

# 20,000 units are a matrix of 3.2 GB.
_WHOLE_MATRIX_LIMIT = 20_000
# Above this size one eigenvector by Lanczos iteration is cheaper than a dense
# reduction.
_DENSE_LIMIT = 1_000


@dataclass(
    frozen=True,
    eq=False,
)
class CosineMatrix:
    """Cosines between the units of a layer.

    Attributes:
        matrix: Cosines in [-1, 1]; rows and columns in the order of `order`.
        order: Original index of the unit of each row.
        dropped: Original indices of the units with a zero row, which have no direction.
        eigenvector: Entry of the leading eigenvector for the unit of each row.
        leading_share: Leading eigenvalue divided by the number of rows: 1 if all units
            are parallel or antiparallel, 1/dim if the directions are isotropic, nan
            without rows.
    """

    matrix: np.ndarray
    order: np.ndarray
    dropped: np.ndarray
    eigenvector: np.ndarray
    leading_share: float


def cosine_matrix(
    weights: Float[np.ndarray, "unit feature"],
    bias: Float[np.ndarray, " unit"] | None = None,
    *,
    sort: bool = True,
) -> CosineMatrix:
    """Matrix of cosines D(u, v) = u·v/(‖u‖‖v‖) between the rows (w, b) of a layer.

    The units are ordered by their entry in the leading eigenvector of the matrix, so
    that groups of parallel units stand together. The eigenvector is computed from the
    smaller of the matrices U·Uᵀ (unit × unit) and Uᵀ·U (row × row), where U holds the
    unit vectors. Its sign is fixed so that the first unit with an entry of at least
    half the largest magnitude is positive. Where the leading eigenvalue is multiple,
    the order in its space is arbitrary.

    Args:
        weights: Rows w, or (w, b) with the bias as a column.
        bias: Bias of every unit.
        sort: Whether to order the units; otherwise they keep their order and the
            eigenvector is reported alone.

    Returns:
        Matrix, order, dropped units, eigenvector. Entries are accurate to 1e-15 in the
        cosine; for the angle between nearly parallel units use `angle_between`, since
        the arccos of a cosine near 1 loses half the digits.

    Raises:
        InvalidInputError: The shapes do not fit, an entry is not finite, or there are
            more than 20,000 units, for which `cosine_blocks` gives the same matrix in
            slices.

    Source:
        Zhou et al. 2022, arXiv 2105.11686, Sec. 3 (with bias); the ordering:
        demonstration notebooks that accompany Xu et al. 2025, arXiv 2504.09484.

    Example:
        >>> import numpy as np
        >>> found = cosine_matrix(
        ...     np.array([[1.0, 0.0], [-3.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
        ... )
        >>> found.matrix
        array([[ 1., -1., -1.],
               [-1.,  1.,  1.],
               [-1.,  1.,  1.]])
        >>> found.order.tolist(), found.dropped.tolist(), round(found.leading_share, 12)
        ([1, 0, 3], [2], 1.0)
    """
    rows = Rows.of(weights, bias)
    if len(rows.weights) > _WHOLE_MATRIX_LIMIT:
        raise InvalidInputError(
            "weights",
            given=f"{len(rows.weights)} units",
            allowed=f"at most {_WHOLE_MATRIX_LIMIT} for the whole matrix",
            remedy="use cosine_blocks(), or a random choice of units",
        )
    unit, order, dropped, eigenvector, share = _ordered(rows, sort=sort)
    return CosineMatrix(
        np.clip(unit @ unit.T, -1.0, 1.0), order, dropped, eigenvector, share
    )


def cosine_blocks(
    weights: Float[np.ndarray, "unit feature"],
    bias: Float[np.ndarray, " unit"] | None = None,
    *,
    sort: bool = True,
    block: int = 256,
) -> Iterator[tuple[Int[np.ndarray, " row"], Float[np.ndarray, "row column"]]]:
    """The matrix of `cosine_matrix` in slices of rows, for layers too wide to hold it.

    Args:
        weights: Rows w, or (w, b) with the bias as a column.
        bias: Bias of every unit.
        sort: As in `cosine_matrix`.
        block: Rows per slice; memory is one slice and the unit vectors.

    Returns:
        An iterator. Each item has two arrays: the original indices of the units of the
        slice, and their cosines with all units in the same overall order, which is the
        concatenation of all indices. Units with a zero row are left out.

    Raises:
        InvalidInputError: The shapes do not fit, an entry is not finite, or `block` is
            below 1.

    Source:
        As for `cosine_matrix`.

    Example:
        >>> import numpy as np
        >>> w = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
        >>> [
        ...     (units.tolist(), slice_.tolist())
        ...     for units, slice_ in cosine_blocks(w, sort=False, block=2)
        ... ]
        [([0, 1], [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]), ([2], [[0.0, 1.0, 1.0]])]
    """
    if block < 1:
        raise InvalidInputError(
            "block", given=block, allowed="a whole number >= 1", remedy="leave it out"
        )
    # Not itself a generator, so that bad input is refused at the call and not at the
    # first slice.
    unit, order, *_ = _ordered(Rows.of(weights, bias), sort=sort)
    slices = (slice(start, start + block) for start in range(0, len(order), block))
    return (
        (order[chosen], np.clip(unit[chosen] @ unit.T, -1.0, 1.0)) for chosen in slices
    )


def _ordered(
    rows: Rows, *, sort: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Unit vectors, order, dropped units, eigenvector and leading share."""
    lengths = rows.lengths()
    kept, dropped = np.flatnonzero(lengths > 0), np.flatnonzero(lengths == 0)
    unit = rows.directions(kept)
    if not len(kept):
        return unit, kept, dropped, np.zeros(0), float("nan")
    eigenvector, share = _leading_eigenvector(unit)
    if sort:
        order = np.argsort(eigenvector, kind="stable")
        unit, kept, eigenvector = unit[order], kept[order], eigenvector[order]
    return unit, kept, dropped, eigenvector, share


def _leading_eigenvector(unit: np.ndarray) -> tuple[np.ndarray, float]:
    units, columns = unit.shape
    vector = _leading_of_gram(unit.T) if columns <= units else _leading_of_gram(unit)
    if columns <= units:
        # U·Uᵀ·(U·v) = λ·(U·v) whenever Uᵀ·U·v = λ·v.
        vector = unit @ vector
    vector = vector / np.linalg.norm(vector)
    share = float(np.sum((unit.T @ vector) ** 2)) / units
    first = int(np.argmax(np.abs(vector) >= 0.5 * np.max(np.abs(vector))))
    return vector * np.sign(vector[first]), share


def _leading_of_gram(factor: np.ndarray) -> np.ndarray:
    """Leading eigenvector of factor·factorᵀ."""
    size = len(factor)
    if size <= _DENSE_LIMIT:
        from scipy.linalg import eigh

        return np.asarray(
            eigh(factor @ factor.T, subset_by_index=[size - 1, size - 1])[1]
        )[:, 0]
    from scipy.sparse.linalg import LinearOperator, eigsh

    # pyrefly: ignore[missing-argument]
    operator = LinearOperator(
        # pyrefly: ignore[bad-keyword-argument, unexpected-keyword]
        (size, size),
        # pyrefly: ignore[unexpected-keyword]
        matvec=lambda x: factor @ (factor.T @ x),
        # pyrefly: ignore[bad-keyword-argument]
        dtype=np.float64,
    )
    start = np.random.default_rng(0).standard_normal(size)
    return np.asarray(
        eigsh(
            operator,
            k=1,
            which="LA",
            v0=start,
        )[1]
    )[:, 0]

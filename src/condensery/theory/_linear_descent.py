"""Descent of a two-layer convolutional network while it is linear, mode by mode."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError

Rows = Float[np.ndarray, "kernel entry"]
Readout = Float[np.ndarray, "kernel position"]
Patches = Float[np.ndarray, "entry position"]


def patch_matrix(
    images: Float[np.ndarray, "sample channel height width"], y: ArrayLike, *, size: int
) -> Patches:
    """The matrix Z that couples kernels and read-out at the linear stage.

    Formula:
        One column per position (u, v): the mean of y_i times the patch of image i
        there, with a last row mean(y) for the constant feature.

    Args:
        images: Inputs.
        y: One target per sample.
        size: Kernels are size × size, all positions that fit.

    Returns:
        Z of shape (channel·size² + 1, position), entries in the order (channel, row,
        column), positions row by row.

    Raises:
        InvalidInputError: Shapes that do not fit, or kernels larger than the images.

    Source:
        Zhou et al. 2023, arXiv 2305.09947; this form of the matrix by this project.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import patch_matrix
        >>> patch_matrix(np.array([[[[1.0, 2.0]]]]), [3.0], size=1).tolist()
        [[3.0, 6.0], [3.0, 3.0]]
    """
    pictures = np.asarray(images, dtype=np.float64)
    targets = np.asarray(y, dtype=np.float64)
    fits = pictures.ndim == 4 and targets.shape == pictures.shape[:1]
    if not fits or not 1 <= size <= min(pictures.shape[2:]):
        raise InvalidInputError(
            "images, y, size",
            given=f"shapes {pictures.shape} and {targets.shape}, size {size}",
            allowed="(sample, channel, height, width), (sample,), and kernels no "
            "larger than the images",
            remedy="reshape the images, for example with x.reshape(-1, 1, 8, 8)",
        )
    mean = np.tensordot(
        targets,
        pictures,
        axes=(0, 0),
    ) / len(targets)
    patches = np.lib.stride_tricks.sliding_window_view(
        mean,
        (size, size),
        axis=(1, 2),
    )
    # (channel, u, v, p, q) to (channel, p, q) by (u, v)
    ordered = patches.transpose(0, 3, 4, 1, 2)
    columns = ordered.reshape(mean.shape[0] * size**2, -1)
    constant = np.full((1, columns.shape[1]), targets.mean())
    return np.vstack([columns, constant])


def linear_descent(
    w: Rows, a: Readout, z: Patches, *, relative_rate: float, steps: int
) -> tuple[Rows, Readout]:
    """Weights after some steps of descent at the linear stage.

    Formula:
        Each step is W ← W + r a Zᵀ and a ← a + r W Z (both from before the step) with r
        = relative_rate/s₁ and s₁ the largest singular value of Z. With Z = U S Vᵀ the
        modes part: (W U ± a V)(1 ± r s)^steps, and what lies across U or V stands
        still.

    Args:
        w: Kernels as rows, the bias as last entry.
        a: Read-out of every kernel at every position.
        z: The matrix of `patch_matrix`, times σ'(0) where that is not 1.
        relative_rate: Rate of the descent on half the mean square, times s₁: e-folds of
            the first mode per step, up to its square.
        steps: Number of steps, at least 0.

    Returns:
        Kernels and read-out.

    Raises:
        InvalidInputError: Shapes that do not fit, or a negative number of steps.

    Source:
        The linear stage behind Zhou et al. 2023, arXiv 2305.09947; written out by this
        project.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import linear_descent
        >>> one = np.array([[1.0]])
        >>> w, a = linear_descent(one, 0 * one, one, relative_rate=1.0, steps=2)
        >>> w.tolist(), a.tolist()
        ([[2.0]], [[2.0]])
    """
    rows, output, matrix = (np.asarray(array, np.float64) for array in (w, a, z))
    square = rows.ndim == output.ndim == matrix.ndim == 2
    if not square or matrix.shape != (rows.shape[1], output.shape[1]):
        raise InvalidInputError(
            "w, a, z",
            given=f"shapes {rows.shape}, {output.shape} and {matrix.shape}",
            allowed="(kernel, entry), (kernel, position) and (entry, position)",
            remedy="flatten the kernels, bias last, and the read-out of each kernel",
        )
    if len(rows) != len(output) or steps < 0:
        raise InvalidInputError(
            "w, a, steps",
            given=f"{len(rows)} and {len(output)} kernels, {steps} steps",
            allowed="one read-out per kernel and steps >= 0",
            remedy="take both from one network",
        )
    left, values, right = np.linalg.svd(matrix, full_matrices=True)
    if not values[0] > 0:
        return rows.copy(), output.copy()
    count = len(values)
    modes = right[:count]
    along_w, along_a = rows @ left, output @ modes.T
    before_w, before_a = along_w[:, :count], along_a
    relative = relative_rate * values / values[0]
    grown, shrunk = (1 + relative) ** steps, (1 - relative) ** steps
    more, less = grown * (before_w + before_a), shrunk * (before_w - before_a)
    along_w[:, :count] = (more + less) / 2
    moved_a = (more - less) / 2 - along_a
    return along_w @ left.T, output + moved_a @ modes

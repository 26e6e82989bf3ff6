"""How few samples can be enough: the optimistic sample size of several models."""

from __future__ import annotations

from typing import NamedTuple

from condensery._errors import InvalidInputError


class ConvolutionSizes(NamedTuple):
    """Optimistic sample sizes of one function of a convolutional net.

    Attributes:
        shared: Of the net whose kernels are the same at all positions.
        local: Of the net with a kernel of its own at every position.
        dense: Of the dense net with a unit per kernel and position.
    """

    shared: int
    local: int
    dense: int


def optimistic_matrix(size: int, rank: int) -> int:
    """Entries from which a square matrix can at best be completed.

    Formula:
        2rd − r², the dimension of the d × d matrices of rank r.

    Args:
        size: d.
        rank: r, from 0 to d.

    Returns:
        A number of entries.

    Raises:
        InvalidInputError: A rank outside 0 to d.

    Source:
        Zhang et al. 2023, arXiv 2307.08921.

    Example:
        >>> from condensery.theory import optimistic_matrix
        >>> optimistic_matrix(4, 1), optimistic_matrix(4, 4)
        (7, 16)
    """
    if not 0 <= rank <= size:
        raise InvalidInputError(
            "rank",
            given=f"{rank} for size {size}",
            allowed="a whole number from 0 to the size",
            remedy="give the rank of the target",
        )
    return 2 * rank * size - rank**2


def optimistic_convolution(height: int, kernel: int, kernels: int) -> ConvolutionSizes:
    """Samples from which a two-layer tanh CNN without biases can at best be recovered,
    and the same function by nets that share less.

    Formula:
        With p = (d + 1 − s)² positions of k kernels s × s on d × d images: k(s² + p)
        for shared kernels, kp(s² + 1) for local ones, kp(d² + 1) for a dense net.

    Args:
        height: d, rows and columns of the images.
        kernel: s, from 1 to d.
        kernels: k, at least 1; no two alike, of general position.

    Returns:
        The three numbers of samples.

    Raises:
        InvalidInputError: Kernels larger than the images, or none.

    Source:
        Zhang et al. 2023, arXiv 2307.08921.

    Example:
        >>> from condensery.theory import optimistic_convolution
        >>> tuple(optimistic_convolution(28, 3, 1))
        (685, 6760, 530660)
    """
    if not 1 <= kernel <= height or kernels < 1:
        raise InvalidInputError(
            "height, kernel, kernels",
            given=f"{height}, {kernel}, {kernels}",
            allowed="at least one kernel, no larger than the images",
            remedy="correct them",
        )
    positions = (height + 1 - kernel) ** 2
    entries = kernel**2
    return ConvolutionSizes(
        shared=kernels * (entries + positions),
        local=kernels * positions * (entries + 1),
        dense=kernels * positions * (height**2 + 1),
    )

"""Optimistic sample sizes against ranks of derivatives, taken entry by entry."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import optimistic_convolution, optimistic_matrix


def rank_of_differences(function, theta, step=1e-5):
    """Rank of the derivative of all outputs by all parameters, by differences."""
    columns = []
    for axis in np.eye(len(theta)):
        change = step * axis
        above = function(theta + change)
        below = function(theta - change)
        difference = above - below
        columns.append(difference / (2 * step))
    return np.linalg.matrix_rank(columns, tol=1e-6)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_size_of_a_matrix_is_the_rank_of_its_factors(rank):
    def product(theta):
        left, right = theta.reshape(2, 3, rank)
        entries = left @ right.T
        return entries.ravel()

    random = np.random.default_rng(rank)
    theta = random.standard_normal(6 * rank)
    measured = rank_of_differences(product, theta)
    assert measured == optimistic_matrix(3, rank)


def outputs(images, kernels, weights):
    """A tanh CNN position by position; kernels (kernel, position, 2, 2)."""
    values = []
    units = list(zip(kernels, weights, strict=True))
    for image in images:
        value = 0.0
        for position, (row, column) in enumerate(np.ndindex(2, 2)):
            below, right = row + 2, column + 2
            patch = image[row:below, column:right]
            for kernel, weight in units:
                signal = np.sum(kernel[position] * patch)
                active = np.tanh(signal)
                value += weight[position] * active
        values.append(value)
    return np.array(values)


@pytest.mark.parametrize("kernels", [1, 2])
def test_the_sizes_of_a_convolution_are_ranks(kernels):
    random = np.random.default_rng(kernels)
    normal = random.standard_normal
    images = normal((90, 3, 3))
    weights = normal((kernels, 4))
    filters = normal((kernels, 1, 2, 2))
    sizes = optimistic_convolution(3, 2, kernels)

    def shared(theta):
        entries, top = np.split(theta, [4 * kernels])
        same = entries.reshape(kernels, 1, 2, 2)
        everywhere = np.repeat(same, 4, axis=1)
        return outputs(images, everywhere, top.reshape(kernels, 4))

    def local(theta):
        entries, top = np.split(theta, [16 * kernels])
        separate = entries.reshape(kernels, 4, 2, 2)
        return outputs(images, separate, top.reshape(kernels, 4))

    theta = np.append(filters, weights)
    rank = rank_of_differences(shared, theta)
    assert rank == sizes.shared
    everywhere = np.repeat(filters, 4, axis=1)
    theta = np.append(everywhere, weights)
    rank = rank_of_differences(local, theta)
    assert rank == sizes.local
    assert sizes.dense == kernels * 4 * (9 + 1)


@pytest.mark.parametrize(
    "wrong",
    [
        (optimistic_matrix, 3, 4),
        (optimistic_matrix, 3, -1),
        (optimistic_convolution, 3, 4, 1),
        (optimistic_convolution, 3, 2, 0),
    ],
)
def test_refusals(wrong):
    formula, *sizes = wrong
    with pytest.raises(InvalidInputError):
        formula(*sizes)

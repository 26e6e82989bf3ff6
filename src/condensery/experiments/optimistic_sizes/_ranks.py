"""Model ranks: of the bilinear model, of matrix products, and of convolutional nets
with and without shared weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from condensery.declare import task
from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._work import tangent
from condensery.protocols import Advance, Arrays
from condensery.theory import optimistic_convolution

if TYPE_CHECKING:
    from condensery.landscape import ModelRank

MODELS = ("bilinear", "linear", "matrix", "shared", "local", "dense")
"""Names in the order of the number that a row gives its model."""

INPUTS = 4
"""Random images per parameter."""

Row = tuple[int, int, int, int, int, int, int, bool]
"""Model, three sizes, rank, expected, rank of a wider net, whether it is decided."""


@task(Config)
def ranks(config: Config, seed: int, advance: Advance) -> Arrays:
    """Measure the model rank of every target and compare it with its closed form.

    Args:
        config: The configuration.
        seed: Of the targets and inputs.
        advance: Progress callback, (text, fraction).

    Returns:
        rows: model (its number in `MODELS`), three sizes (r; or d, s, k), rank,
        expected, rank of a wider net with the same output (−1 without one), whether
        the singular values decide.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 77]))
    rows = _plane(random)
    for rank in range(1, config.size + 1):
        rows.append(_matrix(config, rank, random))
    for number, sizes in enumerate(config.images):
        count = len(config.images)
        advance(f"convolutional net {number + 1} of {count}", number / count)
        rows += _convolutional(sizes, random)
    return {"rows": np.asarray(rows, dtype=np.int64)}


def _plane(random: np.random.Generator) -> list[Row]:
    """The bilinear and the linear model at 1 + x₁."""
    from condensery.landscape import jacobian_rank

    x = random.standard_normal((40, 2))
    bias = np.ones(40)
    silent = 0 * x[:, 1]
    flat = jacobian_rank(
        np.column_stack(
            [
                bias,
                x[:, 0],
                silent,
                silent,
            ]
        )
    )
    line = jacobian_rank(np.column_stack([bias, x]))
    return [
        (0, 0, 0, 0, flat.rank, 2, -1, flat.decided),
        (1, 0, 0, 0, line.rank, 3, -1, line.decided),
    ]


def _matrix(config: Config, rank: int, random: np.random.Generator) -> Row:
    """A product of `rank` factors, and the same with factors of zero beside them."""
    from condensery.landscape import jacobian_rank

    left = random.standard_normal((config.size, rank))
    right = random.standard_normal((rank, config.size))
    narrow = jacobian_rank(tangent(left, right))
    padding = ((0, 0), (0, config.size - rank))
    wide_right = np.pad(right.T, padding).T
    wide = jacobian_rank(tangent(np.pad(left, padding), wide_right))
    decided = narrow.decided and wide.decided
    return (
        2,
        rank,
        0,
        0,
        narrow.rank,
        config.optimistic(rank),
        wide.rank,
        decided,
    )


def _convolutional(
    sizes: tuple[int, int, int], random: np.random.Generator
) -> list[Row]:
    """The three architectures at the function of one tanh CNN, and with its first
    kernel or unit split in two.
    """
    from condensery.landscape import Problem, jacobian_rank, model_rank, split

    height, kernel, kernels = sizes
    positions = (height + 1 - kernel) ** 2
    w = random.standard_normal((kernels, kernel**2))
    a = random.standard_normal((kernels, positions))
    split_w = np.concatenate([w, w[:1]])
    split_a = np.concatenate(
        [
            0.7 * a[:1],
            a[1:],
            0.3 * a[:1],
        ]
    )
    expected = optimistic_convolution(height, kernel, kernels)
    images = random.standard_normal((INPUTS * expected[1], height, height))
    rows: list[Row] = []

    def append(model: int, narrow: ModelRank, wide: ModelRank) -> None:
        decided = narrow.decided and wide.decided
        formula = expected[model - 3]
        rows.append((model, *sizes, narrow.rank, formula, wide.rank, decided))

    for model, shared in ((3, True), (4, False)):
        narrow = jacobian_rank(columns(images, w, a, shared=shared))
        wide = jacobian_rank(columns(images, split_w, split_a, shared=shared))
        append(model, narrow, wide)
    net = [
        (
            dense_units(
                height,
                w,
            ),
            None,
        ),
        (a.reshape(1, -1), None),
    ]
    problem = Problem(
        np.eye(height**2),
        np.zeros(height**2),
        "tanh",
    )
    wider, _ = split(
        net,
        problem,
        layer=1,
        unit=0,
        alpha=0.3,
        spectrum=False,
    )
    append(5, model_rank(net, "tanh"), model_rank(wider, "tanh"))
    return rows


def columns(
    images: np.ndarray, w: np.ndarray, a: np.ndarray, *, shared: bool
) -> np.ndarray:
    """∂f/∂θ of f = Σ_kp a_kp tanh(w_k · patch_p), one row per image, by outputs and
    then by kernels.

    Args:
        images: (image, height, height).
        w: Kernels (kernel, s²).
        a: Output weights (kernel, position).
        shared: Whether the positions share their kernel; otherwise each has its own,
            here of equal value.
    """
    side = int(np.sqrt(w.shape[1]))
    windows = np.lib.stride_tricks.sliding_window_view(
        images, (side, side), axis=(1, 2)
    )
    patches = windows.reshape(len(images), -1, side * side)
    before = np.einsum("npe,ke->nkp", patches, w)
    by_kernel = (a / np.cosh(before) ** 2)[..., None] * patches[:, None]
    if shared:
        by_kernel = by_kernel.sum(axis=2)
    count = len(images)
    by_output = np.tanh(before)
    return np.column_stack([by_output.reshape(count, -1), by_kernel.reshape(count, -1)])


def dense_units(height: int, w: np.ndarray) -> np.ndarray:
    """Every kernel at every position as a row of weights of the whole image: (kernel ·
    position, height²).
    """
    side = int(np.sqrt(w.shape[1]))
    reach = height + 1 - side
    units = np.zeros((len(w), reach, reach, height, height))
    kernels = w.reshape(-1, side, side)
    for row, column in np.ndindex(reach, reach):
        units[:, row, column, row : row + side, column : column + side] = kernels
    return units.reshape(-1, height**2)

"""Model ranks: of the bilinear model, of matrix products, and of convolutional nets
with and without shared weights.
"""

from __future__ import annotations

import numpy as np
from pydantic import JsonValue

from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._tasks import tangent
from condensery.protocols import Advance, Arrays

MODELS = ("bilinear", "linear", "matrix", "shared", "local", "dense")
"""Names in the order of the number that a row gives its model."""

INPUTS = 4
"""Random images per parameter."""


def ranks(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Measure the model rank of every target and compare it with its closed form.

    Args:
        parameters: A `Config` as JSON.
        seed: Of the targets and inputs.
        advance: Told how far it is.

    Returns:
        rows: model (place in `MODELS`), three sizes (r; or d, s, k), rank, expected,
        rank of a wider net with the same output (−1 without one), whether the singular
        values decide.
    """
    from condensery.landscape import jacobian_rank

    config = Config.model_validate(parameters)
    random = np.random.Generator(np.random.Philox(key=[seed, 77]))
    x = random.standard_normal((40, 2))
    flat = jacobian_rank(
        np.column_stack([np.ones(40), x[:, 0], 0 * x[:, 1], 0 * x[:, 1]])
    )
    line = jacobian_rank(np.column_stack([np.ones(40), x]))
    rows = [
        (0, 0, 0, 0, flat.rank, 2, -1, flat.decided),
        (1, 0, 0, 0, line.rank, 3, -1, line.decided),
    ]
    for rank in range(1, config.size + 1):
        left, right = (
            random.standard_normal((config.size, rank)),
            random.standard_normal((rank, config.size)),
        )
        narrow = jacobian_rank(tangent(left, right))
        padding = ((0, 0), (0, config.size - rank))
        wide = jacobian_rank(tangent(np.pad(left, padding), np.pad(right.T, padding).T))
        decided = narrow.decided and wide.decided
        rows.append(
            (2, rank, 0, 0, narrow.rank, config.optimistic(rank), wide.rank, decided)
        )
    for number, sizes in enumerate(config.images):
        advance(
            f"convolutional net {number + 1} of {len(config.images)}",
            number / len(config.images),
        )
        rows += _convolutional(sizes, random)
    return {"rows": np.asarray(rows, dtype=np.int64)}


def optimistic_sizes(height: int, kernel: int, kernels: int) -> tuple[int, int, int]:
    """Optimistic sample sizes of k kernels s × s on d × d images: shared weights, local
    ones, dense (no biases).

    k(s² + (d + 1 − s)²), k(d + 1 − s)²(s² + 1) and k(d + 1 − s)²(d² + 1). (Zhang et al.
    2023, arXiv 2307.08921.)

    Example:
        >>> from condensery.experiments.optimistic_sizes._ranks import optimistic_sizes
        >>> optimistic_sizes(28, 3, 1)
        (685, 6760, 530660)
    """
    places = (height + 1 - kernel) ** 2
    return (
        kernels * (kernel**2 + places),
        kernels * places * (kernel**2 + 1),
        kernels * places * (height**2 + 1),
    )


def _convolutional(
    sizes: tuple[int, int, int], random: np.random.Generator
) -> list[tuple[int, ...]]:
    """The three architectures at the function of one tanh CNN, and with its first
    kernel or unit split in two.
    """
    from condensery.landscape import Problem, jacobian_rank, model_rank, split

    height, kernel, kernels = sizes
    places = (height + 1 - kernel) ** 2
    w, a = (
        random.standard_normal((kernels, kernel**2)),
        random.standard_normal((kernels, places)),
    )
    again, shares = (
        np.concatenate([w, w[:1]]),
        np.concatenate([0.7 * a[:1], a[1:], 0.3 * a[:1]]),
    )
    expected = optimistic_sizes(height, kernel, kernels)
    images = random.standard_normal((INPUTS * expected[1], height, height))
    found: list[tuple[int, ...]] = []
    for model, shared in ((3, True), (4, False)):
        narrow, wide = (
            jacobian_rank(columns(images, *net, shared=shared))
            for net in ((w, a), (again, shares))
        )
        found.append(
            (
                model,
                *sizes,
                narrow.rank,
                expected[model - 3],
                wide.rank,
                narrow.decided and wide.decided,
            )
        )
    units = dense_units(height, w)
    net = [(units, None), (a.reshape(1, -1), None)]
    wider, _ = split(
        net,
        Problem(np.eye(height**2), np.zeros(height**2), "tanh"),
        layer=1,
        unit=0,
        alpha=0.3,
        spectrum=False,
    )
    narrow, wide = model_rank(net, "tanh"), model_rank(wider, "tanh")
    found.append(
        (
            5,
            *sizes,
            narrow.rank,
            expected[2],
            wide.rank,
            narrow.decided and wide.decided,
        )
    )
    return found


def columns(
    images: np.ndarray, w: np.ndarray, a: np.ndarray, *, shared: bool
) -> np.ndarray:
    """∂f/∂θ of f = Σ_kp a_kp tanh(w_k · patch_p), one row per image, by outputs and
    then by kernels.

    Args:
        images: (image, height, height).
        w: Kernels (kernel, s²).
        a: Output weights (kernel, place).
        shared: Whether the places share their kernel; otherwise each has one of its
            own, here of equal value.
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
    return np.column_stack(
        [np.tanh(before).reshape(len(images), -1), by_kernel.reshape(len(images), -1)]
    )


def dense_units(height: int, w: np.ndarray) -> np.ndarray:
    """Every kernel at every place as a row of weights of the whole image: (kernel ·
    place, height²).
    """
    side = int(np.sqrt(w.shape[1]))
    reach = height + 1 - side
    units = np.zeros((len(w), reach, reach, height, height))
    for row, column in np.ndindex(reach, reach):
        units[:, row, column, row : row + side, column : column + side] = w.reshape(
            -1, side, side
        )
    return units.reshape(-1, height**2)

"""The tasks of optimistic-sizes: matrices completed from few entries, a plane from few
points, and model ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery.declare import task
from condensery.experiments.optimistic_sizes._config import Config
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.engine import DescentResult

PLANE_SAMPLES = (1, 2, 3, 4)

INDEPENDENT = 1e-6
"""Singular values of the observed tangent rows below this do not count: such a mask
holds the target too loosely.
"""

TRIES = 100_000
"""Random masks tried for one target."""


@task(Config)
def complete(
    config: Config, seed: int, advance: Advance, *, rank: int, scale: float
) -> Arrays:
    """Complete random matrices of one rank from n of their entries by gradient descent
    on two full factors.

    Args:
        config: The configuration.
        seed: Of the targets, masks and initial factors.
        advance: Progress callback, (text, fraction).
        rank: Of the targets.
        scale: Standard deviation of the initial factors.

    Returns:
        One row per fit: samples, draw, train (mean square over the observed entries)
        and test (over the others), over the mean square of the target; status, steps.
    """
    draws = range(config.masks)
    drawn = [
        _observed(
            config,
            rank,
            seed,
            number,
        )
        for number in draws
    ]
    shape = (config.size, config.size)
    x, y, nets, labels = [], [], [], []
    for number, (target, order) in enumerate(drawn):
        key = [seed, 10_000 * rank + number + 5000]
        start = np.random.Generator(np.random.Philox(key=key))
        factors = ("left", "right")
        net = {name: scale * start.standard_normal(shape) for name in factors}
        for count in config.samples(rank):
            entries = _entries(config.size, order[:count])
            x.append(entries)
            y.append(entries[:, -1] * target.ravel())
            nets.append(net)
            labels.append((count, number))
    result = _descend(
        _product,
        nets,
        (np.stack(x), np.stack(y)),
        config.rate,
        config.steps,
        config.stop,
        advance,
    )
    label = np.asarray(labels)
    targets = np.stack([target for target, _ in drawn])
    ends = [tree["net"] for tree in result.all_parameters()]
    products = [np.asarray(net["left"]) @ np.asarray(net["right"]) for net in ends]
    errors = np.stack(products) - targets[label[:, 1]]
    orders = np.stack([order for _, order in drawn])[label[:, 1]]
    test = unobserved(
        errors.reshape(len(label), -1),
        orders,
        label[:, 0],
    )
    return _rows(label, test, result)


def unobserved(
    errors: np.ndarray, orders: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Mean square of every row of errors over the entries that come after the observed
    ones in its order.
    """
    ordered = np.take_along_axis(errors, orders, axis=1)
    hidden = np.arange(errors.shape[1]) >= counts[:, None]
    return (ordered**2 * hidden).sum(axis=1) / hidden.sum(axis=1)


@task(Config)
def plane(config: Config, seed: int, advance: Advance, *, bilinear: bool) -> Arrays:
    """Fit 1 + x₁ from n points by θ₀ + θ₁x₁ + θ₂θ₃x₂ and by θ₀ + θ₁x₁ + θ₂x₂.

    The error over x ~ N(0, I) has the closed form (θ₀ − 1)² + (θ₁ − 1)² + c², c the
    coefficient of x₂.

    Args:
        config: The configuration.
        seed: Of the points and the initial parameters.
        advance: Progress callback, (text, fraction).
        bilinear: Whether the coefficient of x₂ is a product.

    Returns:
        One row per fit: samples, draw, train, test (over the mean square 2 of the
        target), status, steps.
    """
    most = max(PLANE_SAMPLES)
    x, nets, labels = [], [], []
    for number in range(config.masks):
        random = np.random.Generator(np.random.Philox(key=[seed, number]))
        points = random.standard_normal((most, 2))
        start = config.plane_std * random.standard_normal(4)
        for count in PLANE_SAMPLES:
            # as in `_entries`, points that are not used are silent
            weight = np.where(
                np.arange(most) < count,
                np.sqrt(most / count),
                0.0,
            )
            x.append(np.column_stack([points, weight]))
            nets.append({"theta": start if bilinear else start[:3]})
            labels.append((count, number))
    data = np.stack(x)
    targets = data[:, :, -1] * (1 + data[:, :, 0])
    result = _descend(
        _bilinear if bilinear else _linear,
        nets,
        (data, targets),
        config.plane_rate,
        config.plane_steps,
        config.stop,
        advance,
        size=2.0,
    )
    theta = np.stack(
        [np.asarray(tree["net"]["theta"]) for tree in result.all_parameters()]
    )
    across = theta[:, 2] * theta[:, 3] if bilinear else theta[:, 2]
    test = ((theta[:, 0] - 1) ** 2 + (theta[:, 1] - 1) ** 2 + across**2) / 2
    return _rows(np.asarray(labels), test, result)


def _product(net: Mapping[str, Any], x: Any) -> Any:
    """Entries of left @ right at the one-hot row and column of x, times its last
    column.
    """
    size = net["left"].shape[0]
    rows = x[:, :size] @ net["left"]
    columns = x[:, size : 2 * size] @ net["right"].T
    return x[:, -1] * (rows * columns).sum(axis=-1)


def _bilinear(net: Mapping[str, Any], x: Any) -> Any:
    t = net["theta"]
    return x[:, 2] * (t[0] + t[1] * x[:, 0] + t[2] * t[3] * x[:, 1])


def _linear(net: Mapping[str, Any], x: Any) -> Any:
    t = net["theta"]
    return x[:, 2] * (t[0] + t[1] * x[:, 0] + t[2] * x[:, 1])


def _descend(
    model: Any,
    nets: Sequence[Mapping[str, np.ndarray]],
    data: tuple[np.ndarray, np.ndarray],
    rate: float,
    steps: int,
    stop: float,
    advance: Advance,
    *,
    size: float = 1.0,
) -> DescentResult:
    """Gradient descent of every net on its own data set; losses over `size`, the mean
    square of the target.
    """
    from condensery.engine import SGD, PerMember, descend, mean_square, per_member

    count = len(nets)
    return descend(
        per_member(
            nets,
            draws=range(count),
            units=[size] * count,
        ),
        PerMember(mean_square(model)),
        *data,
        optimiser=SGD(rate),
        steps=steps,
        schedule=[],
        stop_loss=stop,
        on_progress=lambda text, fraction: advance(f"{count} fits, {text}", fraction),
    )


def _rows(label: np.ndarray, test: np.ndarray, result: DescentResult) -> Arrays:
    return {
        "samples": label[:, 0],
        "draw": label[:, 1],
        "train": result.loss[:, -1],
        "test": test,
        "status": result.status,
        "steps": result.steps,
    }


def _observed(
    config: Config, rank: int, seed: int, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """A target of mean square one, and an order of its entries whose first 2rd − r²
    hold it locally.

    They do where the rows of the tangent map at these entries are independent (Zhang et
    al. 2023, Lemma 1). For rank one this is the same as that the graph of observed rows
    and columns is connected.

    Raises:
        ArithmeticError: If no such mask is found.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 10_000 * rank + number]))

    def factor(*shape: int) -> np.ndarray:
        signs = random.choice([-1.0, 1.0], shape)
        return signs * np.exp(config.spread * random.standard_normal(shape))

    left = factor(config.size, rank)
    right = factor(rank, config.size)
    target, rows = left @ right, tangent(left, right)
    needed = config.optimistic(rank)
    for _ in range(TRIES):
        order = random.permutation(config.size**2)
        if (
            np.linalg.svd(
                rows[order[:needed]],
                compute_uv=False,
            )[-1]
            > INDEPENDENT
        ):
            return target / np.sqrt(np.mean(target**2)), order
    raise ArithmeticError(
        f"no mask of {needed} entries holds the target {number} of rank {rank}"
    )


def tangent(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Derivatives of the entries of left @ right, row by row, by those of left and
    right: (d², 2rd).
    """
    size = len(left)
    by_left = np.einsum(
        "ik,rj->ijkr",
        np.eye(size),
        right,
    ).reshape(size**2, -1)
    by_right = np.einsum(
        "ir,jk->ijrk",
        left,
        np.eye(size),
    ).reshape(size**2, -1)
    return np.column_stack([by_left, by_right])


def _entries(size: int, observed: np.ndarray) -> np.ndarray:
    """One-hot row and column of all entries, and √(d²/n) where one is observed, else 0:
    the mean is then over those.
    """
    row, column = np.divmod(
        np.arange(size**2),
        size,
    )
    weight = np.zeros(size**2)
    weight[observed] = np.sqrt(size**2 / len(observed))
    return np.column_stack(
        [
            np.eye(size)[row],
            np.eye(size)[column],
            weight,
        ]
    )

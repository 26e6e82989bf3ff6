"""Random nets against all of their masks, drawn masks, and Theorem 2."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from condensery.declare import rows, stack, task
from condensery.experiments.dropout_regulariser._config import Config
from condensery.protocols import Advance, Arrays
from condensery.records import Table

UNITS = 8
SAMPLES = 5
NETS = tuple(product(("relu", "tanh"), (2, 3), (1, 3)))
"""Activation, layers and outputs of the nets whose masks are enumerated."""
FLAT_KEEP = 0.8
"""The keep probability of Theorem 2."""


@task(Config)
def identities(config: Config, seed: int, advance: Advance) -> Arrays:
    """R1 of random nets against all of their masks, its scaling and bound, Theorem 2,
    and averages over drawn masks.

    Returns:
        Per net and p: layers, outputs, tanh, keep, r1, excess (E R_drop − R_S over all
        masks), bound; per p: r1, r2 and mean loss of drawn masks with errors for both
        kinds of masks; flattening per net: closed and measured.
    """
    nets = stack(_nets(config, seed))
    advance("drawn masks", 0.3)
    drawn = stack(_drawn(config, seed))
    advance("Theorem 2", 0.8)
    flattening = stack(_flattening(config, seed))
    return {
        **_prefixed("net", nets),
        **_prefixed("drawn", drawn),
        **_prefixed("flat", flattening),
    }


def _prefixed(prefix: str, table: Table) -> Arrays:
    return {f"{prefix}_{name}": column for name, column in table.columns.items()}


def _nets(config: Config, seed: int) -> Iterator[Arrays]:
    """R1, its bound and what all masks add, of every net and p."""
    from condensery.theory import dropout_r1, dropout_r1_bound

    for net_seed in range(seed, seed + config.nets):
        for activation, layers, outputs in NETS:
            f, top, bias, y = _net(activation, layers, outputs, net_seed)
            for keep in config.keeps:
                mean, plain = _mean_over_masks(f, top, bias, y, keep)
                yield rows(
                    {},
                    seed=net_seed,
                    layers=layers,
                    outputs=outputs,
                    tanh=activation == "tanh",
                    keep=keep,
                    r1=dropout_r1(f, top, keep=keep),
                    excess=mean - plain,
                    bound=dropout_r1_bound(f, top, keep=keep),
                )


def _net(
    activation: str, layers: int, outputs: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of the last hidden layer, W_L, b_L and targets of a random net of eight
    units per hidden layer.
    """
    from condensery.models import Network, mlp_normal

    sizes = [2, *[UNITS] * (layers - 1), outputs]
    net = mlp_normal(
        sizes,
        seed=seed,
        std=0.7,
    )
    rng = np.random.default_rng([seed, layers, outputs])
    x = rng.standard_normal((SAMPLES, 2))
    y = rng.standard_normal((SAMPLES, outputs))
    f = Network.of(net, activation).features(x)[-1]
    top, bias = net[-1]
    return f, top, np.zeros(outputs) if bias is None else bias, y


def _mean_over_masks(
    f: np.ndarray, top: np.ndarray, bias: np.ndarray, y: np.ndarray, keep: float
) -> tuple[float, float]:
    """E R_drop over all masks shared by the samples, and R_S."""
    masks = product((0.0, 1.0), repeat=f.shape[1])
    kept = np.array(list(masks))
    chance = np.prod(np.where(kept > 0, keep, 1 - keep), axis=1)
    output = (
        np.einsum(
            "nu,ku,ou->kno",
            f,
            kept / keep,
            top,
        )
        + bias
    )
    losses = np.sum((output - y) ** 2, axis=(1, 2)) / (2 * len(f))
    error = f @ top.T + bias - y
    plain = np.sum(error**2) / (2 * len(f))
    return float(chance @ losses), float(plain)


def _drawn(config: Config, seed: int) -> Iterator[Arrays]:
    """Averages over drawn masks for one two-layer tanh net of 50 units."""
    from condensery.engine import dropout_noise
    from condensery.models import Network, TwoLayer, two_layer_normal
    from condensery.theory import dropout_r1

    member = two_layer_normal(
        50,
        features=2,
        seed=seed,
        std_a=0.4,
        std_w=1.0,
    )
    x = np.linspace(-1, 1, 8)[:, None]
    y = np.sin(3 * x[:, 0])
    network = Network.of(member, "tanh")
    (hidden,) = network.features(x)
    error = network.forward(x) - y
    plain = float(np.mean(error**2) / 2)
    for keep, shared in product(config.keeps, (False, True)):
        noise = dropout_noise(
            TwoLayer("tanh"),
            member,
            x,
            y,
            keep=keep,
            mask="shared" if shared else "per_sample",
            rate=config.rate,
            masks=config.masks,
            seed=seed,
        )
        yield rows(
            {},
            keep=keep,
            shared=shared,
            r1=dropout_r1(hidden, member["a"], keep=keep),
            r2=noise.r2,
            r2_error=noise.r2_error,
            excess=noise.loss - plain,
            excess_error=noise.loss_error,
        )


def _flattening(config: Config, seed: int) -> Iterator[Arrays]:
    """d/dt of (1/n) Σ ‖∇f‖² along −∇R1 at nets that fit their own data, closed and by a
    symmetric difference.

    Along a straight line and within one activation pattern the trace is a quadratic,
    whose symmetric difference has no error but rounding. ∇R1 is the difference of the
    engine's two gradients, which share no code with the closed form.
    """
    from condensery.engine import expected_dropout_loss, mean_square
    from condensery.models import Network, TwoLayer, two_layer_normal
    from condensery.theory import dropout_flattening

    expected = expected_dropout_loss(TwoLayer("relu"), keep=FLAT_KEEP)
    plain = mean_square(TwoLayer("relu"), factor=0.5)
    stride = 1e-4
    for number in range(4 * config.nets):
        net_seed = seed + number
        member = two_layer_normal(
            12,
            features=3,
            seed=net_seed,
            std_a=0.7,
            std_w=0.7,
        )
        a, w = member["a"], member["w"]
        x = np.random.default_rng([seed, number]).standard_normal((6, 3))
        y = Network.of(member, "relu").forward(x)
        packed = {
            "a": a,
            "w": w.T,
        }
        _, slope = expected.value_and_grad(packed, x, y)
        _, plain_slope = plain.value_and_grad(packed, x, y)
        grad_a, grad_w = (
            np.asarray(slope[name]) - np.asarray(plain_slope[name])
            for name in ("a", "w")
        )
        ahead, behind = (
            _trace(a - step * grad_a, w - step * grad_w.T, x)
            for step in (stride, -stride)
        )
        rate = dropout_flattening(a, w, x, keep=FLAT_KEEP)
        yield rows(
            {},
            closed=float(rate.sum()) / len(x),
            measured=(ahead - behind) / (2 * stride),
        )


def _trace(a: np.ndarray, w: np.ndarray, x: np.ndarray) -> float:
    from condensery.models import Network

    (z,) = Network.of({"a": a, "w": w}, "relu").features(x)
    lengths = np.sum(x**2, axis=1)[:, None]
    first = np.sum((z > 0) * a**2 * lengths)
    return float(np.sum(z**2) + first) / len(x)

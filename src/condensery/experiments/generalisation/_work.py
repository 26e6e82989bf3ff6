"""The work of generalisation: nets of several widths and scales fitted to few samples
of a narrow target.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.generalisation._config import Config
from condensery.metrics import condensation
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import Parameters

TESTED = 2000
"""Inputs on which the test error is measured."""

NORM = 2.0
"""Length of the target's input weights: beyond the linear part of tanh."""

NAMES = (
    "samples",
    "width",
    "scale",
    "train",
    "test",
    "effective",
    "status",
    "steps",
)
"""Columns of every net."""


def _weighted(parameters: Any, x: Any) -> Any:
    """Output of a two-layer tanh net times the last column of x, by which samples that
    are not used are silent.
    """
    from condensery.models import TwoLayer

    return x[:, -1] * TwoLayer("tanh")(parameters, x[:, :-1])


Net = tuple[np.ndarray, np.ndarray]
"""Input weights and output weights of a net without bias."""


@task(Config)
def fit(config: Config, seed: int, advance: Advance, *, k: int) -> Arrays:
    """Fit every width and scale to n samples of one target of k units, for every n.

    The seed draws target, data and initial weights.

    Returns:
        One row per net: samples, width, scale, train (training loss over the mean
        square of the targets), test (error over the mean square of the target),
        effective (neurons by amplitude), status, steps; and rank, that of the target
        and of its embeddings.
    """
    from condensery.engine import SGD, descend, mean_square

    target = _target(k, config.features, seed)
    most = max(config.samples)
    random = np.random.Generator(np.random.Philox(key=[seed, 100 * k]))
    data = random.standard_normal((most + TESTED, config.features))
    y = _output(target, data)
    test = data[most:], y[most:]
    cells = [(width, scale) for width in config.widths for scale in config.scales]
    members = [_initial(width, scale, config.features, seed) for width, scale in cells]
    rows = []
    for number, count in enumerate(config.samples):
        advance(f"k = {k}, {count} samples", number / len(config.samples))
        # unused samples are silenced rather than left out, so that one compiled program
        # serves every n
        weight = np.where(np.arange(most) < count, np.sqrt(most / count), 0.0)
        size = float(np.mean(y[:count] ** 2))
        result = descend(
            members,
            mean_square(_weighted),
            np.column_stack([data[:most], weight]),
            weight * y[:most],
            optimiser=SGD(config.rate),
            steps=config.steps,
            schedule=[],
            stop_loss=config.stop * size,
        )
        for member, (width, scale) in enumerate(cells):
            end = result.parameters(member)
            net = np.asarray(end["w"]), np.asarray(end["a"])
            row = (
                count,
                width,
                scale,
                result.loss[member, -1] / size,
                _test_error(net, *test),
                _effective(*net),
                result.status[member],
                result.steps[member],
            )
            rows.append(row)
    table = np.array(rows, dtype=np.float64)
    columns = dict(zip(NAMES, table.T, strict=True))
    return {
        **columns,
        "rank": _ranks(target),
    }


def _test_error(net: Net, x: np.ndarray, y: np.ndarray) -> float:
    """Error over the mean square of the target; infinite for a net that diverged."""
    with np.errstate(over="ignore"):
        error = np.mean((_output(net, x) - y) ** 2)
        return float(error / np.mean(y**2))


def _target(k: int, features: int, seed: int) -> Net:
    """K units at right angles as far as there is room, of norm 2, with outputs of
    either sign.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, k]))
    w = random.standard_normal((k, features))
    if k <= features:
        w = np.linalg.qr(w.T)[0].T
    w *= NORM / np.linalg.norm(
        w,
        axis=1,
        keepdims=True,
    )
    return w, np.where(np.arange(k) % 2, -1.0, 1.0)


def _initial(
    width: int, scale: float, features: int, seed: int
) -> dict[str, np.ndarray]:
    from condensery.models import two_layer_normal

    return two_layer_normal(
        width, features=features, seed=seed, std_a=scale, std_w=scale
    )


def _output(net: Net, x: np.ndarray) -> np.ndarray:
    from condensery.models import Network

    w, a = net
    return Network.of({"a": a, "w": w}, "tanh").forward(x)


def _effective(w: np.ndarray, a: np.ndarray) -> float:
    """Exp of the entropy of the amplitudes of groups of equal directions up to sign."""
    return float(condensation(w, a, antipodal=True).effective_orientations)


def _ranks(target: Net) -> np.ndarray:
    """Model rank of the target as a net of k units, and of two embeddings in k + 1 and
    k + 2.
    """
    from condensery.landscape import Problem, model_rank, null, split

    w, a = target
    net: Parameters = [(w, None), (a[None], None)]
    problem = Problem(np.eye(w.shape[1]), np.zeros(w.shape[1]), "tanh")
    wider, _ = split(
        net,
        problem,
        layer=1,
        unit=0,
        alpha=0.3,
        spectrum=False,
    )
    widest, _ = null(
        wider,
        problem,
        layer=1,
        spectrum=False,
    )
    ranks = [model_rank(layers, "tanh").rank for layers in (net, wider, widest)]
    return np.array(ranks, dtype=np.int64)


def work(config: Config) -> Iterator[Work]:
    """One call per target: k and seed."""
    for k in config.units:
        for seed in range(config.seeds):
            label = f"target of {k} units, seed {seed}"
            yield fit.work(label, float(k), seed, k=k)

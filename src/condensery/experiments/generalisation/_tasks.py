"""The tasks of generalisation: nets of several widths and scales fitted to few samples
of a narrow target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue

from condensery.experiments.generalisation._config import Config
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import Parameters

TESTED = 2000
"""Inputs on which the test error is measured."""

NORM = 2.0
"""Length of the target's input weights: beyond the linear part of tanh."""


def _weighted(parameters: Any, x: Any) -> Any:
    """Output of a two-layer tanh net times the last column of x, by which samples that
    are not used are silent.
    """
    from condensery.models import TwoLayer

    return x[:, -1] * TwoLayer("tanh")(parameters, x[:, :-1])


def fit(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Fit every width and scale to n samples of one target, for every n.

    Args:
        parameters: The configuration, and k (intrinsic width).
        seed: Of target, data and initial weights.
        advance: Told how far it is.

    Returns:
        One row per net: samples, width, scale, train (training loss over the mean
        square of the targets), test (error over the mean square of the target),
        effective (neurons by amplitude), status, steps; and rank, that of the target
        and of its embeddings.
    """
    from condensery.engine import SGD, descend, mean_square

    k = int(parameters["k"])  # pyrefly: ignore
    config = Config.model_validate(
        {name: value for name, value in parameters.items() if name != "k"}
    )
    target, most = _target(k, config.features, seed), max(config.samples)
    data = np.random.Generator(np.random.Philox(key=[seed, 100 * k])).standard_normal(
        (most + TESTED, config.features)
    )
    y = _output(target, data)
    cells = [(width, scale) for width in config.widths for scale in config.scales]
    members = [_initial(width, scale, config.features, seed) for width, scale in cells]
    rows = []
    for place, count in enumerate(config.samples):
        advance(f"k = {k}, {count} samples", place / len(config.samples))
        # unused samples are silenced rather than left out, so that one compiled program
        # serves every n
        weight = np.where(np.arange(most) < count, np.sqrt(most / count), 0.0)
        size = float(np.mean(y[:count] ** 2))
        result = descend(
            members,
            mean_square(_weighted),
            (np.column_stack([data[:most], weight]), weight * y[:most]),
            optimiser=SGD(config.rate),
            steps=config.steps,
            schedule=[],
            stop_loss=config.stop * size,
        )
        for (width, scale), end, loss, status, steps in zip(
            cells,
            result.parameters,
            result.loss[:, -1],
            result.status,
            result.steps,
            strict=True,
        ):
            a, w = np.asarray(end["a"]), np.asarray(end["w"])
            with np.errstate(
                over="ignore"
            ):  # a net that diverged is one row with an infinite error
                error = np.mean(
                    (_output((w, a), data[most:]) - y[most:]) ** 2
                ) / np.mean(y[most:] ** 2)
            rows.append(
                (
                    count,
                    width,
                    scale,
                    loss / size,
                    error,
                    _effective(w, a),
                    status,
                    steps,
                )
            )
    table = np.array(rows, dtype=np.float64)
    names = (
        "samples",
        "width",
        "scale",
        "train",
        "test",
        "effective",
        "status",
        "steps",
    )
    return {
        **{name: table[:, place] for place, name in enumerate(names)},
        "rank": _ranks(target),
    }


def _target(k: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """K units at right angles as far as there is room, of norm 2, with outputs of
    either sign.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, k]))
    w = random.standard_normal((k, features))
    if k <= features:
        w = np.linalg.qr(w.T)[0].T
    w *= NORM / np.linalg.norm(w, axis=1, keepdims=True)
    return w, np.where(np.arange(k) % 2, -1.0, 1.0)


def _initial(
    width: int, scale: float, features: int, seed: int
) -> dict[str, np.ndarray]:
    from condensery.models import two_layer_normal

    return two_layer_normal(
        width, features=features, seed=seed, std_a=scale, std_w=scale
    )


def _output(net: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> np.ndarray:
    w, a = net
    return np.tanh(x @ w.T) @ a


def _effective(w: np.ndarray, a: np.ndarray) -> float:
    """Exp of the entropy of the amplitudes of groups of equal directions up to sign."""
    from condensery.metrics import condensation

    return float(condensation(w, a, antipodal=True).effective_orientations)


def _ranks(target: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Model rank of the target as a net of k units, and of two embeddings in k + 1 and
    k + 2.
    """
    from condensery.landscape import Problem, model_rank, null, split

    w, a = target
    net: Parameters = [(w, None), (a[None], None)]
    problem = Problem(np.eye(w.shape[1]), np.zeros(w.shape[1]), "tanh")
    wider, _ = split(net, problem, layer=1, unit=0, alpha=0.3, spectrum=False)
    widest, _ = null(wider, problem, layer=1, spectrum=False)
    return np.array(
        [model_rank(one, "tanh").rank for one in (net, wider, widest)], dtype=np.int64
    )

"""The task of architectures: train one network at all scales, decays and seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from condensery.data import load
from condensery.declare import task
from condensery.experiments.architectures._config import LAYERS, Config, Kind
from condensery.metrics import condensation
from condensery.protocols import Advance, Arrays

THRESHOLDS = (0.7, 0.95)
"""Cosines at which directions count as one: of the papers on transformers, and of those
on dropout.
"""
ACTIVE = 0.05
SHUFFLES = 5


@task(Config)
def train(
    config: Config, seed: int, advance: Advance, *, kind: Kind, keep: float
) -> Arrays:
    """Train one architecture at one keep probability, at all scales, decays and seeds.

    Args:
        config: The configuration.
        seed: The first seed.
        advance: Progress callback, (text, fraction).
        kind: Which network.
        keep: Keep probability of dropout.

    Returns:
        Per run (exponent, decay, seed, loss, accuracy, status), and per run and layer
        (layer_code, its number in `LAYERS`; layer_run, units, active, and for each
        threshold ratio, null, initial as ``layer_ratio_70`` and so on).
    """
    from condensery.engine import AdamW, cross_entropy, descend
    from condensery.models import ImageNet

    net, data = ImageNet(kind), load("digits")
    shuffle = np.random.Generator(np.random.Philox(key=[0, 77]))
    order = shuffle.permutation(len(data.x))
    training, test = np.split(order, [config.samples])
    seeds = range(seed, seed + config.seeds)
    members = [(exponent, draw) for exponent in config.exponents for draw in seeds]
    starts = [
        net.draw(
            seed=draw,
            exponent=exponent,
        )
        for exponent, draw in members
    ]
    runs: list[dict[str, Any]] = []
    layers: list[dict[str, Any]] = []
    for number, decay in enumerate(config.decays):
        result = descend(
            starts,
            cross_entropy(net, keep=keep),
            data.x[training],
            data.y[training],
            optimiser=AdamW(config.rate, decay=decay),
            steps=config.steps,
            batch_size=config.batch_size,
            seeds=[draw for _, draw in members],
            dtype="float32",
            schedule=[config.steps],
        )
        for k, (exponent, draw) in enumerate(members):
            trained = result.parameters(k)
            outputs = np.asarray(
                net(
                    trained,
                    data.x[test].astype(np.float32),
                )
            )
            predicted = np.argmax(outputs, axis=1)
            before = net.rows(starts[k])
            for name, rows in net.rows(trained).items():
                code = LAYERS[kind].index(name)
                measures = measure_layer(rows, before[name], draw)
                layers.append({"code": code, "run": len(runs), **measures})
            runs.append(
                {
                    "exponent": exponent,
                    "decay": decay,
                    "seed": draw,
                    "loss": result.loss[k, -1],
                    "accuracy": np.mean(predicted == data.y[test]),
                    "status": result.status[k],
                }
            )
        advance(f"weight decay {decay:g}", (number + 1) / len(config.decays))
    arrays = _columns(runs)
    return arrays | {f"layer_{name}": col for name, col in _columns(layers).items()}


def _columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


def measure_layer(rows: np.ndarray, initial: np.ndarray, seed: int) -> dict[str, float]:
    """Effective ratios over the active units: of the layer, of its rows with shuffled
    entries, and of its start.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, 78]))
    _, active = _ratio(rows, THRESHOLDS[0])
    measures: dict[str, float] = {
        "units": len(rows),
        "active": active,
    }
    shuffled = [
        rng.permuted(
            rows,
            axis=1,
        )
        for _ in range(SHUFFLES)
    ]
    for threshold in THRESHOLDS:
        end = round(100 * threshold)
        nulls = [_ratio(null, threshold)[0] for null in shuffled]
        measures[f"ratio_{end}"] = _ratio(rows, threshold)[0]
        measures[f"null_{end}"] = float(np.mean(nulls))
        measures[f"initial_{end}"] = _ratio(initial, threshold)[0]
    return measures


def _ratio(rows: np.ndarray, threshold: float) -> tuple[float, float]:
    """Effective neurons over active units, and active units over all."""
    result = condensation(rows, threshold=threshold, active=ACTIVE)
    active = result.active_units
    return result.effective_neurons / max(active, 1), active / len(rows)

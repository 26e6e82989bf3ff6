"""The work: one-dimensional fits with and without dropout, and the switch from R_S to
dropout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.experiments.dropout_features._config import PREDICTED, REACH, target
from condensery.protocols import Advance, Arrays

BINS = 64
NEAR = 0.15
FINE = 481
PER_DECADE = 8
DIRECTIONS, REACH_OF_PROFILE, PROFILE_POINTS = 10, 0.5, 41
BRANCHES = ("plain", "dropout", "expected")
"""What is minimised after the switch: R_S still, R_drop, or R_S + R1."""


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one net per seed and follow its features.

    Args:
        parameters: target, layers, kind, keep, samples, width, init_exponent, steps,
            rate, batch_size, count (seeds).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss R_S (member, step), status, measures (step, member, name), profile
        (member, direction, point), and of the first member features (when, unit,
        [orientation, amplitude, alive]) and output (when, point).
    """
    from condensery.engine import (
        SGD,
        Adam,
        descend,
        dropout_loss,
        init_descent,
        log_steps,
        mean_square,
    )

    given: dict[str, Any] = dict(parameters)
    model, members, data = _setting(given, seed)
    rule = SGD(given["rate"]) if given["kind"] == "batches" else Adam(given["rate"])
    objective = mean_square(model, factor=0.5)
    if given["kind"] == "dropout":
        keep = given["keep"] if given["layers"] == 2 else (given["keep"],) * 2
        objective = dropout_loss(model, keep=keep)
    seeds, steps = range(seed, seed + given["count"]), given["steps"]
    start = init_descent(members, optimiser=rule, seeds=seeds, dtype="float32")
    result = descend(
        start,
        objective,
        data,
        optimiser=rule,
        steps=steps,
        batch_size=given["batch_size"],
        schedule=log_steps(steps, per_decade=PER_DECADE).tolist(),
        probes=[_Measure(given["target"], given["layers"])],
        on_step=lambda step: advance(f"step {step} of {steps}", min(step / steps, 1.0)),
    )
    before, after = (
        _layers(found) for found in (start.parameters[0], result.parameters[0])
    )
    features = np.stack(
        [_features(given["target"], layers) for layers in (before, after)]
    )
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        **result.probed,
        "profile": np.stack(
            [
                _profile(given["target"], _layers(member), data, number)
                for number, member in enumerate(result.parameters)
            ]
        ),
        "features": features,
        "output": np.stack(
            [
                _output(given["target"], layers, _grid(given["target"]))
                for layers in (before, after)
            ]
        ),
        "off": np.array(
            [_off(given["target"], _layers(member)) for member in result.parameters]
        ),
    }


def switch(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train on R_S, then go on with R_S, R_drop or R_S + R1 from the same point with
    the same memory of Adam.

    Args:
        parameters: target, keep, samples, width, init_exponent, first, second, rate,
            count.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        For the first part and every branch: step, loss R_S and r1 (step, member),
        measures (step, member, name); for every branch the output of every member.
    """
    from condensery.engine import (
        Adam,
        RecordLoss,
        descend,
        dropout_loss,
        expected_dropout_loss,
        init_descent,
        log_steps,
        mean_square,
    )

    given: dict[str, Any] = dict(parameters) | {"layers": 2}
    model, members, data = _setting(given, seed)
    rule, plain = Adam(given["rate"]), mean_square(model, factor=0.5)
    both = expected_dropout_loss(model, keep=given["keep"])
    probes = [
        RecordLoss("plain", plain, data),
        RecordLoss("both", both, data),
        _Measure(given["target"], 2),
    ]
    start = init_descent(
        members,
        optimiser=rule,
        seeds=range(seed, seed + given["count"]),
        dtype="float32",
    )
    first, second = given["first"], given["second"]
    advance("R_S", 0.0)
    schedule = log_steps(first, per_decade=PER_DECADE).tolist()
    base = descend(
        start,
        plain,
        data,
        optimiser=rule,
        steps=first,
        schedule=schedule,
        probes=probes,
    )
    found = {
        "first_step": base.recorded,
        **{f"first_{name}": array for name, array in base.probed.items()},
    }
    objectives = (plain, dropout_loss(model, keep=given["keep"]), both)
    for place, (name, objective) in enumerate(zip(BRANCHES, objectives, strict=True)):
        schedule = (first + log_steps(second, per_decade=PER_DECADE)).tolist()
        result = descend(
            base.state,
            objective,
            data,
            optimiser=rule,
            steps=second,
            schedule=schedule,
            probes=probes,
        )
        found |= {
            f"{name}_step": result.recorded,
            **{f"{name}_{key}": value for key, value in result.probed.items()},
        }
        outputs = [
            _output(given["target"], _layers(one), _grid(given["target"]))
            for one in result.parameters
        ]
        found[f"{name}_output"] = np.stack(outputs)
        advance(name, (place + 1) / len(BRANCHES))
    return found


def _setting(
    given: dict[str, Any], seed: int
) -> tuple[Any, list[Any], tuple[np.ndarray, np.ndarray]]:
    """Model, initial parameters and data."""
    from condensery.models import Mlp, TwoLayer, mlp_normal, two_layer_normal, with_bias

    name, width = given["target"], given["width"]
    std = float(width) ** -given["init_exponent"]
    x = np.linspace(-REACH[name], REACH[name], given["samples"])
    y, seeds = target(name, x), range(seed, seed + given["count"])
    if given["layers"] == 2:
        members = [
            two_layer_normal(width, features=2, seed=one, std_a=std, std_w=std)
            for one in seeds
        ]
        return TwoLayer(name), members, (np.asarray(with_bias(x)), y)
    deep = [
        mlp_normal([1, width, width, 1], seed=one, std=std, output_bias=False)
        for one in seeds
    ]
    return Mlp(name), deep, (x[:, None], y[:, None])


Layer = tuple[np.ndarray, np.ndarray]


def _layers(member: Any) -> list[Layer]:
    """The layers of a net as float64 (W, b), whatever its kind."""
    if isinstance(member, dict):
        a, w = (np.asarray(member[key], dtype=np.float64) for key in ("a", "w"))
        return [(w[:, :1], w[:, 1]), (a[None], np.zeros(1))]
    return [
        (
            np.asarray(W, dtype=np.float64),
            np.zeros(len(W)) if b is None else np.asarray(b, dtype=np.float64),
        )
        for W, b in member
    ]


def _grid(name: str) -> np.ndarray:
    return np.linspace(-REACH[name], REACH[name], FINE)


def _output(name: str, layers: Sequence[Layer], x: np.ndarray) -> np.ndarray:
    hidden = np.asarray(x, dtype=np.float64)[:, None]
    for W, b in layers[:-1]:
        z = hidden @ W.T + b
        hidden = np.tanh(z) if name == "tanh" else np.maximum(z, 0)
    return hidden @ layers[-1][0][0] + layers[-1][1][0]


def _off(name: Any, layers: Sequence[Layer]) -> float:
    """Largest distance from the target, samples and what lies between them."""
    return float(
        np.max(np.abs(_output(name, layers, _grid(name)) - target(name, _grid(name))))
    )


def _features(name: str, layers: Sequence[Layer]) -> np.ndarray:
    """Orientation, amplitude ‖W_2[:, k]‖·‖(w, b)‖ and whether it is ever active, of
    every unit of the first layer.
    """
    from condensery.metrics import amplitude, orientation

    w = np.column_stack([layers[0][0][:, 0], layers[0][1]])
    size = amplitude(np.linalg.norm(layers[1][0], axis=0), w)
    # a ReLU unit that is zero on the whole range of the data takes no part, as in the
    # source's figures
    ends = w[:, :1] * np.array([-REACH[name], REACH[name]]) + w[:, 1:]
    alive = (
        np.ones(len(w)) if name == "tanh" else (ends.max(axis=1) > 0).astype(np.float64)
    )
    return np.stack([orientation(w), size, alive], axis=1)


def measures(name: str, features: np.ndarray) -> tuple[float, float, float]:
    """Effective orientations over 64 bins, share of the four heaviest bins, share near
    the target's orientations.
    """
    from condensery.metrics import effective_orientations

    angle, size = features[:, 0], features[:, 1] * features[:, 2]
    weight = np.histogram(angle, bins=BINS, range=(-np.pi, np.pi), weights=size)[0]
    gap = np.min(
        [
            np.abs((angle - one + np.pi) % (2 * np.pi) - np.pi)
            for one in PREDICTED[name]
        ],
        axis=0,
    )
    total = float(size.sum()) or 1.0
    return (
        effective_orientations(weight),
        float(np.sort(weight)[-4:].sum()) / total,
        float(size[gap <= NEAR].sum()) / total,
    )


class _Measure:
    """The probe: `measures` of every member."""

    def __init__(self, name: str, layers: int) -> None:
        self.name, self.layers = name, layers

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        if self.layers == 2:
            members: list[Any] = [
                {"a": a, "w": w}
                for a, w in zip(snapshot["a"], snapshot["w"], strict=True)
            ]
        else:
            stacked = zip(
                *(snapshot[key] for key in ("0.0", "0.1", "1.0", "1.1", "2.0")),
                strict=True,
            )
            members = [
                [(one[0], one[1]), (one[2], one[3]), (one[4], None)] for one in stacked
            ]
        return {
            "measures": np.array(
                [
                    measures(self.name, _features(self.name, _layers(one)))
                    for one in members
                ]
            )
        }


def _profile(
    name: str, layers: Sequence[Layer], data: tuple[np.ndarray, np.ndarray], seed: int
) -> np.ndarray:
    """R_S along random directions, each layer's part of a direction as long as the
    layer's own parameters.
    """
    x, y = data[0][:, 0], np.ravel(data[1])
    rng = np.random.default_rng([17, seed])
    found = np.zeros((DIRECTIONS, PROFILE_POINTS))
    for row in found:
        directions = []
        for W, b in layers:
            parts = (
                rng.standard_normal(W.shape),
                rng.standard_normal(b.shape) * (np.abs(b).max() > 0),
            )
            size = np.sqrt(
                sum(np.sum(part**2) for part in (W, b))
                / sum(np.sum(part**2) for part in parts)
            )
            directions.append([size * part for part in parts])
        for place, stride in enumerate(
            np.linspace(-REACH_OF_PROFILE, REACH_OF_PROFILE, PROFILE_POINTS)
        ):
            moved = [
                (W + stride * d, b + stride * e)
                for (W, b), (d, e) in zip(layers, directions, strict=True)
            ]
            row[place] = np.mean((_output(name, moved, x) - y) ** 2) / 2
    return found

"""The tasks of width-similarity: training at each width, the critical levels, and
escapes from one embedded point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from condensery.experiments.width_similarity._config import Config
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem

GRID = 201
PER_DECADE = 20


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train nets of one width, and look at the least gradient of every plateau.

    Args:
        parameters: The configuration, width, and optimiser ("descent" or "adam").
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss (member, step), status; per plateau: member, first, last, rest, at,
        gradient, effective, neurons, all_neurons, output (plateau, point), features
        (plateau, unit, 3: w, b, a).
    """
    from condensery.engine import (
        SGD,
        Adam,
        RecordParameters,
        descend,
        log_steps,
        mean_square,
    )
    from condensery.landscape import plateau_starts
    from condensery.metrics import plateaus
    from condensery.models import TwoLayer, two_layer_normal, with_bias

    width, adam = int(parameters["width"]), parameters["optimiser"] == "adam"  # pyrefly: ignore
    config = Config.model_validate(
        {k: v for k, v in parameters.items() if k not in {"width", "optimiser"}}
    )
    problem, std = _problem(), max(width, 2) ** -1.5
    members = [
        two_layer_normal(width, features=2, seed=seed + number, std_a=std, std_w=std)
        for number in range(config.seeds)
    ]
    steps = config.adam_steps if adam else config.steps
    result = descend(
        members,
        mean_square(TwoLayer("tanh")),
        (with_bias(problem.x), problem.y[:, 0]),
        steps=steps,
        optimiser=Adam(config.adam_rate) if adam else SGD(config.rate),
        probes=[RecordParameters()],
        schedule=log_steps(steps, per_decade=PER_DECADE).tolist(),
        on_step=lambda step: advance(f"width {width}, step {step}", step / steps),
    )
    found = []
    for member in range(config.seeds):
        nets = [
            _layers(a[member], w[member])
            for a, w in zip(result.probed["a"], result.probed["w"], strict=True)
        ]
        flat = plateaus(result.recorded, result.loss[member])
        starts = plateau_starts(result.recorded, result.loss[member], nets, problem)
        found += [
            (member, plateau, start)
            for plateau, start in zip(flat, starts, strict=True)
        ]
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        **_plateaus(found, problem, width),
    }


def levels(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Critical points of widths 1, 2 and 3: the levels at which wider nets may rest.

    Args:
        parameters: A `Config` as JSON.
        seed: Of the starts.
        advance: Told how far it is.

    Returns:
        width, loss, gradient and output of every class of critical points.
    """
    config, problem = Config.model_validate(parameters), _problem()
    points: list[CriticalPoint] = []
    for width in (1, 2, 3):
        advance(f"critical points of width {width}", (width - 1) / 3)
        points += _critical(width, config.starts, seed, problem)
    return {
        "width": np.array(
            [len(point.parameters[0][0]) for point in points], dtype=np.int64
        ),
        "loss": np.array([point.loss for point in points]),
        "gradient": np.array([point.gradient_norm for point in points]),
        "output": np.array([_output(point.parameters) for point in points]),
    }


def escape(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Gradient descent from the width-1 optimum in equal copies, pushed a little; one
    row per width and seed.

    Args:
        parameters: The configuration, and width.
        seed: Of the search and the pushes.
        advance: Told how far it is.

    Returns:
        steps until the loss is 1 % lower, and status, per seed.
    """
    from condensery.engine import SGD, descend, mean_square
    from condensery.models import TwoLayer, with_bias

    width = int(parameters["width"])  # pyrefly: ignore
    config, problem = (
        Config.model_validate({k: v for k, v in parameters.items() if k != "width"}),
        _problem(),
    )
    point = _critical(1, 16, seed, problem)[0]
    (w, b), (a, _) = point.parameters
    members = []
    for number in range(config.escape_seeds):
        push = (
            np.random.Generator(np.random.Philox(key=[seed, number])).standard_normal(
                (width, 3)
            )
            * config.noise
        )
        rows = np.tile([w[0, 0], b[0]], (width, 1)) + push[:, :2]  # pyrefly: ignore
        members.append({"a": np.full(width, a[0, 0] / width) + push[:, 2], "w": rows})
    result = descend(
        members,
        mean_square(TwoLayer("tanh")),
        (with_bias(problem.x), problem.y[:, 0]),
        optimiser=SGD(config.rate),
        steps=config.escape_steps,
        schedule=[],
        stop_loss=0.99 * point.loss,
        on_step=lambda step: advance(
            f"escapes at width {width}, step {step}", step / config.escape_steps
        ),
    )
    return {"steps": result.steps, "status": result.status}


def _problem() -> Problem:
    from condensery.data import load
    from condensery.landscape import Problem

    data = load("three-steps")
    return Problem(data.x, data.y, "tanh")


def _critical(
    width: int, count: int, seed: int, problem: Problem
) -> list[CriticalPoint]:
    from condensery.landscape import find_critical

    starts: list[Parameters] = []
    for number in range(count):
        random = np.random.Generator(
            np.random.Philox(key=[seed, 1000 * width + number])
        )
        w, middle, a = (
            random.standard_normal(width),
            random.uniform(-15, 15, width),
            random.standard_normal(width),
        )
        starts.append([(w[:, None], -w * middle), (2 * a[None], None)])
    return find_critical(starts, problem).distinct(by="function")


def _layers(a: np.ndarray, w: np.ndarray) -> Parameters:
    return [(w[:, :1], w[:, 1]), (a[None], None)]


def _output(net: Parameters) -> np.ndarray:
    from condensery.landscape import forward

    return forward(net, np.linspace(-15, 15, GRID)[:, None], "tanh")[:, 0]


def _plateaus(found: list, problem: Problem, width: int) -> dict[str, np.ndarray]:
    from condensery.landscape import flatten, gradient
    from condensery.metrics import condensation

    nets = [net for _, _, (_, net) in found]
    features = [
        np.column_stack([net[0][0][:, 0], net[0][1], net[1][0][0]]) for net in nets
    ]
    effective = [
        condensation(one[:, :2], one[:, 2], antipodal=True).effective_orientations
        for one in features
    ]
    covers = [
        condensation(one[:, :2], one[:, 2], threshold=0.95, antipodal=True)
        for one in features
    ]
    # as Zhang & Xu count: every unit, however weak
    of_all = [
        condensation(one[:, :2], threshold=0.95, active=0.0, antipodal=True)
        for one in features
    ]
    return {
        "member": np.array([member for member, _, _ in found], dtype=np.int64),
        "first": np.array([plateau.first for _, plateau, _ in found], dtype=np.int64),
        "last": np.array([plateau.last for _, plateau, _ in found], dtype=np.int64),
        "rest": np.array([plateau.loss for _, plateau, _ in found]),
        "at": np.array([step for _, _, (step, _) in found], dtype=np.int64),
        "gradient": np.array(
            [np.abs(flatten(gradient(net, problem))).sum() for net in nets]
        ),
        "effective": np.array(effective, dtype=np.float64),
        "neurons": np.array(
            [cover.effective_neurons for cover in covers], dtype=np.int64
        ),
        "all_neurons": np.array(
            [cover.effective_neurons for cover in of_all], dtype=np.int64
        ),
        "output": np.array([_output(net) for net in nets]).reshape(-1, GRID),
        "features": np.array(features).reshape(-1, width, 3),
    }

"""The trainings, the levels of narrow nets, and the escapes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from condensery.data import load
from condensery.declare import Work, task
from condensery.experiments.width_similarity._config import Config, Name, X
from condensery.metrics import condensation, plateaus
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem
    from condensery.metrics import Plateau

MEASURES = (
    "member",
    "first",
    "last",
    "rest",
    "at",
    "gradient",
    "effective",
    "neurons",
    "all_neurons",
)
"""Numbers of every plateau, beside its output and its features."""


@task(Config)
def train(
    config: Config, seed: int, advance: Advance, *, width: int, optimiser: Name
) -> Arrays:
    """Train nets of one width, and look at the least gradient of every plateau.

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
    from condensery.models import TwoLayer, two_layer_normal

    problem = _problem()
    std = max(width, 2) ** -1.5
    steps = config.steps
    rule = SGD(config.rate)
    if optimiser == "adam":
        steps = config.adam_steps
        rule = Adam(config.adam_rate)
    seeds = range(seed, seed + config.seeds)
    members = [
        two_layer_normal(width, features=2, seed=member, std_a=std, std_w=std)
        for member in seeds
    ]

    def report(text: str, fraction: float) -> None:
        advance(f"width {width}, {text}", fraction)

    result = descend(
        members,
        mean_square(TwoLayer("tanh")),
        problem.x,
        problem.y[:, 0],
        optimiser=rule,
        steps=steps,
        probes={"parameters": RecordParameters()},
        schedule=log_steps(steps, per_decade=20).tolist(),
        on_progress=report,
    )
    leaves = result.probed["parameters"]
    rests = []
    for member in range(config.seeds):
        loss = result.loss[member]
        nets = _nets(leaves["a"][:, member], leaves["w"][:, member])
        starts = plateau_starts(result.recorded, loss, nets, problem)
        for plateau, start in zip(plateaus(result.recorded, loss), starts, strict=True):
            rests.append(_at_rest(member, plateau, *start, problem))
    shapes = {"output": (len(X),), "features": (width, 3)}
    columns = {}
    for name in (*MEASURES, *shapes):
        values = np.array([rest[name] for rest in rests])
        columns[name] = values.reshape(-1, *shapes.get(name, ()))
    return {
        "step": result.recorded,
        "loss": result.loss,
        "status": result.status,
        **columns,
    }


def _nets(a: np.ndarray, w: np.ndarray) -> list[Parameters]:
    return [
        [(weights[:, :1], weights[:, 1]), (amplitudes[None], None)]
        for amplitudes, weights in zip(a, w, strict=True)
    ]


def _at_rest(
    member: int,
    plateau: Plateau,
    step: int,
    net: Parameters,
    problem: Problem,
) -> dict[str, object]:
    """A plateau and the net of least gradient on it."""
    from condensery.landscape import flatten, gradient

    (w, b), (a, _) = net
    # pyrefly: ignore[no-matching-overload]
    rows = np.column_stack([w[:, 0], b])
    size = a[0]
    count = partial(condensation, rows, antipodal=True)
    # as Zhang & Xu count: every unit, however weak
    every_unit = count(threshold=0.95, active=0.0)
    return {
        "member": member,
        "first": plateau.first,
        "last": plateau.last,
        "rest": plateau.loss,
        "at": step,
        "gradient": np.abs(flatten(gradient(net, problem))).sum(),
        "effective": count(size).effective_orientations,
        "neurons": count(size, threshold=0.95).effective_neurons,
        "all_neurons": every_unit.effective_neurons,
        "output": _output(net),
        "features": np.column_stack([rows, size]),
    }


@task(Config)
def levels(config: Config, seed: int, advance: Advance) -> Arrays:
    """Critical points of widths 1, 2 and 3: the levels at which wider nets may rest.

    Returns:
        width, loss, gradient and output of every class of critical points.
    """
    problem = _problem()
    points: list[CriticalPoint] = []
    for width in (1, 2, 3):
        advance(f"critical points of width {width}", (width - 1) / 3)
        points += _critical(width, config.starts, seed, problem)
    widths = [len(point.parameters[0][0]) for point in points]
    outputs = [_output(point.parameters) for point in points]
    return {
        "width": np.array(widths, dtype=np.int64),
        "loss": np.array([point.loss for point in points]),
        "gradient": np.array([point.gradient_norm for point in points]),
        "output": np.array(outputs),
    }


@task(Config)
def escape(config: Config, seed: int, advance: Advance, *, width: int) -> Arrays:
    """Gradient descent from the width-1 optimum in equal copies, pushed a little; one
    row per width and seed.

    Returns:
        steps until the loss is 1 % lower, and status, per seed.
    """
    from condensery.engine import SGD, descend, mean_square
    from condensery.models import TwoLayer

    problem = _problem()
    point = _critical(1, 16, seed, problem)[0]
    (w, b), (a, _) = point.parameters
    members = []
    for number in range(config.escape_seeds):
        random = np.random.Generator(np.random.Philox(key=[seed, number]))
        push = random.standard_normal((width, 3)) * config.noise
        # pyrefly: ignore[unsupported-operation]
        copies = np.tile([w[0, 0], b[0]], (width, 1)) + push[:, :2]
        equal_shares = np.full(width, a[0, 0] / width)
        members.append({"a": equal_shares + push[:, 2], "w": copies})

    def report(text: str, fraction: float) -> None:
        advance(f"escapes at width {width}, {text}", fraction)

    result = descend(
        members,
        mean_square(TwoLayer("tanh")),
        problem.x,
        problem.y[:, 0],
        optimiser=SGD(config.rate),
        steps=config.escape_steps,
        schedule=[],
        stop_loss=0.99 * point.loss,
        on_progress=report,
    )
    return {"steps": result.steps, "status": result.status}


def _problem() -> Problem:
    from condensery.landscape import Problem

    data = load("three-steps")
    return Problem(data.x, data.y, "tanh")


def _critical(
    width: int, count: int, seed: int, problem: Problem
) -> list[CriticalPoint]:
    from condensery.landscape import find_critical

    starts: list[Parameters] = []
    for number in range(count):
        philox = np.random.Philox(key=[seed, 1000 * width + number])
        random = np.random.Generator(philox)
        w = random.standard_normal(width)
        kink = random.uniform(-15, 15, width)
        a = random.standard_normal(width)
        starts.append([(w[:, None], -w * kink), (2 * a[None], None)])
    return find_critical(starts, problem).distinct(by="function")


def _output(net: Parameters) -> np.ndarray:
    from condensery.landscape import forward

    return forward(net, X[:, None], "tanh")[:, 0]


def work(config: Config) -> Iterator[Work]:
    """One training per width and optimiser, the levels, and the escapes of each
    width.
    """
    steps: dict[Name, int] = {"descent": config.steps, "adam": config.adam_steps}
    for optimiser, count in steps.items():
        for width in config.widths:
            cost = (width + 30.0) * count * config.seeds
            yield train.work(
                f"train {optimiser} {width}", cost, width=width, optimiser=optimiser
            )
    yield levels.work("levels", 1e7)
    for width in config.escape_widths:
        updates = config.escape_steps * 0.3 * width * config.escape_seeds / 4
        cost = (width + 30.0) * updates
        yield escape.work(f"escape {width}", cost, width=width)

"""The trainings, the best narrow nets, and the escapes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from condensery.data import load
from condensery.declare import Work, task
from condensery.experiments.width_similarity._config import (
    ESCAPE_RATE,
    FALLEN,
    LEFT,
    OF_DESCENT,
    PRINTED_RATE,
    PRINTED_WIDTH,
    Config,
    Parametrisation,
    Target,
    X,
)
from condensery.metrics import condensation, slowest_fall
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem


@task(Config)
def train(
    config: Config, seed: int, advance: Advance, *, width: int, target: Target
) -> Arrays:
    """Train nets of one width in mean-field time, and look where they rest.

    Returns:
        time, loss (member, time); of every member the times at which it came down to
        the plateau (fallen) and left it (left), inf for never; at the slowest place
        between them: slowest (time), rest (loss), distance (relative L2 from the best
        width-1 function), neurons, negatives, output (member, point), features
        (member, unit, 3: w, b, a/m).
    """
    from condensery.engine import SGD, RecordParameters, descend, log_steps, mean_square
    from condensery.models import TwoLayer, two_layer_normal

    problem = _problem(target)
    best = _critical(target, 1, config.starts, seed)[0]
    best_output = _output(best.parameters)
    members = [
        two_layer_normal(
            width, features=2, seed=member, std_a=config.std, std_w=config.std
        )
        for member in range(seed, seed + config.nets[target])
    ]
    rate, steps = config.rates[target], config.steps(target)
    even = range(0, steps, max(round(1 / rate), 1))
    schedule = log_steps(
        steps,
        per_decade=100,
        extra=even,
    )
    result = descend(
        members,
        mean_square(TwoLayer("tanh", scale=1 / width)),
        problem.x,
        problem.y[:, 0],
        optimiser=SGD(rate * width),
        steps=steps,
        probes={"parameters": RecordParameters()},
        schedule=schedule.tolist(),
        on_progress=_named(advance, f"{target}, width {width}"),
    )
    leaves = result.probed["parameters"]
    time = result.recorded * rate
    rests = []
    for member, loss in enumerate(result.loss):
        fallen = _first(time, loss <= FALLEN * best.loss)
        left = _first(time, loss <= LEFT * best.loss)
        resting = (time >= fallen) & (time < left)
        row = slowest_fall(time, loss, window=resting)
        if row is None:
            # a net that never came down
            row = len(time) - 1
        net = _net(leaves["a"][row, member] / width, leaves["w"][row, member])
        times = {
            "fallen": fallen,
            "left": left,
            "slowest": time[row],
        }
        rests.append(times | {"rest": loss[row]} | _at_rest(net, best_output, problem))
    columns = {name: np.array([rest[name] for rest in rests]) for name in rests[0]}
    return {
        "time": time,
        "loss": result.loss,
        **columns,
    }


def _first(time: np.ndarray, reached: np.ndarray) -> float:
    """The first time at which something is so; inf if it never is."""
    return float(time[reached.argmax()]) if reached.any() else np.inf


def _at_rest(
    net: Parameters, best_output: np.ndarray, problem: Problem
) -> dict[str, object]:
    """What a net is where it rests."""
    from condensery.landscape import hessian

    (w, b), (a, _) = net
    # pyrefly: ignore[no-matching-overload]
    rows = np.column_stack([w[:, 0], b])
    groups = condensation(
        rows,
        a[0],
        antipodal=True,
        threshold=0.95,
    )
    eigenvalues = np.linalg.eigvalsh(hessian(net, problem))
    # the net is near the saddle, not at it: its zero eigenvalues are small numbers
    descent = OF_DESCENT * max(-eigenvalues[0], 0.0)
    negatives = eigenvalues < -descent
    output = _output(net)
    distance = np.linalg.norm(output - best_output) / np.linalg.norm(best_output)
    return {
        "distance": distance,
        "neurons": groups.effective_neurons,
        "negatives": negatives.sum(),
        "output": output,
        "features": np.column_stack([rows, a[0]]),
    }


@task(Config)
def levels(config: Config, seed: int, advance: Advance, *, target: Target) -> Arrays:
    """The best nets of widths 1 and 2: the losses at which wider nets may rest.

    Returns:
        width, loss, gradient and output of every class of critical points.
    """
    points: list[CriticalPoint] = []
    for width in (1, 2):
        advance(f"critical points of width {width}", (width - 1) / 2)
        points += _critical(target, width, config.starts, seed)
    widths = [len(point.parameters[0][0]) for point in points]
    outputs = [_output(point.parameters) for point in points]
    return {
        "width": np.array(widths, dtype=np.int64),
        "loss": np.array([point.loss for point in points]),
        "gradient": np.array([point.gradient_norm for point in points]),
        "output": np.array(outputs),
    }


@task(Config)
def escape(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    width: int,
    parametrisation: Parametrisation,
) -> Arrays:
    """Gradient descent from the best width-1 net in equal copies, every unit pushed as
    much; in mean-field time, or in raw steps with one rate for all widths.

    Returns:
        steps until the loss is 1 % lower, and status, per seed.
    """
    from condensery.landscape import Push, escapes

    is_raw = parametrisation == "raw"
    point = _critical("three-steps", 1, 16, seed)[0]
    left = escapes(
        point.parameters,
        _problem("three-steps"),
        shares=np.full(width, 1 / width),
        push=Push(config.noise, config.escape_seeds, seed),
        rate=ESCAPE_RATE,
        steps=config.raw_steps if is_raw else config.escape_steps,
        mean_field=not is_raw,
        on_progress=_named(advance, f"escapes at width {width}, {parametrisation}"),
    )
    return {"steps": left.steps, "status": left.status}


@task(Config)
def printed(config: Config, seed: int, advance: Advance) -> Arrays:
    """One net in the published setting: 500 units, all parameters N(0, m⁻³), one rate.

    Returns:
        step and loss.
    """
    from condensery.engine import SGD, descend, log_steps, mean_square
    from condensery.models import TwoLayer, two_layer_normal

    problem = _problem("three-steps")
    std = PRINTED_WIDTH**-1.5
    start = two_layer_normal(
        PRINTED_WIDTH,
        features=2,
        seed=seed,
        std_a=std,
        std_w=std,
    )
    result = descend(
        [start],
        mean_square(TwoLayer("tanh")),
        problem.x,
        problem.y[:, 0],
        optimiser=SGD(PRINTED_RATE),
        steps=config.printed_steps,
        schedule=log_steps(config.printed_steps, per_decade=40).tolist(),
        on_progress=_named(advance, "as published"),
    )
    return {"step": result.recorded, "loss": result.loss[0]}


def _named(advance: Advance, name: str) -> Advance:
    """Progress that says of what."""

    def report(text: str, fraction: float, *, shown: Arrays | None = None) -> None:
        advance(f"{name}, {text}", fraction, shown=shown)

    return report


def _net(amplitudes: np.ndarray, w: np.ndarray) -> Parameters:
    return [(w[:, :1], w[:, 1]), (amplitudes[None], None)]


def _problem(target: Target) -> Problem:
    from condensery.landscape import Problem

    data = load(target)
    return Problem(data.x, data.y, "tanh")


@cache
def _critical(
    target: Target, width: int, count: int, seed: int
) -> tuple[CriticalPoint, ...]:
    """Critical points of one width, the best first.

    The tasks of all widths ask for the same ones: a worker searches once.
    """
    from condensery.landscape import find_critical, random_steps

    starts = []
    for number in range(count):
        key = [seed, 1000 * width + number]
        random = np.random.Generator(np.random.Philox(key=key))
        starts.append(random_steps(width, random))
    search = find_critical(starts, _problem(target))
    return tuple(search.distinct(by="function"))


def _output(net: Parameters) -> np.ndarray:
    from condensery.landscape import forward

    return forward(net, X[:, None], "tanh")[:, 0]


def work(config: Config) -> Iterator[Work]:
    """One training per target and width, the best narrow nets, and the escapes of each
    width.
    """
    for target, nets in config.nets.items():
        for width in config.widths:
            cost = (width + 10.0) * config.steps(target) * nets
            label = f"train {target} {width}"
            yield train.work(
                label,
                cost,
                width=width,
                target=target,
            )
        yield levels.work(f"levels {target}", 1e7, target=target)
    escapes: dict[Parametrisation, tuple[tuple[int, ...], int]] = {
        "mean-field": (config.escape_widths, config.escape_steps),
        "raw": (config.raw_widths, config.raw_steps),
    }
    for parametrisation, (widths, steps) in escapes.items():
        for width in widths:
            cost = (width + 10.0) * steps * config.escape_seeds
            label = f"escape {parametrisation} {width}"
            yield escape.work(
                label,
                cost,
                width=width,
                parametrisation=parametrisation,
            )
    if config.printed_steps:
        yield printed.work("as published", 500.0 * config.printed_steps)

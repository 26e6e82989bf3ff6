"""The work of embedding-width: critical points of narrow nets, and escapes from what
embedding makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from condensery.data import load
from condensery.declare import Work, task
from condensery.experiments.embedding_width._config import Config
from condensery.experiments.embedding_width._embedding import (
    SAME,
    curve_arrays,
    point_arrays,
    split_arrays,
    wide_arrays,
)
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem

IRIS_STD = 2.0
"""Standard deviation of the starts at width 1; from smaller ones the search ends at
constant outputs more often.
"""


@task(Config)
def embed_line(config: Config, seed: int, advance: Advance) -> Arrays:
    """Critical points of widths 1, 2 and 3 of the three steps, and their embeddings.

    Returns:
        Arrays ``point_*`` (one row per point), ``split_*`` (per point, unit and split),
        ``wide_*`` (per width) and ``curve_*`` (per direction of descent).
    """
    from condensery.landscape import find_critical

    problem = _three_steps()
    points: list[CriticalPoint] = []
    for width in (1, 2, 3):
        advance(f"critical points of width {width}", 0.2 * width)
        starts = _line_starts(width, config.starts, seed)
        distinct = find_critical(starts, problem).distinct(by="function")
        highest = distinct[0].loss + SAME
        points += [point for point in distinct if point.loss <= highest]
    advance("embedding", 0.7)
    return {
        **point_arrays(points, problem),
        **split_arrays(points, problem),
        **wide_arrays(points[0], problem, config),
        **curve_arrays(points, problem),
    }


@task(Config)
def embed_iris(config: Config, seed: int, advance: Advance) -> Arrays:
    """Critical points of a 4-2-3 sigmoid net on the Iris data, and their splits.

    To those found at width 2 come the points of width 1, each with its neuron in two
    equal copies. The measurements are standardised, which moves no critical point and
    changes no inertia: the first layer has biases, so that it is a change of
    coordinates of the weights.

    Returns:
        Arrays ``point_*`` and ``split_*`` as for `embed_line`.
    """
    from condensery.landscape import Problem, split_many

    x, y = _iris()
    problem = Problem(x, y, "sigmoid")
    advance("critical points of the net with three outputs", 0.1)
    points = _iris_points(2, 0.3, config, seed, problem)
    for point in _iris_points(1, IRIS_STD, config, seed, problem):
        wide, _ = split_many(
            point.parameters,
            problem,
            layer=1,
            unit=0,
            fractions=(0.5, 0.5),
            spectrum=False,
        )
        points.append(replace(point, parameters=wide))
    advance("splitting", 0.8)
    return {**point_arrays(points, problem), **split_arrays(points, problem)}


def _iris_points(
    width: int, std: float, config: Config, seed: int, problem: Problem
) -> list[CriticalPoint]:
    from condensery.landscape import find_critical
    from condensery.models import mlp_normal

    starts = [
        mlp_normal([4, width, 3], seed=seed + number, std=std, output_bias=False)
        for number in range(config.iris_starts)
    ]
    search = find_critical(starts, problem, method="any", steps=200)
    return list(search.distinct(by="function"))


@task(Config)
def escape(config: Config, seed: int, advance: Advance, *, width: int) -> Arrays:
    """Gradient descent from the width-1 optimum, embedded by equal copies and pushed a
    little.

    The curvature of the embedded point changes with the width, so that each width has
    the learning rate it can bear, and what is compared is the time of the gradient
    flow: steps times rate.

    Returns:
        width, escape seed, steps until the loss is 1 % lower, rate, and status, one row
        per escape.
    """
    from condensery.engine import SGD, descend, mean_square
    from condensery.landscape import find_critical, inertia_at, split_many
    from condensery.models import TwoLayer

    problem = _three_steps()
    point = find_critical(_line_starts(1, 16, seed), problem).distinct()[0]
    fractions = (1 / width,) * width
    wide, _ = split_many(
        point.parameters,
        problem,
        layer=1,
        unit=0,
        fractions=fractions,
        spectrum=False,
    )
    rate = config.rate / float(inertia_at(wide, problem).eigenvalues[-1])
    (w, b), (a, _) = wide
    start = []
    for number in range(config.escape_seeds):
        random = np.random.Generator(np.random.Philox(key=[seed, number]))
        push = config.noise * random.standard_normal((width, 3))
        # pyrefly: ignore[no-matching-overload]
        inputs = np.column_stack([w, b]) + push[:, :2]
        start.append({"a": a[0] + push[:, 2], "w": inputs})
    result = descend(
        start,
        mean_square(TwoLayer("tanh")),
        problem.x,
        problem.y[:, 0],
        optimiser=SGD(rate),
        steps=config.escape_steps,
        schedule=[],
        stop_loss=0.99 * point.loss,
        on_progress=lambda text, fraction: advance(f"escapes, {text}", fraction),
    )
    count = config.escape_seeds
    return {
        "width": np.full(count, width),
        "seed": np.arange(count),
        "steps": result.steps,
        "rate": np.full(count, rate),
        "status": result.status,
    }


def _three_steps() -> Problem:
    from condensery.landscape import Problem

    data = load("three-steps")
    return Problem(data.x, data.y, "tanh")


def _iris() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_iris

    x, label = load_iris(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), np.eye(3)[label]


def _line_starts(width: int, count: int, seed: int) -> list[Parameters]:
    from condensery.landscape import random_steps

    starts = []
    for number in range(count):
        key = [seed, 1000 * width + number]
        random = np.random.Generator(np.random.Philox(key=key))
        starts.append(random_steps(width, random))
    return starts


def work(config: Config) -> Iterator[Work]:
    """The points on a line, those of Iris, and the escapes, one call per width."""
    yield embed_line.work("embed line", 3.0)
    yield embed_iris.work("embed iris", 2.0)
    for width in config.escape_widths:
        label = f"escapes at width {width}"
        yield escape.work(label, 1.0 + 0.1 * width, width=width)

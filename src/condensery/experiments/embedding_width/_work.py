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
from condensery.experiments.embedding_width._config import RATES, Config, Shares
from condensery.experiments.embedding_width._embedding import (
    SAME,
    curve_arrays,
    point_arrays,
    split_arrays,
    wide_arrays,
)
from condensery.experiments.embedding_width._kept import embedding_arrays, level_arrays
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem

DEEP = (2, 3, 2, 1)
"""Widths of the nets of two hidden layers."""

IRIS_STD = 2.0
"""Standard deviation of the starts at width 1; from smaller ones the search ends at
constant outputs more often.
"""


@task(Config)
def embed_line(config: Config, seed: int, advance: Advance) -> Arrays:
    """Critical points of widths 1, 2 and 3 of the three steps, and their embeddings.

    Returns:
        Arrays ``point_*`` (one row per point), ``split_*`` (per point, unit and split),
        ``embedding_*`` (per embedding), ``level_*`` (per level of the loss),
        ``degenerate_*`` (per level and width), ``wide_*`` (per width) and ``curve_*``
        (per direction of descent).
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
        **embedding_arrays([point.parameters for point in points], problem, seed),
        **level_arrays(points, problem, config),
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
        Arrays ``point_*``, ``split_*`` and ``embedding_*`` as for `embed_line`.
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
    return {
        **point_arrays(points, problem),
        **split_arrays(points, problem),
        **embedding_arrays([point.parameters for point in points], problem, seed),
    }


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
def embed_deep(config: Config, seed: int, advance: Advance) -> Arrays:
    """Nets of two hidden layers with biases, with targets for which they are critical,
    and their embeddings: the general ones differ from splits there.

    Returns:
        Arrays ``embedding_*``, one row per embedding.
    """
    from condensery.landscape import made_critical
    from condensery.models import mlp_normal

    blocks = []
    for number in range(config.deep):
        advance(f"deep net {number + 1} of {config.deep}", number / config.deep)
        net = mlp_normal(list(DEEP), seed=seed + number, std=1.0)
        random = np.random.Generator(np.random.Philox(key=[seed, number]))
        x = random.standard_normal((40, DEEP[0]))
        problem = made_critical(net, x, "tanh", seed=seed + number)
        blocks.append(embedding_arrays([net], problem, seed, first=number))
    return {
        name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]
    }


@task(Config)
def escape(
    config: Config, seed: int, advance: Advance, *, width: int, shares: Shares
) -> Arrays:
    """Gradient descent in mean-field time from the width-1 optimum, embedded and pushed
    a little: by equal copies, or at a random point of the critical set.

    Returns:
        seed of the escape, steps until the loss is 1 % lower, and status, one row per
        escape.
    """
    from condensery.landscape import Push, escapes, find_critical

    problem = _three_steps()
    point = find_critical(_line_starts(1, 16, seed), problem).distinct()[0]
    fractions = np.full(width, 1 / width)
    if shares == "random":
        random = np.random.Generator(np.random.Philox(key=[seed, 1_000 + width]))
        fractions = random.dirichlet(np.ones(width), config.escape_seeds)
    rate = RATES[shares]
    left = escapes(
        point.parameters,
        problem,
        shares=fractions,
        push=Push(config.noise, config.escape_seeds, seed),
        rate=rate,
        steps=round(config.escape_time / rate),
        on_progress=lambda text, fraction: advance(f"escapes, {text}", fraction),
    )
    return {
        "seed": np.arange(config.escape_seeds),
        "steps": left.steps,
        "status": left.status,
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
    """The points on a line, those of Iris, deep nets, and the escapes, one call per
    width and kind of shares.
    """
    yield embed_line.work("embed line", 3.0)
    yield embed_iris.work("embed iris", 2.0)
    yield embed_deep.work("embed deep", 1.0)
    for shares, rate in RATES.items():
        for width in config.escape_widths:
            label = f"escapes at width {width}, {shares} shares"
            cost = (1.0 + 0.1 * width) * RATES["equal"] / rate
            yield escape.work(label, cost, width=width, shares=shares)

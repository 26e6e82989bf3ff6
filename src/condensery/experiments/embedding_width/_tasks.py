"""The tasks of embedding-width: critical points of narrow nets, and what embedding
makes of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from condensery.experiments.embedding_width._config import FRACTIONS, Config
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem

CURVE = 61
"""Points of the curve along a direction of descent."""

SPAN = 1.6
"""How far the curve goes on either side, over the distance of the lowest point."""

IRIS_STD = 2.0
"""Standard deviation of the starts at width 1; from smaller ones the search ends at
constant outputs more often.
"""

SAME = 1e-6
NEGATIVE = -1


def embed_line(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Critical points of widths 1, 2 and 3 of the three steps, and their embeddings.

    Args:
        parameters: A `Config` as JSON.
        seed: Of the starts.
        advance: Told how far it is.

    Returns:
        Arrays ``point_*`` (one row per point), ``split_*`` (per point, unit and split),
        ``wide_*`` (per width) and ``curve_*`` (per direction of descent).
    """
    from condensery.landscape import find_critical

    config, problem = Config.model_validate(parameters), _three_steps()
    points: list[CriticalPoint] = []
    for width in (1, 2, 3):
        advance(f"critical points of width {width}", 0.2 * width)
        found = find_critical(_line_starts(width, config.starts, seed), problem)
        distinct = found.distinct(by="function")
        points += [point for point in distinct if point.loss <= distinct[0].loss + SAME]
    advance("embedding", 0.7)
    return {
        **_points(points, problem),
        **_splits(points, problem),
        **_wide(points[0], problem, config),
        **_curves(points, problem),
    }


def embed_iris(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Critical points of a 4-2-3 sigmoid net on the Iris data, and their splits.

    To those found at width 2 come the points of width 1, each with its neuron in two
    equal copies. The measurements are standardised, which moves no critical point and
    changes no inertia: the first layer has biases, so that it is a change of
    coordinates of the weights.

    Args:
        parameters: A `Config` as JSON.
        seed: Of the starts.
        advance: Told how far it is.

    Returns:
        Arrays ``point_*`` and ``split_*`` as for `embed_line`.
    """
    from condensery.landscape import Problem, find_critical, split_many
    from condensery.models import mlp_normal

    config = Config.model_validate(parameters)
    x, y = _iris()
    problem = Problem(x, y, "sigmoid")
    starts = [
        mlp_normal([4, 2, 3], seed=seed + number, std=0.3, output_bias=False)
        for number in range(config.iris_starts)
    ]
    advance("critical points of the net with three outputs", 0.1)
    points = find_critical(starts, problem, method="any", steps=200).distinct(
        by="function"
    )
    small = [
        mlp_normal([4, 1, 3], seed=seed + number, std=IRIS_STD, output_bias=False)
        for number in range(config.iris_starts)
    ]
    points += [
        replace(
            point,
            parameters=split_many(
                point.parameters,
                problem,
                layer=1,
                unit=0,
                fractions=(0.5, 0.5),
                spectrum=False,
            )[0],
        )
        for point in find_critical(small, problem, method="any", steps=200).distinct(
            by="function"
        )
    ]
    advance("splitting", 0.8)
    return {**_points(points, problem), **_splits(points, problem)}


def escape(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Gradient descent from the width-1 optimum, embedded by equal copies and pushed a
    little.

    The curvature of the embedded point changes with the width, so that each width has
    the learning rate it can bear, and what is compared is the time of the gradient
    flow: steps times rate.

    Args:
        parameters: A `Config` as JSON, and the width.
        seed: Of the search and the pushes.
        advance: Told how far it is.

    Returns:
        width, escape seed, steps until the loss is 1 % lower, rate, and status, one row
        per escape.
    """
    from condensery.engine import SGD, descend, mean_square
    from condensery.landscape import find_critical, inertia_at, split_many
    from condensery.models import TwoLayer, with_bias

    width, problem = int(parameters["width"]), _three_steps()  # pyrefly: ignore[bad-argument-type]
    config = Config.model_validate(
        {name: value for name, value in parameters.items() if name != "width"}
    )
    point = find_critical(_line_starts(1, 16, seed), problem).distinct()[0]
    fractions = (1 / width,) * width
    wide, _ = split_many(
        point.parameters, problem, layer=1, unit=0, fractions=fractions, spectrum=False
    )
    rate = config.rate / float(inertia_at(wide, problem).eigenvalues[-1])
    (w, b), (a, _) = wide
    push = config.noise * np.stack(
        [
            np.random.Generator(np.random.Philox(key=[seed, number])).standard_normal(
                (width, 3)
            )
            for number in range(config.escape_seeds)
        ]
    )
    result = descend(
        [
            # pyrefly: ignore[no-matching-overload]
            {"a": a[0] + one[:, 2], "w": np.column_stack([w, b]) + one[:, :2]}
            for one in push
        ],
        mean_square(TwoLayer("tanh")),
        (with_bias(problem.x), problem.y[:, 0]),
        optimiser=SGD(rate),
        steps=config.escape_steps,
        schedule=[],
        stop_loss=0.99 * point.loss,
        on_step=lambda step: advance(
            f"escapes, step {step}", step / config.escape_steps
        ),
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
    from condensery.data import load
    from condensery.landscape import Problem

    data = load("three-steps")
    return Problem(data.x, data.y, "tanh")


def _iris() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_iris

    x, label = load_iris(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), np.eye(3)[label]


def _line_starts(width: int, count: int, seed: int) -> list[Parameters]:
    """Steps of random slope, with their middle anywhere among the data."""
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
    return starts


def _points(points: list[CriticalPoint], problem: Problem) -> dict[str, np.ndarray]:
    from condensery.landscape import inertia_at

    counts = [inertia_at(point.parameters, problem).counts for point in points]
    return {
        "point_width": np.array(
            [len(point.parameters[0][0]) for point in points], dtype=np.int64
        ),
        "point_loss": np.array([point.loss for point in points]),
        "point_gradient": np.array([point.gradient_norm for point in points]),
        "point_starts": np.array([point.starts for point in points], dtype=np.int64),
        "point_counts": np.array(counts, dtype=np.int64).reshape(-1, 3),
    }


def _splits(points: list[CriticalPoint], problem: Problem) -> dict[str, np.ndarray]:
    from condensery.landscape import UnitSplit, inertia_at, split_inertia, split_many

    rows, spectra = [], []
    for number, point in enumerate(points):
        for unit in range(len(point.parameters[0][0])):
            for kind, fractions in enumerate(FRACTIONS):
                predicted = split_inertia(
                    point.parameters, problem, [UnitSplit(1, unit, fractions)]
                )
                wide, _ = split_many(
                    point.parameters,
                    problem,
                    layer=1,
                    unit=unit,
                    fractions=fractions,
                    spectrum=False,
                )
                measured = inertia_at(wide, problem)
                sure = predicted.decided and measured.decided
                rows.append(
                    (
                        number,
                        unit,
                        kind,
                        *predicted.counts,
                        *measured.counts,
                        predicted.blocks[0].rank,
                        sure,
                    )
                )
                spectra.append(measured.eigenvalues)
    most = max((len(spectrum) for spectrum in spectra), default=0)
    table = np.array(rows, dtype=np.int64).reshape(-1, 11)
    names = ("point", "unit", "kind")
    return {
        **{f"split_{name}": table[:, place] for place, name in enumerate(names)},
        "split_predicted": table[:, 3:6],
        "split_measured": table[:, 6:9],
        "split_rank": table[:, 9],
        "split_decided": table[:, 10].astype(bool),
        "split_spectrum": np.array(
            [
                np.pad(one, (0, most - len(one)), constant_values=np.nan)
                for one in spectra
            ]
        ),
    }


def _wide(
    point: CriticalPoint, problem: Problem, config: Config
) -> dict[str, np.ndarray]:
    """The width-1 point in equal copies: counts, and the most negative eigenvalue in
    the coordinates of the weights.
    """
    from condensery.landscape import (
        UnitSplit,
        inertia_at,
        inner_hessian,
        split_inertia,
        split_many,
    )

    inner = inner_hessian(point.parameters, problem, layer=1, unit=0)
    rows, least = [], []
    for width in config.widths:
        fractions = (1 / width,) * width
        found = split_inertia(point.parameters, problem, [UnitSplit(1, 0, fractions)])
        # directions in which equal copies move apart are orthogonal to those in which
        # they move as one
        block = np.block([[inner.B / width, inner.C.T], [inner.C, np.zeros((1, 1))]])
        least.append(
            np.linalg.eigvalsh(block)[0] if width > 1 else found.narrow.eigenvalues[0]
        )
        measured, lowest = (NEGATIVE,) * 3, np.nan
        if width <= config.dense_up_to:
            wide, _ = split_many(
                point.parameters,
                problem,
                layer=1,
                unit=0,
                fractions=fractions,
                spectrum=False,
            )
            dense = inertia_at(wide, problem)
            measured, lowest = dense.counts, float(dense.eigenvalues[0])
        rows.append((width, *found.counts, *measured))
        least[-1] = (float(least[-1]), lowest)
    table, lambdas = np.array(rows, dtype=np.int64), np.array(least)
    return {
        "wide_width": table[:, 0],
        "wide_predicted": table[:, 1:4],
        "wide_measured": table[:, 4:7],
        "wide_lambda": lambdas[:, 0],
        "wide_lambda_dense": lambdas[:, 1],
    }


def _curves(points: list[CriticalPoint], problem: Problem) -> dict[str, np.ndarray]:
    """The loss along a new direction of descent of the equal 2-split, per unit of every
    point with a loss.
    """
    from condensery.landscape import (
        UnitSplit,
        flatten,
        loss,
        new_descent_direction,
        split_many,
        unflatten,
    )

    rows = []
    for number, point in enumerate(points):
        for unit in range(len(point.parameters[0][0])):
            answer = new_descent_direction(
                point.parameters, problem, UnitSplit(1, unit, (0.5, 0.5))
            )
            if answer is None or point.loss < SAME:
                continue
            curvature, direction = answer
            wide, _ = split_many(
                point.parameters,
                problem,
                layer=1,
                unit=unit,
                fractions=(0.5, 0.5),
                spectrum=False,
            )
            at, along = flatten(wide), flatten(direction)
            coarse = np.logspace(-4, 1, 101)
            depth = [
                loss(unflatten(at + step * along, wide), problem) for step in coarse
            ]
            t = np.linspace(-1, 1, CURVE) * SPAN * coarse[int(np.argmin(depth))]
            values = [loss(unflatten(at + step * along, wide), problem) for step in t]
            rows += [
                (number, unit, curvature, step, value)
                for step, value in zip(t, values, strict=True)
            ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    names = ("point", "unit", "curvature", "t", "loss")
    return {f"curve_{name}": table[:, place] for place, name in enumerate(names)}

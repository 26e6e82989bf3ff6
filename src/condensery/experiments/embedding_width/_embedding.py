"""What embedding makes of critical points: inertia of splits and of wide nets, and the
loss along new directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from condensery.experiments.embedding_width._config import FRACTIONS, Config

if TYPE_CHECKING:
    from condensery.landscape import CriticalPoint, Parameters, Problem

CURVE = 61
"""Points of the curve along a direction of descent."""

SPAN = 1.6
"""How far the curve goes on either side, over the distance of the lowest point."""

SAME = 1e-6
"""Losses closer than this are those of one point."""

UNMEASURED = -1


def point_arrays(
    points: list[CriticalPoint], problem: Problem
) -> dict[str, np.ndarray]:
    """Arrays ``point_*``, one row per point."""
    from condensery.landscape import inertia_at

    counts = [inertia_at(point.parameters, problem).counts for point in points]
    widths = [len(point.parameters[0][0]) for point in points]
    starts = [point.starts for point in points]
    return {
        "point_width": np.array(widths, dtype=np.int64),
        "point_loss": np.array([point.loss for point in points]),
        "point_gradient": np.array([point.gradient_norm for point in points]),
        "point_starts": np.array(starts, dtype=np.int64),
        "point_counts": np.array(counts, dtype=np.int64).reshape(-1, 3),
    }


def split_arrays(
    points: list[CriticalPoint], problem: Problem
) -> dict[str, np.ndarray]:
    """Arrays ``split_*``, one row per point, unit and split."""
    from condensery.landscape import UnitSplit, inertia_at, split_inertia, split_many

    rows, spectra = [], []
    for number, unit, net in _units(points):
        for kind, fractions in enumerate(FRACTIONS):
            shares = UnitSplit(1, unit, fractions)
            predicted = split_inertia(net, problem, [shares])
            wide, _ = split_many(
                net,
                problem,
                layer=1,
                unit=unit,
                fractions=fractions,
                spectrum=False,
            )
            measured = inertia_at(wide, problem)
            row = (
                number,
                unit,
                kind,
                *predicted.counts,
                *measured.counts,
                predicted.blocks[0].rank,
                predicted.decided and measured.decided,
            )
            rows.append(row)
            spectra.append(measured.eigenvalues)
    most = max((len(spectrum) for spectrum in spectra), default=0)
    padded = [
        np.pad(spectrum, (0, most - len(spectrum)), constant_values=np.nan)
        for spectrum in spectra
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 11)
    return {
        "split_point": table[:, 0],
        "split_unit": table[:, 1],
        "split_kind": table[:, 2],
        "split_predicted": table[:, 3:6],
        "split_measured": table[:, 6:9],
        "split_rank": table[:, 9],
        "split_decided": table[:, 10].astype(bool),
        "split_spectrum": np.array(padded),
    }


def _units(points: list[CriticalPoint]) -> Iterator[tuple[int, int, Parameters]]:
    """Number of the point, unit, and net of every hidden unit."""
    for number, point in enumerate(points):
        net = point.parameters
        for unit in range(len(net[0][0])):
            yield number, unit, net


def wide_arrays(
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

    net = point.parameters
    inner = inner_hessian(net, problem, layer=1, unit=0)
    rows, least = [], []
    for width in config.widths:
        fractions = (1 / width,) * width
        predicted = split_inertia(net, problem, [UnitSplit(1, 0, fractions)])
        # directions in which equal copies move apart are orthogonal to those in which
        # they move as one
        block = np.block([[inner.B / width, inner.C.T], [inner.C, np.zeros((1, 1))]])
        steepest = predicted.narrow.eigenvalues[0]
        if width > 1:
            steepest = np.linalg.eigvalsh(block)[0]
        measured, lowest = (UNMEASURED,) * 3, np.nan
        if width <= config.dense_up_to:
            wide, _ = split_many(
                net,
                problem,
                layer=1,
                unit=0,
                fractions=fractions,
                spectrum=False,
            )
            dense = inertia_at(wide, problem)
            measured, lowest = dense.counts, float(dense.eigenvalues[0])
        rows.append((width, *predicted.counts, *measured))
        least.append((float(steepest), lowest))
    table, lambdas = np.array(rows, dtype=np.int64), np.array(least)
    return {
        "wide_width": table[:, 0],
        "wide_predicted": table[:, 1:4],
        "wide_measured": table[:, 4:7],
        "wide_lambda": lambdas[:, 0],
        "wide_lambda_dense": lambdas[:, 1],
    }


def curve_arrays(
    points: list[CriticalPoint], problem: Problem
) -> dict[str, np.ndarray]:
    """The loss along a new direction of descent of the equal 2-split, per unit of every
    point with a loss.
    """
    from condensery.landscape import (
        UnitSplit,
        flatten,
        new_descent_direction,
        split_many,
    )

    rows = []
    for number, unit, net in _units(points):
        halves = UnitSplit(1, unit, (0.5, 0.5))
        answer = new_descent_direction(net, problem, halves)
        if answer is None or points[number].loss < SAME:
            continue
        curvature, direction = answer
        wide, _ = split_many(
            net,
            problem,
            layer=1,
            unit=unit,
            fractions=(0.5, 0.5),
            spectrum=False,
        )
        losses = partial(_losses_along, wide, flatten(direction), problem)
        coarse = np.logspace(-4, 1, 101)
        lowest = coarse[int(np.argmin(losses(coarse)))]
        t = np.linspace(-1, 1, CURVE) * SPAN * lowest
        for step, value in zip(t, losses(t), strict=True):
            rows.append((number, unit, curvature, step, value))
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return {
        "curve_point": table[:, 0],
        "curve_unit": table[:, 1],
        "curve_curvature": table[:, 2],
        "curve_t": table[:, 3],
        "curve_loss": table[:, 4],
    }


def _losses_along(
    net: Parameters, direction: np.ndarray, problem: Problem, steps: np.ndarray
) -> list[float]:
    from condensery.landscape import flatten, loss, unflatten

    origin = flatten(net)
    return [loss(unflatten(origin + step * direction, net), problem) for step in steps]

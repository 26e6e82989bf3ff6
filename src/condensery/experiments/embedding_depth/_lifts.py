"""Lifts of critical points: minima of a narrow net on demo-c, and points that targets
were made for.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from condensery._errors import InvalidInputError
from condensery.data import load
from condensery.declare import task
from condensery.experiments.embedding_depth._config import Config
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import Parameters, Problem

NARROW = 2
ERRORS = 5.0
"""Size of the errors of the points that targets are made for: large enough for
saddles.
"""

COLUMNS = (
    "point",
    "loss",
    "width",
    "added",
    "before_negative",
    "before_zero",
    "before_positive",
    "predicted_negative",
    "predicted_zero",
    "predicted_positive",
    "after_negative",
    "after_zero",
    "after_positive",
    "decided",
    "change",
    "off_data",
    "gradient_before",
    "gradient_after",
    "relative_before",
    "relative_after",
)


@task(Config)
def lifted(config: Config, seed: int, advance: Advance, *, activation: str) -> Arrays:
    """Lift critical points: minima of a narrow net on demo-c, and as many nets that
    targets were made for (saddles).

    Returns:
        One row per lift: point, loss, width, added (D), before, predicted and after
        (n₋, n₀, n₊), decided, change (of the output on the data, relative), off_data
        (on random inputs), gradient_before, gradient_after, and the same over what they
        would be if nothing cancelled, relative_before and relative_after; and
        eigenvalues of the first point as spectrum_before and spectrum_after.
    """
    from condensery.landscape import (
        Problem,
        lift,
        parameter_count,
        relative_gradient,
    )

    data = load("demo-c")
    problem = Problem(data.x, data.y, activation)
    minima = _critical_points(problem, config, seed)
    points = [
        *_made_points(activation, config.points, seed),
        *((net, problem) for net in minima),
    ]
    widths = config.lift_widths
    count = len(points) * len(widths)
    rows, spectra = [], []
    for number, ((net, posed), width) in enumerate(product(points, widths)):
        deep, receipt = lift(net, posed, after=1, width=width, seed=seed + number)
        before, after = receipt.inertia_before, receipt.inertia
        advance(f"lift {number + 1} of {count}", (number + 1) / count)
        if before is None or after is None:
            continue
        predicted = receipt.predicted or (-1, -1, -1)
        row = (
            number // len(widths),
            receipt.loss[0],
            width,
            parameter_count(deep) - parameter_count(net),
            *before.counts,
            *predicted,
            *after.counts,
            before.decided and after.decided,
            receipt.data_change_relative,
            receipt.random_change_relative,
            *receipt.gradient,
            relative_gradient(net, posed),
            relative_gradient(deep, posed),
        )
        rows.append(row)
        spectra.append((before.eigenvalues, after.eigenvalues))
    table = np.asarray(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
    first = spectra[0] if spectra else (np.zeros(0), np.zeros(0))
    return {"lifts": table, "spectrum_before": first[0], "spectrum_after": first[1]}


def _critical_points(problem: Problem, config: Config, seed: int) -> list[Parameters]:
    """Distinct points with ‖∇R‖₁ ≤ 1e-10·(1 + R) and a decided spectrum, those with the
    most curvature first.

    Every other start looks for a minimum of the loss, the rest for a zero of the
    gradient, be it a saddle.
    """
    from condensery.landscape import inertia_at, loss, polish
    from condensery.models import mlp_normal

    points: list[tuple[int, int, Parameters]] = []
    losses: list[float] = []
    for start in range(config.starts):
        rng_seed = seed * config.starts + start
        begin = mlp_normal([1, NARROW, 1], seed=rng_seed, std=1.0)
        net = polish(begin, problem, target="gradient" if start % 2 else "fit")
        value = loss(net, problem)
        is_known = any(abs(value - earlier) < 1e-7 for earlier in losses)
        if _is_steep(net, problem, value) or value < 1e-8 or is_known:
            continue
        try:
            spectrum = inertia_at(net, problem)
        except InvalidInputError:  # a kink at a sample: no Hessian there
            continue
        # where a tiny output weight makes the tolerance as large as the spectrum, the
        # counts say nothing
        largest = float(np.abs(spectrum.eigenvalues).max())
        if spectrum.decided and spectrum.tolerance < 1e-6 * largest:
            points.append((min(spectrum.negative, 1), spectrum.positive, net))
            losses.append(value)
        if len(points) == config.points:
            break
    by_curvature = sorted(points, key=lambda point: point[:2], reverse=True)
    return [net for _, _, net in by_curvature]


def _is_steep(net: Parameters, problem: Problem, value: float) -> bool:
    """Whether the gradient is too large for a critical point."""
    from condensery.landscape import flatten, gradient

    if not np.isfinite(value):
        return True
    slope = float(np.abs(flatten(gradient(net, problem))).sum())
    return slope > 1e-10 * (1 + value)


def _made_points(name: str, count: int, seed: int) -> list[tuple[Parameters, Problem]]:
    """Random nets of two inputs and targets for which they are critical; no sample at a
    kink.
    """
    from condensery.landscape import inertia_at, made_critical
    from condensery.models import mlp_normal

    points: list[tuple[Parameters, Problem]] = []
    for draw in range(seed, seed + 20 * count):
        net = mlp_normal([2, NARROW, 1], seed=draw, std=1.0)
        x = np.random.Generator(np.random.Philox(draw)).standard_normal((40, 2))
        problem = made_critical(net, x, name, seed=draw, size=ERRORS)
        try:
            decided = inertia_at(net, problem).decided
        except InvalidInputError:
            continue
        if decided:
            points.append((net, problem))
        if len(points) == count:
            break
    return points

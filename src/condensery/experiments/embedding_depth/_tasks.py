"""Tasks of embedding-depth: lift critical points, and train nets whose layers may be
linear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue

from condensery._errors import InvalidInputError
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import Parameters, Problem

LINEAR = 0.999
"""A layer whose least linear unit has at least this correlation counts as linear (and
can be pruned by a fit).
"""
NARROW = 2
RATE = 1e-3
STD = 0.05
ERRORS = 5.0
"""Size of the errors of the points that targets are made for: large enough for
saddles.
"""


def lifted(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Lift critical points: minima of a narrow net on demo-c, and as many nets that
    targets were made for (saddles).

    Args:
        parameters: activation, points, starts, lift_widths.
        seed: Of the starts and the lifts.
        advance: Told how far it is.

    Returns:
        One row per lift: point, loss, width, added (D), before, predicted and after
        (n₋, n₀, n₊), decided, change (of the output on the data, relative), off_data
        (on random inputs), gradient_before, gradient_after; and eigenvalues of the
        first point as spectrum_before and spectrum_after.
    """
    from condensery.data import load
    from condensery.landscape import Problem, lift, parameter_count

    data = load("demo-c")
    problem = Problem(data.x, data.y, str(parameters["activation"]))
    most = int(parameters["points"])  # pyrefly: ignore[bad-argument-type]
    found = _critical_points(problem, int(parameters["starts"]), most, seed)  # pyrefly: ignore[bad-argument-type]
    points = [
        *_made_points(problem.activation, most, seed),
        *((net, problem) for net in found),
    ]
    widths: Sequence[int] = parameters["lift_widths"]  # pyrefly: ignore[bad-assignment]
    rows, spectra = [], []
    for number, ((net, own), width) in enumerate(product(points, widths)):
        deep, receipt = lift(net, own, after=1, width=width, seed=seed + number)
        before, after = receipt.inertia_before, receipt.inertia
        advance(
            f"lift {number + 1} of {len(points) * len(widths)}",
            (number + 1) / (len(points) * len(widths)),
        )
        if before is None or after is None:
            continue
        added = parameter_count(deep) - parameter_count(net)
        predicted = receipt.predicted or (-1, -1, -1)
        rows.append(
            (
                number // len(widths),
                receipt.loss[0],
                width,
                added,
                *before.counts,
                *predicted,
                *after.counts,
                before.decided and after.decided,
                receipt.data_change_relative,
                receipt.random_change_relative,
                *receipt.gradient,
            )
        )
        spectra.append((before.eigenvalues, after.eigenvalues))
    table = np.asarray(rows, dtype=np.float64).reshape(len(rows), 18)
    first = spectra[0] if spectra else (np.zeros(0), np.zeros(0))
    return {"lifts": table, "spectrum_before": first[0], "spectrum_after": first[1]}


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
)


def _critical_points(
    problem: Problem, starts: int, at_most: int, seed: int
) -> list[Parameters]:
    """Distinct points with ‖∇R‖₁ ≤ 1e-10·(1 + R) and a decided spectrum, those with the
    most curvature first.

    Every other start looks for a minimum of the loss, the rest for a zero of the
    gradient, be it a saddle.
    """
    from condensery.landscape import flatten, gradient, inertia_at, loss, unflatten
    from condensery.models import mlp_normal

    found: list[tuple[int, int, Parameters]] = []
    losses: list[float] = []
    like = mlp_normal([problem.x.shape[1], NARROW, problem.y.shape[1]], seed=0, std=1.0)
    for start in range(starts):
        rng_seed = seed * starts + start
        begin = flatten(mlp_normal([1, NARROW, 1], seed=rng_seed, std=1.0))
        theta = _polished(begin, like, problem, saddles=bool(start % 2))
        net = unflatten(theta, like)
        value = loss(net, problem)
        steep = not np.isfinite(value) or float(
            np.abs(flatten(gradient(net, problem))).sum()
        ) > 1e-10 * (1 + value)
        if steep or value < 1e-8 or any(abs(value - other) < 1e-7 for other in losses):
            continue
        try:
            spectrum = inertia_at(net, problem)
        except InvalidInputError:  # a kink at a sample: no Hessian there
            continue
        # where a tiny output weight makes the tolerance as large as the spectrum, the
        # counts say nothing
        if spectrum.decided and spectrum.tolerance < 1e-6 * float(
            np.abs(spectrum.eigenvalues).max()
        ):
            found.append((min(spectrum.negative, 1), spectrum.positive, net))
            losses.append(value)
        if len(found) == at_most:
            break
    return [net for _, _, net in sorted(found, key=lambda one: one[:2], reverse=True)]


def _made_points(name: str, count: int, seed: int) -> list[tuple[Parameters, Problem]]:
    """Random nets of two inputs and targets for which they are critical; no sample at a
    kink.
    """
    from condensery.landscape import inertia_at, made_critical
    from condensery.models import mlp_normal

    found: list[tuple[Parameters, Problem]] = []
    for one in range(seed, seed + 20 * count):
        net = mlp_normal([2, NARROW, 1], seed=one, std=1.0)
        x = np.random.Generator(np.random.Philox(one)).standard_normal((40, 2))
        problem = made_critical(net, x, name, seed=one, size=ERRORS)
        try:
            decided = inertia_at(net, problem).decided
        except InvalidInputError:
            continue
        if decided:
            found.append((net, problem))
        if len(found) == count:
            break
    return found


def _polished(
    theta: np.ndarray, like: Parameters, problem: Problem, *, saddles: bool
) -> np.ndarray:
    """Levenberg-Marquardt on residuals or gradient, then pseudo-inverse Newton steps as
    long as the gradient falls.
    """
    from scipy.optimize import least_squares

    from condensery.landscape import (
        flatten,
        forward,
        gradient,
        hessian,
        jacobian,
        unflatten,
    )

    def residual(vector: np.ndarray) -> np.ndarray:
        return (
            forward(unflatten(vector, like), problem.x, problem.activation) - problem.y
        ).ravel()

    def slope(vector: np.ndarray) -> np.ndarray:
        return jacobian(unflatten(vector, like), problem.x, problem.activation).reshape(
            -1, vector.size
        )

    def pull(vector: np.ndarray) -> np.ndarray:
        return flatten(gradient(unflatten(vector, like), problem))

    def curve(vector: np.ndarray) -> np.ndarray:
        return hessian(unflatten(vector, like), problem)

    function, derivative = (pull, curve) if saddles else (residual, slope)
    theta = least_squares(
        function, theta, jac=derivative, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15
    ).x
    g = pull(theta)
    for _ in range(10):
        step = np.linalg.pinv(curve(theta), rcond=1e-12, hermitian=True) @ g
        ahead = pull(theta - step)
        if not np.abs(ahead).sum() < np.abs(g).sum():
            break
        theta, g = theta - step, ahead
    return theta


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train tanh nets on demo-c and look how linear their layers are; prune linear
    layers at the plateau.

    Args:
        parameters: hidden, samples, width, steps, seeds, batch_norm, retrain.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss (member, step), score (member, step, layer; the least of the live
        units), and without batch normalisation for each member plateau_step,
        plateau_loss, removed (layers), pruned_loss, and retrained_narrow and
        retrained_deep, the losses after `retrain` steps.
    """
    from condensery.data import load
    from condensery.engine import Adam, descend, init_descent, mean_square
    from condensery.landscape import Problem, linearity
    from condensery.models import BatchNormMlp, Mlp, mlp_normal

    hidden, width, steps = (
        # pyrefly: ignore[bad-argument-type]
        int(parameters[name])
        for name in ("hidden", "width", "steps")
    )
    data = load("demo-c", points=int(parameters["samples"]))  # pyrefly: ignore
    problem = Problem(data.x, data.y, "tanh")
    normalised = bool(parameters["batch_norm"])
    inputs: Any = problem.x  # as good as a JAX array
    batch_norm = BatchNormMlp("tanh")
    # pyrefly: ignore[bad-argument-type]
    count = int(parameters["seeds"])
    nets = [
        mlp_normal([1, *[width] * hidden, 1], seed=seed + one, std=STD)
        for one in range(count)
    ]
    start = [
        [*((W, np.ones(width), np.zeros(width)) for W, _ in net[:-1]), net[-1]]
        for net in nets
    ]
    rule, objective = Adam(RATE), mean_square(batch_norm if normalised else Mlp("tanh"))
    state = init_descent(start if normalised else nets, optimiser=rule)
    recorded = np.unique(np.round(np.logspace(1, np.log10(steps), 40)).astype(int))
    losses, scores, kept = [], [], []
    for number, step in enumerate(recorded):
        result = descend(
            state,
            objective,
            (problem.x, problem.y),
            optimiser=rule,
            steps=int(step) - state.step,
            schedule=[],
        )
        state = result.state
        kept.append(
            [
                [
                    (np.asarray(W), np.asarray(b))
                    for W, b in (batch_norm.folded(net, inputs) if normalised else net)
                ]
                for net in result.parameters
            ]
        )
        losses.append(result.loss[:, -1])
        scores.append(
            [[_least(units) for units in linearity(net, problem)] for net in kept[-1]]
        )
        advance(f"step {step} of {steps}", 0.9 * (number + 1) / len(recorded))
    found = {
        "step": recorded,
        "loss": np.transpose(losses),
        "score": np.swapaxes(np.asarray(scores), 0, 1),
    }
    return (
        found
        if normalised
        # pyrefly: ignore[bad-argument-type]
        else found | _pruned(kept, found, problem, int(parameters["retrain"]))
    )


def _least(units: np.ndarray) -> float:
    return float(np.nanmin(units)) if np.isfinite(units).any() else np.nan


def plateau(steps: np.ndarray, loss: np.ndarray) -> int:
    """The recorded step of slowest fall of the loss on a logarithmic scale, between 0.9
    and 0.05 of the first loss.
    """
    slope = -np.gradient(
        np.log(np.maximum(loss, np.finfo(np.float64).tiny)), np.log(steps)
    )
    inside = np.flatnonzero((loss < 0.9 * loss[0]) & (loss > 0.05 * loss[0]))
    return int(inside[np.argmin(slope[inside])]) if inside.size else len(steps) - 1


def _pruned(
    kept: Sequence[Sequence[Parameters]],
    found: Mapping[str, np.ndarray],
    problem: Problem,
    retrain: int,
) -> dict[str, np.ndarray]:
    """At each member's plateau: take out linear layers one by one, the most linear
    first, and train on.
    """
    from condensery.landscape import linearity, loss, unlift

    rows = []
    for member, curve in enumerate(found["loss"]):
        place = plateau(found["step"], curve)
        deep = kept[place][member]
        net, removed = list(deep), 0
        while len(net) > 2:
            scores = np.array([_least(units) for units in linearity(net, problem)])
            if not np.nanmax(scores) >= LINEAR:
                break
            net, _ = unlift(
                net,
                problem,
                layer=1 + int(np.nanargmax(scores)),
                fit=True,
                spectrum=False,
            )
            removed += 1
        rows.append(
            (
                found["step"][place],
                curve[place],
                removed,
                loss(net, problem),
                _trained_on(net, problem, retrain),
                _trained_on(deep, problem, retrain),
            )
        )
    names = (
        "plateau_step",
        "plateau_loss",
        "removed",
        "pruned_loss",
        "retrained_narrow",
        "retrained_deep",
    )
    return {
        name: np.asarray(column, dtype=np.float64)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _trained_on(net: Parameters, problem: Problem, steps: int) -> float:
    from condensery.engine import Adam, descend, mean_square
    from condensery.models import Mlp

    data = problem.x, problem.y
    result = descend(
        [net],
        mean_square(Mlp("tanh")),
        data,
        optimiser=Adam(RATE),
        steps=steps,
        schedule=[],
    )
    return float(result.loss[0, -1])

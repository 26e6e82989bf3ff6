"""The order of the modified flow, and two units that follow R_S, R_S + R1 or R_drop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.dropout_regulariser._config import Config
from condensery.experiments.dropout_regulariser._identities import identities
from condensery.protocols import Advance, Arrays

STEP_SIZES = 0.32 / 2.0 ** np.arange(7)
AVERAGED_MASKS = 64
SPLIT = np.array([1.0, 0.4])
"""o*: what two contributions add up to on two samples."""
STARTS = ((0.05, 1.25), (1.35, 0.3), (0.04, 0.3), (0.45, 0.02))
"""Contributions (o1, o2) from which the nets of the contour figure start."""
VECTOR_START = ((0.9, -0.3), (-0.2, 0.5))
"""The two contributions from which the vectors start, on two samples."""
DRAWS = 64
FLOW_STEPS = 20


@task(Config)
def orders(config: Config, seed: int, advance: Advance) -> Arrays:
    """How far one step of gradient descent is from the flow of R_drop and of R_drop +
    (ε/4)‖∇R_drop‖², masks fixed.

    Returns:
        step_size; distance to the plain and the modified flow for one mask, and of the
        means over 64 masks.
    """
    keep = config.keep
    rng = np.random.default_rng(seed)
    theta = 0.8 * rng.standard_normal((6, 3))
    x, y = rng.standard_normal((4, 2)), rng.standard_normal(4)
    masks = (rng.random((AVERAGED_MASKS, 4, 6)) < keep) / keep
    gaps = np.zeros((2, len(STEP_SIZES), AVERAGED_MASKS, theta.size))
    for row, size in enumerate(STEP_SIZES):
        for number, mask in enumerate(masks):
            stepped = theta - size * _slope(theta, x, y, mask)
            for kind, modified in enumerate((False, True)):
                end = _flow(
                    theta,
                    x,
                    y,
                    mask,
                    size,
                    modified=modified,
                )
                gaps[kind, row, number] = (end - stepped).ravel()
        advance("orders", (row + 1) / len(STEP_SIZES))
    plain, modified = np.linalg.norm(gaps[:, :, 0], axis=-1)
    plain_mean, modified_mean = np.linalg.norm(gaps.mean(axis=2), axis=-1)
    return {
        "step_size": STEP_SIZES,
        "plain": plain,
        "modified": modified,
        "plain_mean": plain_mean,
        "modified_mean": modified_mean,
    }


def _slope(
    theta: np.ndarray, x: np.ndarray, y: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """∇R_drop of f = Σ a_k tanh(w_k·x), theta = rows (a, w); analytic, so that it takes
    complex numbers.
    """
    a, w = theta[:, 0], theta[:, 1:]
    hidden = np.tanh(x @ w.T)
    error = ((mask * hidden) @ a - y) / len(y)
    pull = error[:, None] * mask * a * (1 - hidden**2)
    return np.column_stack([(mask * hidden).T @ error, pull.T @ x])


def _flow(
    theta: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    mask: np.ndarray,
    size: float,
    *,
    modified: bool,
) -> np.ndarray:
    """The flow for a time `size`, by the classical Runge-Kutta rule in 20 steps."""
    from condensery.engine import runge_kutta

    def velocity(at: np.ndarray) -> np.ndarray:
        slope = _slope(at, x, y, mask)
        if not modified:
            return -slope
        # a complex step gives the derivative along ∇R to the last digit: ∇(ε/4)‖∇R‖² =
        # (ε/2) H ∇R
        ahead = _slope(
            at + 1e-30j * slope,
            x,
            y,
            mask,
        )
        return -slope - size / 2 * ahead.imag / 1e-30

    return runge_kutta(
        velocity,
        theta,
        time=size,
        steps=FLOW_STEPS,
    )


@task(Config)
def pictures(config: Config, seed: int, advance: Advance) -> Arrays:
    """Two units: their contributions while R_S, R_S + R1 or R_drop is minimised.

    Units are linear, so that a contribution is o_k = a_k w_k: a number on one sample, a
    vector on two. 64 runs of R_drop are averaged.

    Returns:
        path_{loss} (start, step, unit) on one sample, vector_{loss} (step, unit,
        sample) on two.
    """
    from condensery.engine import (
        SGD,
        RecordParameters,
        descend,
        dropout_loss,
        expected_dropout_loss,
        log_steps,
        mean_square,
    )
    from condensery.models import TwoLayer

    model, rule = TwoLayer("linear"), SGD(config.picture_rate)
    objectives = {
        "plain": mean_square(model, factor=0.5),
        "expected": expected_dropout_loss(model, keep=config.keep),
        "dropped": dropout_loss(model, keep=config.keep),
    }
    schedule = log_steps(config.picture_steps, per_decade=20)
    results = {"path_step": schedule}

    for number, (name, objective) in enumerate(objectives.items()):
        draws = DRAWS if name == "dropped" else 1
        for picture, data, starts in _pictures():
            members = [_balanced(start) for start in starts for _ in range(draws)]
            result = descend(
                members,
                objective,
                *data,
                optimiser=rule,
                steps=config.picture_steps,
                seeds=range(seed, seed + len(members)),
                schedule=schedule.tolist(),
                probes={"parameters": RecordParameters()},
            )
            leaves = result.probed["parameters"]
            contribution = leaves["a"][..., None] * leaves["w"]
            shape = (len(schedule), len(starts), draws, 2, -1)
            mean = contribution.reshape(shape).mean(axis=2)
            results[f"{picture}_{name}"] = np.moveaxis(mean, 0, 1)
        advance("two units", (number + 1) / len(objectives))
    return results


def _pictures() -> list[tuple[str, tuple[np.ndarray, np.ndarray], list[np.ndarray]]]:
    """Name, data and starts of the picture on one sample and of that on two."""
    numbers = [np.array(start)[:, None] for start in STARTS]
    return [
        ("path", (np.ones((1, 1)), np.ones(1)), numbers),
        ("vector", (np.eye(2), SPLIT), [np.array(VECTOR_START)]),
    ]


def _balanced(contribution: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters with |a_k| = ‖w_k‖ whose contributions a_k w_k are these rows."""
    size = np.sqrt(np.linalg.norm(contribution, axis=1))
    return {
        "a": size,
        "w": contribution / size[:, None],
    }


def work(config: Config) -> Iterator[Work]:
    """Identities, orders of the modified flow, and pictures of two units."""
    masks = config.nets * len(config.keeps) + config.masks
    yield identities.work("identities", float(masks), config.seed)
    yield orders.work("orders", 1000.0, config.seed)
    yield pictures.work(
        "pictures",
        float(config.picture_steps),
        config.seed,
    )

"""The work of initial-phase-diagram: networks of several widths, trained until the
initial stage is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.initial_phase_diagram._config import Config
from condensery.metrics import relative_distance
from condensery.protocols import Advance, Arrays
from condensery.theory import early_growth

if TYPE_CHECKING:
    from condensery.engine import Ensemble

FOLLOWED = ((2.0, 0.0), (2.0, -0.5), (3.0, 0.0), (2.0, 0.5), (1.5, 0.7))
"""Cells that are followed over the width: condensed ones, one near the boundary, and a
linear one.
"""
SAMPLES, FEATURES = 20, 4
RESOLUTION = 300
"""Steps that the predicted e-folds are cut into."""

Cell = list[float]
"""γ and γ', as JSON has them."""
Sweep = Literal["map", "row"]
"""The map of all cells, or the cells that are followed."""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Twenty inputs of four features and the constant one, and a smooth target with a
    slope (our choice).
    """
    bits = np.random.Philox(key=[0, 11])
    random = np.random.Generator(bits)
    x = random.standard_normal((SAMPLES, FEATURES))
    weights = np.array([1.0, -0.7, 0.5, 0.3])
    slope = 0.5 * x[:, 0]
    y = np.sin(x @ weights) + slope
    constant = np.ones(SAMPLES)
    return np.column_stack([x, constant]), y


@task(Config)
def train(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    sweep: Sweep,
    cells: list[Cell],
    widths: list[int],
    seeds: int,
) -> Arrays:
    """Train all widths and seeds of some cells by gradient descent until the loss has
    fallen by the share `drop`.

    Returns:
        Columns of the table of members.
    """
    from condensery.engine import (
        SGD,
        PerMember,
        descend,
        mean_square,
        per_member,
    )
    from condensery.models import TwoLayer

    x, y = data()
    last = seed + seeds
    ensemble = _ensemble(cells, widths, range(seed, last))
    networks = ensemble.draw(features=FEATURES + 1)
    objective = mean_square(TwoLayer(config.activation), factor=0.5)
    paces = rates(ensemble, x, y, config.drop)

    advance("descending", 0.1)
    optimiser = SGD(1.0)
    untrained = descend(networks, objective, x, y, optimiser=optimiser, steps=0)
    units = untrained.loss[:, 0].tolist()
    scaled = per_member(networks, units=units, paces=paces.tolist())
    result = descend(
        scaled,
        PerMember(objective),
        x[None],
        y[None],
        optimiser=optimiser,
        steps=config.max_steps,
        schedule=[0],
        stop_loss=1.0 - config.drop,
        on_progress=lambda text, fraction: advance(text, 0.1 + 0.9 * fraction),
    )
    start = [network["w"] for network in networks]
    final = [tree["net"]["w"] for tree in result.all_parameters()]
    # under descent the growing mode gains log(1 + λ·rate) e-folds per step
    folds = np.log1p(growth_rate(x, y) * paces)
    distances = list(map(relative_distance, start, final))
    alignments = [_alignment(w, x, y) for w in final]
    return {
        **ensemble.columns(),
        "status": result.status,
        "steps": result.steps,
        "loss": result.loss[:, -1],
        "rd": np.array(distances),
        "alignment": np.array(alignments),
        "growth": result.steps * folds,
    }


def _ensemble(cells: list[Cell], widths: list[int], seeds: range) -> Ensemble:
    """Every width, cell and seed; seeds vary fastest."""
    from condensery.engine import Ensemble

    members = [
        (width, seed, gamma, gamma_prime)
        for width in widths
        for gamma, gamma_prime in cells
        for seed in seeds
    ]
    columns = zip(*members, strict=True)
    return Ensemble(*map(np.array, columns))


def growth_rate(x: np.ndarray, y: np.ndarray) -> float:
    """λ: the rate at which the linearised flow grows, ‖⟨yx⟩‖."""
    return float(np.linalg.norm(_pull(x, y)))


def _pull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y @ x / len(y)


def _alignment(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """‖Wẑ‖/‖W‖ for the direction ẑ of ⟨yx⟩."""
    length = np.linalg.norm(w)
    projected = np.linalg.norm(w @ _pull(x, y))
    along = projected / growth_rate(x, y)
    return float(along / length)


def rates(ensemble: Ensemble, x: np.ndarray, y: np.ndarray, drop: float) -> np.ndarray:
    """Learning rates that cut the predicted stage into equal steps, well below what is
    stable.
    """
    lam = growth_rate(x, y)
    stage = early_growth(
        x,
        y,
        width=ensemble.widths,
        gamma=ensemble.gammas,
        gamma_prime=ensemble.gamma_primes,
        drop=min(drop, 0.3),
    )
    kappa, kappa_prime = ensemble.kappa, ensemble.kappa_prime
    # ν² and ε²
    output_variance = kappa * kappa_prime
    input_variance = kappa / kappa_prime
    largest = np.maximum(output_variance, input_variance)
    covariance = x.T @ x / len(x)
    variance = float(np.linalg.norm(covariance, 2))
    kernel = ensemble.widths * largest * variance
    is_reached = np.isfinite(stage)
    folds = np.where(is_reached, stage, 1.0)
    resolved = folds / (RESOLUTION * lam)
    stable = 0.05 / np.maximum(kernel, lam)
    return np.minimum(resolved, stable)


def work(config: Config) -> Iterator[Work]:
    """One task per row of the map, and one per cell that is followed over the width."""
    for gamma_prime in config.gamma_primes:
        cells = [[gamma, gamma_prime] for gamma in config.gammas]
        label = f"γ' = {gamma_prime:+.2g}"
        yield _call("map", cells, config.widths, config.seeds, label)
    for cell in FOLLOWED:
        label = f"(γ, γ') = {cell}"
        yield _call("row", [list(cell)], config.row_widths, config.row_seeds, label)


def _call(
    sweep: Sweep, cells: list[Cell], widths: tuple[int, ...], seeds: int, label: str
) -> Work:
    cost = float(len(cells) * seeds * sum(widths))
    return train.work(
        label, cost, sweep=sweep, cells=cells, widths=list(widths), seeds=seeds
    )

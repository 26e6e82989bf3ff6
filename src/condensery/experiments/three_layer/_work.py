"""The work of the three-layer phase diagram."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.three_layer._config import SHOWN_GAMMAS, Config
from condensery.metrics import Condensation, condensation
from condensery.protocols import Advance, Arrays

THRESHOLD = 0.99
ACTIVE = 0.1
"""Active are the longest tenth of the neurons: those away from the origin, of which the
paper gives no number.
"""
GRID_POINTS = 201
WIDE = 300
"""Widths below this are one task: what is compiled for a width is then compiled
once.
"""

Cell = list[float]
"""γ₂, γ₃ and how many seeds, as JSON has them."""


def points() -> tuple[np.ndarray, np.ndarray]:
    """Four points of x² on a line, those of the two-layer phase diagram; the paper does
    not print its own.
    """
    x = np.linspace(-0.5, 0.5, 4)
    return x[:, None], x**2


def longest(weights: np.ndarray) -> Condensation:
    """Orientations of the longest tenth of the neurons, at least two.

    Args:
        weights: Input weights with bias, a row per neuron.
    """
    lengths = np.linalg.norm(weights, axis=1)
    count = max(2, round(ACTIVE * len(weights)))
    rows = weights[np.argsort(-lengths)[:count]]
    return condensation(
        rows,
        threshold=THRESHOLD,
        active=0.0,
    )


@task(Config)
def train(
    config: Config, seed: int, advance: Advance, *, width: int, cells: list[Cell]
) -> Arrays:
    """Train all seeds of some cells of the diagram at one width.

    Returns:
        Columns of the members' table; at the greatest width also, for the first seeds
        of every cell, the rows of them (counted) and how many orientations the neurons
        of each hidden layer have (orientations: member, layer, when).
    """
    from condensery.engine import ThreeLayerEnsemble, three_layer_flow

    members = [
        (float(gamma2), float(gamma3), seed + number)
        for gamma2, gamma3, seeds in cells
        for number in range(int(seeds))
    ]
    gamma2, gamma3, seeds = map(np.array, zip(*members, strict=True))
    widths = np.full(len(members), width)
    ensemble = ThreeLayerEnsemble(widths, seeds, gamma2, gamma3)
    counted = np.flatnonzero(seeds < seed + config.seeds)
    if width < max(config.widths):
        counted = counted[:0]

    result = three_layer_flow(
        ensemble,
        *points(),
        eta=config.eta,
        target_loss=config.target_loss,
        max_steps=config.max_steps,
        keep=counted.tolist(),
        on_progress=advance,
    )
    orientations = np.zeros((len(counted), 2, 2))
    for number, member in enumerate(counted):
        for when, initial in enumerate((True, False)):
            weights = result.parameters(int(member), initial=initial)
            hidden = (weights["w"], weights["v"])
            counts = [longest(layer[0]).effective_neurons for layer in hidden]
            orientations[number, :, when] = counts
    return {
        "counted": counted,
        "orientations": orientations,
        **ensemble.columns(),
        "rd1": result.rd1,
        "rd2": result.rd2,
        "rd_a": result.rd_a,
        "loss": result.loss,
        "time": result.time,
        "steps": result.steps,
        "status": result.status,
    }


@task(Config)
def show(config: Config, seed: int, advance: Advance) -> Arrays:
    """Outputs and raw (w, b) of a few networks at γ₂ = 0 before and after, and RD by
    the plain step as a check.

    Returns:
        gamma3, grid, outputs (member, when, point), pairs (member, when, unit, 2), and
        checked (member, method, layer): RD of W₁ and W₂ of small networks by both
        methods of the flow.
    """
    from condensery.engine import ThreeLayerEnsemble, three_layer_flow

    def networks(width: int) -> ThreeLayerEnsemble:
        return ThreeLayerEnsemble.grid(
            widths=[width], gamma3s=SHOWN_GAMMAS, seeds=[seed]
        )

    ensemble = networks(config.shown_width)
    members = range(len(ensemble))
    flow = partial(three_layer_flow, target_loss=config.target_loss)
    result = flow(
        ensemble,
        *points(),
        eta=config.eta,
        keep=members,
        max_steps=config.max_steps,
    )
    advance("the plain step", 0.6)
    grid = np.linspace(-0.5, 0.5, GRID_POINTS)
    small = networks(min(100, config.shown_width))
    checked = []
    for method, eta in (("exponential", config.eta), ("gram", 0.2)):
        check = flow(
            small,
            *points(),
            method=method,
            eta=eta,
            max_steps=100_000,
        )
        checked.append(np.stack([check.rd1, check.rd2], axis=1))
    outputs, pairs = [], []
    for member in members:
        whens = [
            partial(result.predict, member, initial=when) for when in (True, False)
        ]
        outputs.append([predict(grid[:, None]) for predict in whens])
        before = result.parameters(member, initial=True)
        after = result.parameters(member, initial=False)
        pairs.append([before["w"][0], after["w"][0]])
    return {
        "gamma3": np.asarray(SHOWN_GAMMAS),
        "grid": grid,
        "outputs": np.stack(outputs),
        "pairs": np.stack(pairs),
        "checked": np.stack(checked, axis=1),
    }


def work(config: Config) -> Iterator[Work]:
    """One task per width, for wide networks one per width and γ₂; at last the networks
    that are drawn.
    """
    rows = [_row(config, gamma2) for gamma2 in config.gamma2s]
    plane = [cell for row in rows for cell in row]
    for width in config.widths:
        for cells in rows if width >= WIDE else [plane]:
            label = f"m = {width}"
            if width >= WIDE:
                label += f", γ₂ = {cells[0][0]:+g}"
            effort = sum(seeds * gamma3 for _, gamma3, seeds in cells)
            cost = float(width) ** 2 * effort
            yield train.work(
                label,
                cost,
                width=width,
                cells=cells,
            )
    yield show.work("outputs and neurons", 6.0 * config.shown_width**2)


def _row(config: Config, gamma2: float) -> list[Cell]:
    seeds = config.row_seeds if gamma2 == 0 else config.seeds
    return [[gamma2, gamma3, seeds] for gamma3 in config.gamma3s]

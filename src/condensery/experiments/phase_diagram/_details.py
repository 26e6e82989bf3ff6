"""The tables of Figs. 2 and 3: outputs, neurons, and what is measured on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, table
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._work import train_row
from condensery.metrics import angular_distance, condensation, orientation_bins
from condensery.protocols import Arrays

KEYS = ("gamma", "gamma_prime", "width", "seed")


def _members(results: Results) -> Iterator[tuple[dict[str, Any], Arrays]]:
    """Cell and details of every member of the shown width."""
    for _, run in results.calls(train_row):
        for number, member in enumerate(run["detailed"]):
            cell = {name: run[name][member] for name in KEYS}
            details = {
                name: run[name][number]
                for name in ("orientation", "amplitude", "outputs")
            }
            yield (
                cell,
                {
                    **details,
                    "grid": run["grid"],
                },
            )


@table()
def outputs(config: Config, results: Results) -> Blocks:
    """Outputs before and after training, and the linear spline through the samples."""
    for cell, details in _members(results):
        grid = details["grid"]
        initial, final = details["outputs"]
        yield {
            "x": grid,
            **cell,
            "initial": initial,
            "final": final,
            "reference": _interpolant(grid),
        }


def _interpolant(grid: np.ndarray) -> np.ndarray:
    samples = np.linspace(-0.5, 0.5, 4)
    return np.interp(grid, samples, samples**2)


@table()
def scatter(config: Config, results: Results) -> Blocks:
    """Neurons of the first seed before and after training."""
    for cell, details in _members(results):
        if cell["seed"] != 0:
            continue
        largest = details["amplitude"][1].max()
        for when in (0, 1):
            yield {
                "orientation": details["orientation"][when],
                **cell,
                "when": when,
                "amplitude": details["amplitude"][when] / largest,
            }


@table()
def neurons(config: Config, results: Results) -> Blocks:
    """What is measured on the neurons of every seed."""
    for cell, details in _members(results):
        yield {**cell, **_measure(details["orientation"], details["amplitude"])}


def _measure(orientation: np.ndarray, amplitude: np.ndarray) -> dict[str, float]:
    """Active neurons (A > 0.05 max), their groups, the bins they occupy, and how far
    they turned.

    The groups are by complete linkage at 0.1 rad; of the two with most amplitude, mean
    angle and greatest distance.
    """
    start, end = orientation
    final = amplitude[1]
    active = final > 0.05 * final.max()
    angles = end[active]
    weights = final[active]
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    threshold = float(np.cos(0.1))
    grouped = condensation(
        unit, weights, threshold=threshold, active=0.0, grouping="linkage"
    )
    order = np.argsort(-grouped.group_shares)
    directions = grouped.group_directions
    horizontal, vertical = directions.T
    means = np.arctan2(vertical, horizontal)[order]
    spreads = []
    for group, mean in zip(order, means, strict=True):
        of_group = angles[grouped.groups == group]
        spreads.append(_spread(of_group, mean))
    turns = angular_distance(end - start, np.zeros(1))
    turned = np.median(turns[active])
    counts = orientation_bins(angles)
    second = means[1] if len(order) > 1 else np.nan
    return {
        "active": float(active.sum()),
        "groups": float(len(order)),
        "angle_1": float(means[0]),
        "angle_2": float(second),
        "spread": float(max(spreads[:2])),
        "bins": float(np.sum(counts > 0)),
        "turned": float(turned),
    }


def _spread(angles: np.ndarray, mean: float) -> float:
    """Standard deviation of angles about their mean direction."""
    gaps = angular_distance(angles, np.array([mean]))
    return float(np.sqrt(np.mean(gaps**2)))

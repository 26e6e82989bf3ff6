"""The work of the three-layer phase diagram."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.protocols import Advance, Arrays

GRID_POINTS = 201


def points() -> tuple[np.ndarray, np.ndarray]:
    """Four points of x² on a line, those of the two-layer phase diagram; the paper does
    not print its own.
    """
    x = np.linspace(-0.5, 0.5, 4)
    return x[:, None], x**2


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train all seeds of some cells of the diagram at one width.

    Args:
        parameters: width, rows ([gamma2, gamma3, seeds] of each cell), eta,
            target_loss, max_steps.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        Columns of the members' table.
    """
    from condensery.engine import ThreeLayerEnsemble, three_layer_flow

    given: dict[str, Any] = dict(parameters)
    cells = [
        (float(g2), float(g3), seed + k)
        for g2, g3, seeds in given["rows"]
        for k in range(int(seeds))
    ]
    gamma2, gamma3, seeds = (np.array(column) for column in zip(*cells, strict=True))
    ensemble = ThreeLayerEnsemble(
        np.full(len(cells), given["width"]), seeds, gamma2, gamma3
    )
    result = three_layer_flow(
        ensemble,
        *points(),
        eta=given["eta"],
        target_loss=given["target_loss"],
        max_steps=given["max_steps"],
        on_progress=lambda done: advance("training", 0.1 + 0.9 * done),
    )
    return {
        **ensemble.columns(),
        "rd1": result.rd1,
        "rd2": result.rd2,
        "rd_a": result.rd_a,
        "loss": result.loss,
        "time": result.time,
        "steps": result.steps,
        "status": result.status,
    }


def show(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Outputs and raw (w, b) of a few networks at γ₂ = 0 before and after, and RD by
    the plain step as a check.

    Args:
        parameters: width, gamma3s, eta, target_loss, max_steps.
        seed: The networks' seed.
        advance: Told how far it is.

    Returns:
        gamma3, grid, outputs (member, when, point), pairs (member, when, unit, 2), and
        checked (member, method, layer): RD of W₁ and W₂ of small networks by both
        methods of the flow.
    """
    from condensery.engine import ThreeLayerEnsemble, three_layer_flow

    given: dict[str, Any] = dict(parameters)
    options = {"target_loss": given["target_loss"], "max_steps": given["max_steps"]}
    ensemble = ThreeLayerEnsemble.grid(
        widths=[given["width"]], gamma3s=given["gamma3s"], seeds=[seed]
    )
    members = range(len(ensemble))
    result = three_layer_flow(
        ensemble, *points(), eta=given["eta"], keep=members, **options
    )
    advance("the plain step", 0.6)
    grid, both = np.linspace(-0.5, 0.5, GRID_POINTS), (True, False)
    small = ThreeLayerEnsemble.grid(
        widths=[min(100, given["width"])], gamma3s=given["gamma3s"], seeds=[seed]
    )
    checked = []
    for method, eta in (("exponential", given["eta"]), ("gram", 0.2)):
        one = three_layer_flow(
            small,
            *points(),
            method=method,
            eta=eta,
            **{**options, "max_steps": 100_000},
        )
        checked.append(np.stack([one.rd1, one.rd2], axis=1))
    return {
        "gamma3": np.asarray(given["gamma3s"]),
        "grid": grid,
        "outputs": np.stack(
            [
                [result.predict(k, grid[:, None], initial=when) for when in both]
                for k in members
            ]
        ),
        "pairs": np.stack(
            [
                [result.parameters(k, initial=when)["w"][0] for when in both]
                for k in members
            ]
        ),
        "checked": np.stack(checked, axis=1),
    }

"""One cell of the calibration of `diagnose`: a two-layer network whose regime the
theory knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from condensery.torch._diagnosis._diagnose import diagnose
from condensery.torch._diagnosis._stop import UntilLoss
from condensery.torch.studies._two_layer import (
    FlowSteps,
    NormalisedTwoLayer,
    four_points,
)


def calibrate_cell(
    gamma: float,
    gamma_prime: float,
    *,
    widths: Sequence[int],
    seeds: Sequence[int],
    relative_loss: float,
    steps: int,
    progress: Callable[[str, float], None],
) -> dict[str, np.ndarray]:
    """Diagnose the network at one point of the phase diagram, with no hint of which
    point it is.

    Args:
        gamma: γ; κ = m^−γ.
        gamma_prime: γ'; κ' = m^−γ'.
        widths: As `diagnose` takes them.
        seeds: Likewise.
        relative_loss: Share of the initial loss at which the widths are compared.
        steps: Most steps of a run.
        progress: Progress callback, (text, fraction).

    Returns:
        For the hidden and the output layer (in this order) slope, slope_se, margin,
        drift_slope, drift_slope_se, condensed, condensed_se and regime; the model's
        regime; slope per stage (layer, stage); rd (layer, width).
    """
    x, y = four_points()

    def build(width: int) -> torch.nn.Module:
        return NormalisedTwoLayer(width, features=1, kappa=width**-gamma)

    def optimiser(model: torch.nn.Module) -> torch.optim.Optimizer:
        assert isinstance(model, NormalisedTwoLayer)  # ruff: ignore[assert] - it is what build returns
        return FlowSteps(
            model, x, y, kappa_prime=model.hidden.out_features**-gamma_prime
        )

    diagnosis = diagnose(
        build,
        [(x, y)],
        widths=widths,
        optimiser=optimiser,
        seeds=seeds,
        stop=UntilLoss(relative_loss, steps=steps),
        progress=progress,
    )
    table, stages = diagnosis.table, len(diagnosis.stop.stages)
    numbers = (
        "slope",
        "slope_se",
        "margin",
        "drift_slope",
        "drift_slope_se",
        "condensed",
        "condensed_se",
        "regime",
    )
    slopes = [
        [*layer.slopes, *[np.nan] * (stages - len(layer.slopes))]
        for layer in diagnosis.layers
    ]
    rd = [layer.rd or (np.nan,) * len(diagnosis.widths) for layer in diagnosis.layers]
    return {
        **{name: table[name] for name in numbers},
        "model": np.array([diagnosis.regime]),
        "slopes": np.array(slopes),
        "rd": np.array(rd),
        "stage": np.array([diagnosis.stages[-1] if diagnosis.stages else np.nan]),
        "steps": np.array([run.steps for run in diagnosis.runs]),
    }

"""How smooth outputs are: how often they change from convex to concave, and how far
they go up and down.
"""

from __future__ import annotations

import numpy as np

from condensery.declare import Blocks, Tables, rows, table
from condensery.experiments.dropout_features._config import (
    REACH,
    Config,
    TargetName,
    abscissas,
    target_output,
)
from condensery.experiments.dropout_features._features import Layers, output
from condensery.metrics import convexity_changes, relu_slopes, total_variation

GRID = 4801
"""Number of abscissas on which smoothness is measured."""
LEAST_MOVE = 0.1
"""Moves of the slope that count as bends: a tenth of the range of the target's slope,
which is 1 for both targets (from 0 to 1, and from −½ to ½).
"""


def smoothness(name: TargetName, layers: Layers) -> tuple[float, float]:
    """Changes of convexity between the outermost samples, exact for ReLU in two layers,
    and total variation there over that of the target; nan for a net that diverged.
    """
    x = abscissas(name, GRID)
    heights = output(name, layers, x)
    if not np.all(np.isfinite(heights)):
        return np.nan, np.nan
    slopes = np.diff(heights) / np.diff(x)
    if name == "relu" and len(layers) == 2:
        slopes = _exact_slopes(name, layers)
    changes = convexity_changes(slopes, least=LEAST_MOVE)
    target = total_variation(target_output(name, x))
    variation = total_variation(heights) / target
    return float(changes), float(variation)


def _exact_slopes(name: TargetName, layers: Layers) -> np.ndarray:
    (w, b), (a, _) = layers
    reach = REACH[name]
    return relu_slopes(
        a[0],
        w[:, 0],
        b,
        low=-reach,
        high=reach,
    )


def target_smoothness(name: TargetName) -> int:
    """Changes of convexity of the target itself."""
    x = abscissas(name, GRID)
    slopes = np.diff(target_output(name, x)) / np.diff(x)
    return convexity_changes(slopes, least=LEAST_MOVE)


PLACES: dict[tuple[TargetName, int], float] = {
    ("tanh", 2): 0.0,
    ("tanh", 3): 1.0,
    ("relu", 2): 2.0,
    ("relu", 3): 3.0,
}
"""Where the settings stand in the figure of smoothness."""
ASIDE = {"plain": -0.16, "dropout": 0.16}
"""How far beside it nets without and with dropout stand."""
HALF = 0.4
"""Half the width of a setting."""


@table(place="of the setting and the kind in the figure")
def smooth(config: Config, tables: Tables) -> Blocks:
    """How smooth every net without and with dropout is, beside its orientations."""
    fits = tables["fits"]
    for row in range(len(fits)):
        name, layers, kind = (
            fits[column][row].item() for column in ("target", "layers", "kind")
        )
        if kind not in ASIDE:
            continue
        yield {
            "target": name,
            "layers": layers,
            "kind": kind,
            "place": PLACES[name, layers] + ASIDE[kind],
            "changes": fits["changes"][row],
            "variation": fits["variation"][row],
            "orientations": fits["effective_orientations"][row],
        }


@table(changes="of the target's convexity")
def smooth_targets(config: Config, tables: Tables) -> Blocks:
    """The targets' own changes of convexity, over the width of their settings."""
    for (name, layers), middle in PLACES.items():
        if name not in config.targets:
            continue
        ends = [middle - HALF, middle + HALF]
        yield rows(
            {"place": ends},
            setting=f"{name}, {layers}",
            changes=target_smoothness(name),
        )

"""Small tables for the figures of three layers: inputs of the tests, not results."""

import numpy as np
from tests.plots.declared import options_of

from condensery import plots
from condensery.experiments.three_layer import Config, three_layer
from condensery.experiments.three_layer._config import SHOWN_GAMMAS
from condensery.experiments.three_layer._tables import row_distances
from condensery.records import Table

GRID = {
    "gamma2s": (-0.5, 0.0, 0.5),
    "gamma3s": (1.0, 1.5, 2.0),
    "widths": (50, 100, 200),
}


def layer_config():
    return Config(**GRID)


def layer_options(name):
    """Of a figure of phase-diagram-three-layer."""
    return options_of(three_layer, name, **GRID)


def three_layers(*, hole: bool = False) -> dict[str, Table]:
    """Slopes γ₃ − 3/2 − 2γ₂ and γ₃ − 2 on a grid, RD to match at γ₂ = 0, and a few
    neurons.
    """
    rows = [(g2, g3) for g2 in (-0.5, 0.0, 0.5) for g3 in (1.0, 1.5, 2.0)][int(hole) :]
    gamma2, gamma3 = np.array(rows).T
    grid = [(g2, g3, m) for g2, g3 in rows for m in (50, 100, 200)]
    gammas2, gammas3, width = np.array(grid).T
    line, x = np.linspace(-1, 1, 5), np.linspace(-0.5, 0.5, 11)
    rng = np.random.default_rng(1)
    by_width = {"rd1": width ** (gammas3 - 1.5), "rd2": width ** (gammas3 - 2.0)}
    members = Table(
        columns={
            "gamma2": gammas2,
            "gamma3": gammas3,
            "width": width.astype(int),
            **by_width,
            "rd_a": by_width["rd1"],
            "status": np.ones(width.size, dtype=int),
        }
    )
    slopes = {"first": gamma3 - 1.5 - 2 * gamma2, "second": gamma3 - 2}
    slope_table = Table(
        columns={
            "gamma2": gamma2,
            "gamma3": gamma3,
            **slopes,
            **{f"{name}_se": np.full(gamma2.size, 0.02) for name in slopes},
        }
    )
    row = row_distances(layer_config(), {"members": members, "slopes": slope_table})
    return {
        "slopes": slope_table,
        "boundary": Table(
            columns={"gamma2": line, "first": 1.5 + 2 * line, "second": 2 + 0 * line}
        ),
        "row_distances": row,
        "outputs": Table(
            columns={
                "gamma3": np.repeat(SHOWN_GAMMAS, 11),
                **{
                    name: np.tile(scale * x**2, 3)
                    for name, scale in (
                        ("initial", 0.0),
                        ("final", 1.0),
                        ("reference", 1.1),
                    )
                },
                "x": np.tile(x, 3),
            }
        ),
        "pairs": Table(
            columns={
                "gamma3": np.repeat(SHOWN_GAMMAS, 40),
                "when": np.tile(np.repeat([0, 1], 20), 3),
                "weight": rng.standard_normal(120),
                "bias": rng.standard_normal(120),
            }
        ),
        "neurons": Table(columns={"gamma3": SHOWN_GAMMAS, "orientations": [9, 4, 1]}),
        "data": Table(
            columns={
                "x": np.linspace(-0.5, 0.5, 4)[:, None],
                "y": np.linspace(-0.5, 0.5, 4) ** 2,
            }
        ),
    }


CASES = {
    "layer maps": lambda: (plots.chart, three_layers(), layer_options("layer-maps"), 2),
    "layer maps, a hole": lambda: (
        plots.chart,
        three_layers(hole=True),
        layer_options("layer-maps"),
        2,
    ),
    "layer distance": lambda: (
        plots.chart,
        three_layers(),
        layer_options("layer-distance"),
        2,
    ),
    "layer neurons": lambda: (
        plots.chart,
        three_layers(),
        layer_options("layer-neurons"),
        6,
    ),
}

"""Small tables for the figures of initial condensation: inputs of the tests, not
results.
"""

import numpy as np
from tests.plots.declared import options_of

from condensery import plots
from condensery.experiments.initial_condensation import initial_condensation
from condensery.experiments.initial_condensation_cnn import initial_condensation_cnn
from condensery.experiments.initial_phase_diagram import initial_phase_diagram
from condensery.experiments.initial_phase_diagram._tables import row_courses
from condensery.records import Table

NAMES = ["tanh", "sigmoid", "softplus", "xtanh", "relu"]


def on_a_line():
    rng = np.random.default_rng(0)
    name = np.repeat(NAMES, 6)
    vectors = {key: rng.standard_normal(30) for key in ("w", "b", "dw", "db")}
    vectors["dw"][0] = vectors["db"][0] = 0.0
    columns = {"activation": name, **vectors}
    x = np.tile(np.linspace(0, 1, 3), 10)
    lines = {
        "activation": np.repeat(NAMES, 6),
        "step": np.tile([20, 20, 20, 5, 5, 5], 5),
        "degree": np.ones(30, dtype=int),
        "x": x,
        "model": x * np.tile([2, 2, 2, 1, 1, 1], 5),
        "polynomial": x,
        "target": x**2,
    }
    return {
        "neurons": Table(columns={**columns, "step": np.full(30, 100)}),
        "field": Table(columns=columns),
        "predicted": Table(
            columns={
                "activation": ["tanh", "xtanh", "xtanh"],
                "w": [1.0, 0, 0.6],
                "b": [0, 1.0, 0.8],
            }
        ),
        "output": Table(columns=lines),
    }


def cosines():
    rng = np.random.default_rng(1)
    grids = rng.uniform(-1, 1, (7, 4, 4))
    parts = ["five", "five", "five", "demo-b", "demo-b", "demo-b", "demo-b"]
    optimisers = [
        "Adam",
        "Adam",
        "gradient descent",
        "Adam",
        "Adam",
        "Adam",
        "gradient descent",
    ]
    return {
        "cosines": Table(
            columns={
                "part": parts,
                "activation": ["tanh"] * 7,
                "optimiser": optimisers,
                "step": [0, 100, 900, 0, 1, 101, 1200],
                "cosine": grids,
            }
        ),
        "deep": deep(),
    }


def deep():
    """Five layers in two draws, with residuals and without; all cosines are equal."""
    cells = [(r, d, layer) for r in (1, 0) for d in (0, 1) for layer in range(1, 6)]
    residual, draw, layer = np.array(cells).T
    columns = {
        "residual": residual.astype(bool),
        "layer": layer,
        "draw": draw,
        "cosine": np.arange(20.0)[:, None, None] / 20 * np.ones((20, 3, 3)),
    }
    return Table(columns=columns)


def measures(draws=3):
    rows = []
    for part, names in (("five", NAMES), ("line", NAMES), ("demo-b", ["tanh"])):
        for optimiser, steps in (
            ("Adam", [0, 10, 200]),
            ("gradient descent", [0, 700]),
        ):
            for name in names:
                for step in steps:
                    for draw in range(draws):
                        rows.append(
                            {
                                "part": part,
                                "activation": name,
                                "optimiser": optimiser,
                                "draw": draw,
                                "step": step,
                                "last": step == steps[-1],
                                "lines": 1.0 + draw * 3,
                                "moved": step / 1000,
                                "aligned": 0.2 * draw + step / 1000,
                                "sign_aligned": 0.5,
                            }
                        )
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    table = Table(columns=columns)
    derives = initial_condensation.derives.items()
    tables = {"measures": table}
    for name, derive in derives:
        tables[name] = derive(initial_condensation.Config(), tables)
    return tables


def options(name, **settings):
    """Of a figure of initial-condensation."""
    return options_of(initial_condensation, name, **settings)


def deep_options():
    return options("cosines-deep", deep_draws=2)


def early_options():
    return options("early-outputs", activations=NAMES, line_steps=(1, 5, 20))


def plane():
    grid = np.array([(g, p) for p in (-0.5, 0.0, 0.5) for g in (1.0, 2.0, 3.0)])
    width = np.tile([100, 1000], 4)
    members = {
        "part": ["row"] * 8,
        "gamma": np.repeat([2.0, 3.0], 4),
        "gamma_prime": np.zeros(8),
        "width": width,
        "rd": width / 50.0,
        "rd_closed": width / 60.0,
        "alignment": np.full(8, 0.9),
        "alignment_closed": np.full(8, 0.95),
        "growth": np.log(width),
        "growth_closed": np.log(width) + 0.1,
    }
    slopes = {
        "gamma": grid[:, 0],
        "gamma_prime": grid[:, 1],
        "slope": grid[:, 0] - 1 - grid[:, 1],
    }
    slopes |= {
        "alignment": np.linspace(0, 1, 9),
        "time_slope": np.append(np.linspace(0, 1, 8), np.nan),
    }
    slopes["slope_se"] = np.full(9, 0.3)
    return {
        "row_courses": row_courses(
            initial_phase_diagram.Config(), {"members": Table(columns=members)}
        ),
        "slopes": Table(columns=slopes),
    }


def plane_options(name):
    """Of a figure of initial-phase-diagram."""
    grid = {"gammas": (1.0, 2.0, 3.0), "gamma_primes": (-0.5, 0.0, 0.5)}
    return options_of(initial_phase_diagram, name, **grid)


def kernels():
    cosine = np.linspace(1, 0, 12)
    step = np.tile([0, 10, 600], 6)
    table = Table(
        columns={
            "std": np.repeat([1e-2, 1e-5], 6),
            "cosine": cosine,
            "cosine_linear": np.minimum(1, cosine + 0.1),
        }
    )
    followed = Table(
        columns={
            "activation": np.repeat(["tanh", "xtanh", "tanh"], 6),
            "std": np.repeat([1e-3, 1e-3, 0.1], 6),
            "seed": [0, 0, 0, 1, 1, 1] * 3,
            "step": step,
            "accuracy": step / 1000,
            "pairs": np.tile([0.0, 0.5, 1.0, 0.0, 0.7, 1.0], 3),
        }
    )
    derives = initial_condensation_cnn.derives.items()
    tables = {"kernels": table, "followed": followed}
    for name, derive in derives:
        tables[name] = derive(initial_condensation_cnn.Config(), tables)
    return tables


def kernel_cosines():
    """Two networks at three stages; all cosines of a matrix are equal."""
    titles = ["tanh, std 0.001", "tanh, std 0.1"]
    titles += ["step 3, 10% right"] * 2 + ["step 9, 90% right"] * 2
    columns = {
        "activation": ["tanh"] * 6,
        "std": [1e-3, 0.1] * 3,
        "stage": np.repeat(["before", "untrained", "end"], 2),
        "title": titles,
        "cosine": np.arange(6.0)[:, None, None] / 6 * np.ones((6, 3, 3)),
    }
    return {"cosines": Table(columns=columns)}


def cnn_options(name, **settings):
    """Of a figure of initial-condensation-cnn."""
    return options_of(initial_condensation_cnn, name, **settings)


def learning_options():
    return cnn_options("kernels-while-learning", activations=["tanh", "xtanh"])


CASES = {
    "field": lambda: (plots.direction_field, on_a_line(), {}, 5),
    "outputs": lambda: (plots.chart, on_a_line(), early_options(), 5),
    "cosines": lambda: (plots.chart, cosines(), options("cosines-demo-b"), 4),
    "cosines, five": lambda: (
        plots.chart,
        cosines(),
        options("cosines-five", activations=["tanh"]),
        1,
    ),
    "cosines, deep": lambda: (plots.chart, cosines(), deep_options(), 15),
    "cosines, kernels": lambda: (
        plots.chart,
        kernel_cosines(),
        cnn_options("kernel-cosines", activations=["tanh"]),
        6,
    ),
    "counts": lambda: (plots.chart, measures(), options("line-counts", draws=3), 2),
    "alignment": lambda: (plots.chart, measures(), options("alignment"), 2),
    "widths": lambda: (plots.chart, plane(), plane_options("initial-widths"), 3),
    "map": lambda: (plots.chart, plane(), plane_options("initial-map"), 3),
    "kernels": lambda: (plots.chart, kernels(), cnn_options("kernel-alignment"), 1),
    "learning": lambda: (plots.chart, kernels(), learning_options(), 3),
}

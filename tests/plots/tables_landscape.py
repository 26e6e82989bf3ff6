"""Small tables for the figures of the landscape: inputs of the tests, not results."""

from itertools import product

import numpy as np
from tests.plots.declared import options_of

from condensery import plots
from condensery.experiments.embedding_depth import embedding_depth
from condensery.experiments.embedding_width import embedding_width
from condensery.experiments.generalisation import generalisation
from condensery.experiments.manifold_dimension import manifold_dimension
from condensery.experiments.optimistic_sizes import optimistic_sizes
from condensery.experiments.reduction import reduction as reduction_experiment
from condensery.experiments.width_similarity import width_similarity
from condensery.records import Table

COUNTS = ("measured_negative", "measured_zero", "measured_positive")


def edges():
    """A 2-2-1 net whose unit 0 is split; weights are their place in the list."""
    rows = []
    for side, hidden in ((0, 2), (1, 3)):
        touched = {0} if side == 0 else {0, 2}
        rows += [
            (side, 1, unit, before, 1.0 + before, int(unit in touched))
            for unit in range(hidden)
            for before in (0, 1)
        ]
        rows += [
            (side, 2, 0, unit, -1.0, 2 * int(unit in touched)) for unit in range(hidden)
        ]
    columns = np.array(rows).T
    names = ("side", "layer", "unit", "before", "weight", "kind")
    return {"edges": Table(columns=dict(zip(names, columns, strict=True)))}


def spectra():
    lifts = {
        f"{when}_{kind}": [n]
        for when, n in (("before", 1), ("after", 2))
        for kind in ("negative", "zero", "positive")
    }
    eigenvalues = {
        "activation": ["relu"] * 9,
        "when": [0] * 3 + [1] * 6,
        "eigenvalue": [4.0, -2.0, 0.0, 8.0, -8.0, 0.0, 0.0, 1.0, -1.0],
    }
    lifted = Table(columns={"activation": ["relu"], **lifts})
    tables = {"spectra": Table(columns=eigenvalues), "lifts": lifted}
    return {
        "ranked": embedding_depth.derives["ranked"](embedding_depth.Config(), tables)
    }


def depth_spectra_options():
    """The chart that the experiment declares."""
    return options_of(embedding_depth, "spectra")


def linearity():
    grid = [
        (h, n, b, s, t)
        for h, n, b in ((1, 8, 0), (3, 4, 0), (3, 8, 0), (3, 8, 1))
        for s in (0, 1)
        for t in (10, 100)
    ]
    hidden, samples, norm, seed, step = np.array(grid).T
    common = {
        "hidden": hidden,
        "samples": samples,
        "batch_norm": norm,
        "seed": seed,
        "step": step,
    }
    layers = {name: np.repeat(column, 2) for name, column in common.items()}
    score = (
        1
        - 0.01 * layers["samples"] / 8 * (layers["step"] == 100)
        - 0.1 * layers["batch_norm"]
    )
    layer = np.tile([1, 2], len(hidden))
    curves = Table(columns={**common, "loss": 1.0 / step + seed})
    scores = {
        **layers,
        "layer": layer,
        "score": np.where(layer == 1, 1.0, score),
    }
    config = embedding_depth.Config(samples=(4, 8))
    tables = {"curves": curves, "scores": Table(columns=scores)}
    resting = {
        "hidden": [3],
        "samples": [8],
        "plateau_loss": [0.05],
    }
    tables["pruned"] = Table(columns=resting)
    names = ("median_losses", "least_scores", "median_scores", "plateau_levels")
    for name in names:
        tables[name] = embedding_depth.derives[name](config, tables)
    return tables


def linearity_options():
    """The chart that the experiment declares for two sizes of the data."""
    return options_of(
        embedding_depth,
        "linearity",
        samples=(4, 8),
        steps=100,
    )


def dimensions():
    """Three embeddings of nets of one and two layers; the last one is undecided."""
    embeddings = Table(
        columns={
            "hidden": [1, 2, 2],
            "counted": [1, 3, 5],
            "tangent": [1, 3, 5],
            "narrow_zero": [2, 0, 0],
            "wide_zero": [3, 4, 9],
            "decided": [1, 1, 0],
        }
    )
    gains = manifold_dimension.derives["gains"]
    return {"gains": gains(manifold_dimension.Config(), {"dimensions": embeddings})}


def dimension_options():
    """The chart that the experiment declares."""
    _, spec = manifold_dimension.figures(manifold_dimension.Config())
    return spec.options


def reduction():
    step = np.array([1, 10, 100])
    starts = np.repeat(["slowest", "slowest", "plateau"], 2)
    networks = np.repeat(["wide", "merged", "merged"], 2)
    return {
        "training": Table(
            columns={
                "seed": [0] * 3 + [1] * 3,
                "step": np.tile(step, 2),
                "loss": np.tile(1 / step, 2),
                "width": [9, 1, 5] * 2,
            }
        ),
        "retraining": Table(
            columns={
                "seed": np.repeat([0, 1], 6),
                "start": np.tile(starts, 2),
                "network": np.tile(networks, 2),
                "step": np.tile([0, 5], 6),
                "ratio": np.tile([1.0, 0.5, 1.0, 0.7, 1.0, 1.0], 2),
            }
        ),
        "members": Table(
            columns={
                "seed": [0, 1],
                "step": [10, 100],
                "loss": [0.1, 0.3],
            }
        ),
        "cosines": Table(columns={"cosine": np.eye(4)}),
    }


def reduction_options():
    """The chart that the experiment declares."""
    return options_of(reduction_experiment, "reduction")


def embedding():
    """A point of width 1 of the three steps and one of Iris: a split adds one
    eigenvalue of each sign and a zero.
    """
    names, rows, spectra = ("none", "2 equal", "3 equal"), [], []
    for net, width in (("three steps", 1), ("iris", 2)):
        for copies, name in enumerate(names):
            rows.append((net, 0, width, 0, name, copies, copies, 3 + copies))
            values = np.r_[
                -1e-3 * np.ones(copies),
                np.zeros(copies),
                np.logspace(-3, 2, 3 + copies),
            ]
            spectra += [(net, 0, 0, name, value) for value in values]
    columns = dict(
        zip(
            ("net", "point", "width", "unit", "fractions", *COUNTS),
            zip(*rows, strict=True),
            strict=True,
        )
    )
    keys = ("net", "point", "unit", "fractions", "eigenvalue")
    t = np.linspace(-1, 1, 5)
    tables = {
        "points": Table(
            columns={
                "net": ["three steps", "iris"],
                "point": [0, 0],
                "width": [1, 2],
                "loss": [0.1, 0.2],
                "as_published": [False, True],
            }
        ),
        "splits": Table(
            columns={name: np.array(column) for name, column in columns.items()}
        ),
        "spectra": Table(
            columns=dict(
                zip(keys, map(np.array, zip(*spectra, strict=True)), strict=True)
            )
        ),
        "descent": Table(
            columns={
                "point": [0] * 5,
                "unit": [0] * 5,
                "curvature": [-0.02] * 5,
                "t": t,
                "loss": 0.1 - 0.01 * t**2 + 0.005 * t**4,
            }
        ),
        "widths": Table(
            columns={
                "width": [1, 2, 10],
                "negative": [0, 1, 9],
                "measured_negative": [0, 1, -1],
                "lambda_min": [0.1, -0.01, -0.002],
            }
        ),
        "escapes": Table(
            columns={
                "width": [2, 2, 5, 5],
                "shares": ["equal", "random"] * 2,
                "time": [200.0, 400.0, 150.0, 160.0],
                "status": [1, 2, 1, 1],
            }
        ),
    }
    derives = embedding_width.derives.items()
    config = embedding_width.Config()
    derived = {name: derive(config, tables) for name, derive in derives}
    return {
        **derived,
        "escapes": tables["escapes"],
        **energy_levels(),
    }


def energy_levels():
    """Three levels, their functions, and how degenerate they are in two widths."""
    width = np.array([1, 2, 3])
    x = np.linspace(-1, 1, 5)
    levels = {
        "width": width,
        "loss": [0.1, 0.07, 0.0],
        "degeneracy": [2, 1, 0],
    }
    functions = {
        "width": np.repeat(width, 5),
        "x": np.tile(x, 3),
        "output": np.tile(x, 3),
    }
    degenerate = {
        "origin": np.repeat(width, 2),
        "width": np.tile([3, 5], 3),
        "predicted": [2, 4, 1, 3, 0, 6],
        "measured": [2, -1, 1, -1, 0, -1],
        "dense": [True, False] * 3,
    }
    return {
        "levels": Table(columns=levels),
        "functions": Table(columns=functions),
        "degeneracies": Table(columns=degenerate),
        "samples": Table(columns={"x": x, "y": x}),
    }


def embedding_options(name):
    """A chart that the experiment declares."""
    return options_of(embedding_width, name)


def census():
    """Three classes, one of them in two widths."""
    return {
        "classes": Table(
            columns={
                "width": [1, 2, 2, 3],
                "loss": [0.11, 0.11, 0.07, 0.0],
                "new": [1, 0, 1, 1],
                "negative": [0, 1, 0, 0],
                "decided": [1, 1, 1, 0],
                "starts": [5, 2, 9, 1],
            }
        ),
        "edges": Table(
            columns={
                "class": [0, 2],
                "width": [2, 3],
                "found": [1, 0],
            }
        ),
        "searches": Table(
            columns={
                "width": [1, 1, 2, 2],
                "status": ["found", "at infinity"] * 2,
                "count": [6, 2, 3, 5],
            }
        ),
    }


GENERALISATION = generalisation.Config(
    widths=(2, 8), scales=(1.0, 0.001), samples=(2, 4, 8), seeds=1
)


def recovery_options():
    """The chart that the experiment declares for two widths."""
    (spec,) = generalisation.figures(GENERALISATION)
    return spec.options


def recoveries():
    """Targets of one and two units; from the small scale the error falls at the
    optimistic number, and the nets condense.
    """
    config = GENERALISATION
    grid = product(config.units, config.widths, config.scales, config.samples)
    units, width, scale, samples = map(np.array, zip(*grid, strict=True))
    is_small = scale < 1
    columns = {
        "units": units,
        "samples": samples,
        "width": width,
        "scale": scale,
        "seed": np.zeros(len(units), int),
        "test": np.where(is_small & (samples >= 4 * units), 1e-6, 0.3),
        "train": np.full(len(units), 1e-8),
        "effective": np.where(is_small, units, width),
    }
    tables = {"nets": Table(columns=columns)}
    for name in ("recovery", "near", "classes"):
        tables[name] = generalisation.derives[name](config, tables)
    return tables


def sizes():
    """Two ranks from two scales, two draws each; the plane; three ranks that are their
    formulas.
    """
    settings = [
        ("matrix", rank, start, offset)
        for rank in (1, 2)
        for start in ("small", "large")
        for offset in (-1, 0)
    ]
    settings += [
        (model, 0, "small", points)
        for model in ("bilinear", "linear")
        for points in (1, 2, 3)
    ]
    model, rank, start, samples = map(np.array, zip(*settings, strict=True))
    columns = {
        "model": model,
        "rank": rank,
        "samples": samples,
    }
    test = np.where((samples >= 0) & (start == "small"), 1e-9, 0.1)
    is_small = start == "small"
    small = {name: np.repeat(column[is_small], 2) for name, column in columns.items()}
    draws = np.tile([1.0, 2.0], is_small.sum())
    dots = {**small, "test": np.repeat(test[is_small], 2) * draws}
    recovered = test < 1e-6
    shares = {
        **columns,
        "start": start,
        "recovered": recovered.astype(float),
        "low": np.where(recovered, 0.34, 0.0),
        "high": np.where(recovered, 1.0, 0.66),
    }
    ranks = {
        "model": ["bilinear", "matrix", "shared"],
        "rank": [2, 7, 18],
        "expected": [2, 7, 18],
    }
    wider = {
        "model": ["matrix", "shared"],
        "rank": [7, 18],
        "expected": [7, 18],
    }
    return {
        "dots": Table(columns=dots),
        "shares": Table(columns=shares),
        "ranks": Table(columns=ranks),
        "wider": Table(columns=wider),
    }


def similar():
    """Two widths on the three steps that rest at .11; the wider one leaves."""
    width = np.repeat([1, 50], 3)
    target = np.array(["three-steps"] * 6)
    cells = {"target": target, "width": width}
    of_widths = {"target": target[:2], "width": np.array([1, 50])}
    x = np.linspace(-1, 1, 3)
    curves = {"time": np.tile([1.0, 20.0, 300.0], 2)}
    curves |= {"loss": np.array([1.0, 0.11, 0.11, 1.0, 0.11, 0.05])}
    places = {"orientation": np.full(6, 1.2), "amplitude": np.linspace(0.2, 1, 6)}
    best = {"target": target[:3], "width": np.ones(3, dtype=int)}
    return {
        "loss": Table(columns=cells | curves),
        "best_losses": Table(columns={"target": target[:1], "loss": [0.11]}),
        "departures": Table(columns={**of_widths, "share": [0.0, 1.0]}),
        "outputs": Table(
            columns={
                **cells,
                "x": np.tile(x, 2),
                "y": np.tile(np.tanh(x), 2),
            }
        ),
        "optima": Table(
            columns={
                **best,
                "x": x,
                "y": np.tanh(x),
            }
        ),
        "features": Table(columns=cells | places),
        "directions": Table(
            columns={
                **of_widths,
                "negatives": [0.0, 48.5],
                "predicted": [0, 49],
            }
        ),
    }


def similar_options():
    """The chart that the experiment declares for the three steps."""
    return options_of(width_similarity, "width-similarity")


def escapes():
    """Two widths in mean-field time and in raw steps."""
    names = np.array(["mean-field", "raw"])
    cells = {
        "parametrisation": np.repeat(names, 4),
        "width": np.tile([2, 2, 5, 5], 2),
        "steps": np.array([30, 50, 10, 20, 10, 20, 30, 50]),
    }
    medians = {
        "parametrisation": np.repeat(names, 2),
        "width": np.tile([2, 5], 2),
        "steps": np.array([40, 15, 15, 40]),
    }
    return {
        "escapes": Table(columns=cells),
        "escape_medians": Table(columns=medians),
    }


def escape_options():
    """The chart that the experiment declares."""
    return options_of(width_similarity, "escape")


def size_options():
    """The chart that the experiment declares."""
    return options_of(optimistic_sizes, "optimistic-sizes")


CASES = {
    "embedded network": lambda: (plots.embedded_network, edges(), {}, 2),
    "depth spectra": lambda: (plots.chart, spectra(), depth_spectra_options(), 3),
    "layer linearity": lambda: (plots.chart, linearity(), linearity_options(), 3),
    "manifold dimension": lambda: (
        plots.chart,
        dimensions(),
        dimension_options(),
        1,
    ),
    "reduction": lambda: (plots.chart, reduction(), reduction_options(), 4),
    "embedding spectra": lambda: (
        plots.chart,
        embedding(),
        embedding_options("embedding-spectra"),
        3,
    ),
    "embedding levels": lambda: (
        plots.chart,
        embedding(),
        embedding_options("embedding-levels"),
        5,
    ),
    "embedding descent": lambda: (
        plots.chart,
        embedding(),
        embedding_options("embedding-descent"),
        4,
    ),
    "census lattice": lambda: (plots.census_lattice, census(), {}, 2),
    "generalisation": lambda: (plots.chart, recoveries(), recovery_options(), 4),
    "optimistic sizes": lambda: (plots.chart, sizes(), size_options(), 3),
    "width similarity": lambda: (plots.chart, similar(), similar_options(), 6),
    "escapes": lambda: (plots.chart, escapes(), escape_options(), 2),
}

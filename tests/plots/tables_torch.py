"""Small tables for the figures of PyTorch models: inputs of the tests, not results."""

from itertools import product

import numpy as np
from tests.plots.declared import options_of

from condensery import plots
from condensery.experiments.monitor_demo import monitor_demo
from condensery.experiments.reduce_benchmark import reduce_benchmark
from condensery.records import Table


def recorded():
    return {
        "monitor": Table(
            columns={
                "step": [0, 0, 10, 10],
                "layer": ["fc1", "fc2", "fc1", "fc2"],
                "effective_ratio": [1.0, 0.9, 0.5, 0.8],
            }
        )
    }


def demo():
    rows = [
        (start, seed, step, layer)
        for start in ("condensed", "ordinary")
        for seed in (0, 1)
        for step in (0, 9)
        for layer in (1, 2)
    ]
    names = ("start", "seed", "step", "layer")
    columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    ratios = [0.1 * layer + 0.2 * seed + 0.01 * step for _, seed, step, layer in rows]
    fit = {name: columns[name][::2] for name in ("start", "seed", "step")}
    return {
        "monitor": Table(columns={**columns, "effective_ratio": ratios}),
        "fit": Table(
            columns={
                **fit,
                "accuracy": np.linspace(0, 1, 8),
            }
        ),
        "medians": Table(
            columns={
                "start": ["condensed"] * 4 + ["ordinary"] * 4,
                "layer": [1, 1, 2, 2] * 2,
                "step": [0, 9] * 4,
                "effective_ratio": [0.2, 0.29, 0.3, 0.39] * 2,
                "accuracy": [0.1, 0.5] * 4,
            }
        ),
    }


def demo_options():
    """The chart that the experiment declares."""
    (spec,) = monitor_demo.figures(monitor_demo.Config())
    return spec.options


BENCHMARK = reduce_benchmark.Config(ratios=(0.5, 0.125))


def losses():
    """Points lost by our two ways, two peers and the control, in two seeds."""
    methods = ("direction", "direction-lstsq", "magnitude", "random", "from-scratch")
    grid = product(("mlp", "cnn"), ("condensed", "ordinary"), methods, (0.5, 0.125))
    network, start, method, ratio = map(np.array, zip(*grid, strict=True))
    kept = 0.5 + 0.4 * ratio - 0.1 * (method == "random")
    cells = {
        "network": network,
        "start": start,
        "method": method,
        "ratio": ratio,
        "whole": np.full(len(ratio), 0.95),
        "before": kept,
        "after": kept + 0.02,
    }
    columns = {name: np.tile(column, 2) for name, column in cells.items()}
    columns["seed"] = np.repeat([0, 1], len(ratio))
    tables = {"accuracy": Table(columns=columns)}
    tables["losses"] = reduce_benchmark.derives["losses"](BENCHMARK, tables)
    return tables


def losses_options():
    """The chart that the experiment declares."""
    ratios = BENCHMARK.ratios
    return options_of(reduce_benchmark, "accuracy-against-size", ratios=ratios)


CASES = {
    "monitored": lambda: (plots.monitored, recorded(), {}, 1),
    "monitor demo": lambda: (plots.chart, demo(), demo_options(), 2),
    "accuracy against size": lambda: (plots.chart, losses(), losses_options(), 8),
}

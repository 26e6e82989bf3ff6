"""The task of reduce-benchmark, and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from condensery.data import load
from condensery.declare import Blocks, Results, Tables, Work, table, task
from condensery.experiments.reduce_benchmark._config import (
    STARTS,
    Config,
    Network,
    Start,
)
from condensery.metrics import mean_difference
from condensery.protocols import Advance, Arrays
from condensery.records import Table


@task(Config)
def compare(
    config: Config, seed: int, advance: Advance, *, network: Network, start: Start
) -> Arrays:
    """Train one network, cut it down by every method to every size, and measure its
    accuracy.

    Args:
        config: The configuration.
        seed: Of the network, the batches and the split into training and test data.
        advance: Progress callback, (text, fraction).
        network: mlp or cnn.
        start: condensed or ordinary.

    Returns:
        Columns of the table ``accuracy``, and the accuracy of the uncut network.
    """
    from condensery.torch.studies import Training, compare_reductions

    data = load(config.data, samples=config.samples or None)
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(data.x))
    test, training = np.split(order, [config.test])
    widths, exponent = [config.mlp_width], config.exponent
    if network == "cnn":
        training = training[: config.cnn_train or None]
        widths, exponent = list(config.cnn_widths), config.cnn_exponent
    recipe = Training(config.epochs, config.finetune, config.rate, config.batch)
    if start == "condensed":
        decay = config.weight_decay
        recipe = replace(recipe, exponent=exponent, weight_decay=decay)
    comparison = compare_reductions(
        (data.x[training], data.y[training]),
        (data.x[test], data.y[test]),
        kind=network,
        widths=widths,
        training=recipe,
        ratios=config.ratios,
        tau=config.tau,
        fitted=config.fitted,
        seed=seed,
        progress=advance,
    )
    method, ratio, units, size, before, after = zip(*comparison.rows, strict=True)
    layer, width, effective = zip(*comparison.layers, strict=True)
    count = len(method)
    return {
        "method": np.asarray(method),
        "ratio": np.asarray(ratio),
        "units": np.asarray(units),
        "parameters": np.asarray(size),
        "before": np.asarray(before),
        "after": np.asarray(after),
        "seed": np.full(count, seed),
        "network": np.full(count, network),
        "start": np.full(count, start),
        "whole": np.full(count, comparison.whole),
        "layer": np.asarray(layer),
        "layer_units": np.asarray(width),
        "effective": np.asarray(effective),
        "threshold": np.asarray(comparison.threshold),
    }


def work(config: Config) -> Iterator[Work]:
    """One network each."""
    for seed in range(config.seeds):
        for network in config.networks:
            cost = float(config.epochs) * (4.0 if network == "cnn" else 1.0)
            for start in STARTS:
                label = f"{start} {network}, seed {seed}"
                names = {"network": network, "start": start}
                yield compare.work(label, cost, seed, **names)


OURS = ("direction", "direction-lstsq")
CONTROL = "from-scratch"
PEER = "best peer"
ASIDE = 1.06
"""Factor between series of the same size in the figure."""

ACCURACY = (
    "network",
    "start",
    "method",
    "ratio",
    "seed",
    "units",
    "parameters",
    "whole",
    "before",
    "after",
)
KEYS = ("network", "start", "method", "ratio")


@table(before="share right, before fine-tuning", ratio="of each width kept")
def accuracy(config: Config, results: Results) -> Blocks:
    """Every accuracy."""
    for _, run in results.of(compare):
        yield {name: run[name] for name in ACCURACY}


@table()
def means(config: Config, tables: Tables) -> Blocks:
    """Means over seeds."""
    accuracy = tables["accuracy"]
    columns_of_keys = [accuracy[name].tolist() for name in KEYS]
    keys = set(zip(*columns_of_keys, strict=True))
    for key in sorted(keys):
        names = dict(zip(KEYS, key, strict=True))
        seeds = accuracy.select(**names)
        columns: dict[str, float] = {}
        for name in ("units", "parameters", "whole", "before", "after"):
            columns[name] = float(np.mean(seeds[name]))
        yield {**names, **columns}


@table(
    series="direction, direction-lstsq, from-scratch, or the best peer: the one of the "
    "highest mean at this size",
    when="before or after fine-tuning",
    method="which peer that is",
    lost="points of accuracy, mean over seeds",
    low="lower end of its interval of 95 %; lost with a single seed",
    high="upper end",
    place="ratio, series side by side",
)
def losses(config: Config, tables: Tables) -> Blocks:
    """Points lost by our two ways, by the best peer and by the control."""
    accuracy = tables["accuracy"]
    cells = product(config.networks, STARTS, config.ratios, ("before", "after"))
    for network, start, ratio, when in cells:
        rows = accuracy.select(network=network, start=start, ratio=ratio)
        methods = {name: name for name in (*OURS, CONTROL)}
        methods[PEER] = _best_peer(rows, when)
        for number, (series, method) in enumerate(methods.items()):
            seeds = rows.select(method=method)
            lost = mean_difference(seeds["whole"], seeds[when])
            is_single = lost.pairs < 2
            yield {
                "network": network,
                "start": start,
                "ratio": ratio,
                "when": when,
                "series": series,
                "method": method,
                "lost": 100 * lost.mean,
                "low": 100 * (lost.mean if is_single else lost.low),
                "high": 100 * (lost.mean if is_single else lost.high),
                "place": ratio * ASIDE ** (number - 1.5),
            }


def _best_peer(rows: Table, when: str) -> str:
    methods = np.unique(rows["method"]).tolist()
    peers = [name for name in methods if name not in (*OURS, CONTROL)]
    return max(
        peers,
        key=lambda name: rows.select(method=name)[when].mean(),
    )


@table()
def layers(config: Config, results: Results) -> Blocks:
    """Effective neurons (cosine 0.9) of every hidden layer of every network before it
    is cut.
    """
    for _, run in results.of(compare):
        yield {
            **_names(run),
            "layer": run["layer"],
            "layer_units": run["layer_units"],
            "effective": run["effective"],
        }


@table()
def threshold(config: Config, results: Results) -> Blocks:
    """What merging at tau alone leaves."""
    for _, run in results.of(compare):
        left, before = run["threshold"]
        yield {
            **_names(run),
            "units": int(np.sum(run["layer_units"])),
            "left": int(left),
            "whole": float(run["whole"][0]),
            "before": float(before),
        }


def _names(run: Arrays) -> dict[str, np.generic]:
    return {name: run[name][0] for name in ("network", "start", "seed")}

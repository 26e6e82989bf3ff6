"""The task of reduce-benchmark, and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from condensery.data import load
from condensery.declare import Blocks, Results, Tables, Work, table, task
from condensery.experiments.reduce_benchmark._config import (
    STARTS,
    Config,
    Network,
    Start,
)
from condensery.protocols import Advance, Arrays


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
    """Means and ranges over seeds."""
    accuracy = tables["accuracy"]
    columns_of_keys = [accuracy[name].tolist() for name in KEYS]
    keys = set(zip(*columns_of_keys, strict=True))
    for key in sorted(keys):
        names = dict(zip(KEYS, key, strict=True))
        seeds = accuracy.select(**names)
        columns: dict[str, float] = {}
        for name in ("units", "parameters", "whole", "before", "after"):
            columns[name] = float(np.mean(seeds[name]))
        for name in ("before", "after"):
            columns[f"{name}_least"] = float(np.min(seeds[name]))
            columns[f"{name}_most"] = float(np.max(seeds[name]))
        yield {**names, **columns}


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


def _names(run: Arrays) -> dict[str, np.ndarray]:
    return {name: run[name][0] for name in ("network", "start", "seed")}

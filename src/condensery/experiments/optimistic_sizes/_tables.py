"""The tables of optimistic-sizes: every fit, medians and shares per number of samples,
and the model ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._ranks import MODELS
from condensery.protocols import Arrays
from condensery.records import Table

NAMES = ("samples", "draw", "train", "test", "status", "steps")

Part = tuple[str, int, float]
"""Model, rank (0 for the plane) and initial standard deviation of one task."""


def parts(config: Config) -> list[Part]:
    """What each training task is about, in the order of the tasks."""
    matrices = [
        ("matrix", rank, scale)
        for rank in range(1, config.size + 1)
        for scale in config.scales
    ]
    return [
        *matrices,
        ("bilinear", 0, config.plane_std),
        ("linear", 0, config.plane_std),
    ]


def build_tables(
    config: Config, shards: Sequence[Arrays], measured: Arrays
) -> dict[str, Table]:
    """`shards` are those of `parts`, in their order."""
    about = parts(config)
    sizes = [len(shard["samples"]) for shard in shards]
    columns = {
        name: np.concatenate([np.asarray(shard[name]) for shard in shards])
        for name in NAMES
    }
    for place, name in enumerate(("model", "rank", "scale")):
        columns[name] = np.repeat([part[place] for part in about], sizes)
    fits = Table(
        columns=columns,
        units={
            "rank": "of the target; 0 for 1 + x₁",
            "draw": "which target and mask, or which points",
            "train": "over the mean square of the target",
            "test": "over the mean square of the target",
        },
    )
    return {
        "fits": fits,
        "recovery": _recovery(config, fits),
        "ranks": _ranks(measured),
    }


def _recovery(config: Config, fits: Table) -> Table:
    rows = []
    for model, rank, scale in parts(config):
        optimistic = (
            config.optimistic(rank) if rank else {"bilinear": 2, "linear": 3}[model]
        )
        here = fits.select(model=model, rank=rank, scale=scale)
        for count in np.unique(here["samples"]):
            test = here.select(samples=int(count))["test"]
            rows.append(
                (
                    model,
                    rank,
                    scale,
                    int(count),
                    optimistic,
                    np.median(test),
                    np.mean(test < config.recovered),
                )
            )
    names = ("model", "rank", "scale", "samples", "optimistic", "test", "recovered")
    return Table(
        columns={
            name: np.array(column)
            for name, column in zip(names, zip(*rows, strict=True), strict=True)
        },
        units={"test": "median over the draws", "recovered": "share of the draws"},
    )


def _ranks(measured: Arrays) -> Table:
    rows = np.asarray(measured["rows"])
    names = ("size", "kernel", "kernels", "rank", "expected", "rank_wide", "decided")
    return Table(
        columns={
            "model": np.asarray(MODELS)[rows[:, 0]],
            **{name: rows[:, place] for place, name in enumerate(names, start=1)},
        },
        units={
            "size": "rank of a matrix, height of an image",
            "rank_wide": "with more factors, kernels or units; "
            "−1 where there is no such net",
        },
    )

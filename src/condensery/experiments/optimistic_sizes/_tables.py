"""The tables of optimistic-sizes: every fit, medians and shares per number of samples,
and the model ranks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condensery.declare import Blocks, Results, Tables, table
from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._ranks import MODELS, ranks
from condensery.experiments.optimistic_sizes._work import complete, plane
from condensery.metrics import share
from condensery.protocols import Arrays

FITS = ("samples", "draw", "train", "test", "status", "steps")
RANKS = ("size", "kernel", "kernels", "rank", "expected", "rank_wide", "decided")
SPREAD = 0.1
"""Half of the width over which dots of equal numbers of samples are drawn."""

Setting = tuple[str, int, float]
"""Model, rank (0 for the plane) and initial standard deviation."""


def settings(config: Config, results: Results) -> Iterator[tuple[Setting, Arrays]]:
    """The setting of every training and its fits."""
    for arguments, run in results.of(complete):
        yield ("matrix", arguments["rank"], arguments["scale"]), run
    for arguments, run in results.of(plane):
        model = "bilinear" if arguments["bilinear"] else "linear"
        yield (model, 0, config.plane_std), run


def optimistic(config: Config, model: str, rank: int) -> int:
    """The optimistic sample size of a target."""
    plane_sizes = {"bilinear": 2, "linear": 3}
    return config.optimistic(rank) if rank else plane_sizes[model]


@table(
    rank="of the target; 0 for 1 + x₁",
    draw="which target and mask, or which points",
    train="over the mean square of the target",
    test="of entries that were not observed, over the mean square of the target",
)
def fits(config: Config, results: Results) -> Blocks:
    """Every fit."""
    for (model, rank, scale), run in settings(config, results):
        columns = {name: run[name] for name in FITS}
        yield {
            **columns,
            "model": model,
            "rank": rank,
            "scale": scale,
        }


@table(
    test="median over the draws",
    recovered="share of the draws",
    low="lower end of the share's interval of 95 %",
    high="upper end",
)
def recovery(config: Config, results: Results) -> Blocks:
    """Median error and share of recovered targets per number of samples."""
    for (model, rank, scale), run in settings(config, results):
        for count in np.unique(run["samples"]):
            errors = run["test"][run["samples"] == count]
            recovered = share(errors < config.recovered)
            yield {
                "samples": count,
                "model": model,
                "rank": rank,
                "scale": scale,
                "optimistic": optimistic(config, model, rank),
                "test": np.median(errors),
                "recovered": recovered.value,
                "low": recovered.low,
                "high": recovered.high,
                "draws": recovered.draws,
            }


@table(
    samples="less 2rd − r² for matrices; shifted, so that ranks and models stand "
    "side by side"
)
def dots(config: Config, tables: Tables) -> Blocks:
    """Fits from the smallest initial scale as the figure shows them."""
    for model, rank, scale in _shown(config):
        fits = tables["fits"].select(model=model, rank=rank, scale=scale)
        samples = fits["samples"] - _zero(config, rank)
        yield {
            "model": model,
            "rank": rank,
            "samples": samples + _shift(config, model, rank),
            "test": fits["test"],
        }


@table(
    samples="less 2rd − r² for matrices; shifted as the dots",
    start="from the smallest or the largest initial scale",
)
def shares(config: Config, tables: Tables) -> Blocks:
    """Shares recovered from the smallest and from the largest initial scale."""
    recovery = tables["recovery"]
    for model, rank, scale in _shown(config):
        scales = {"small": scale}
        if model == "matrix" and len(config.scales) > 1:
            scales["large"] = max(config.scales)
        for start, std in scales.items():
            row = recovery.select(model=model, rank=rank, scale=std)
            samples = row["samples"] - _zero(config, rank)
            yield {
                "model": model,
                "rank": rank,
                "start": start,
                "samples": samples + _shift(config, model, rank),
                "recovered": row["recovered"],
                "low": row["low"],
                "high": row["high"],
            }


def _shown(config: Config) -> list[Setting]:
    smallest = min(config.scales)
    matrices = [("matrix", rank, smallest) for rank in config.ranks]
    models = ("bilinear", "linear")
    return [*matrices, *((model, 0, config.plane_std) for model in models)]


def _zero(config: Config, rank: int) -> int:
    """Where the axis of samples begins to count."""
    return config.optimistic(rank) if rank else 0


def _shift(config: Config, model: str, rank: int) -> float:
    """How far dots stand beside their number of samples."""
    count = len(config.ranks) if rank else 2
    number = rank - 1 if rank else ("bilinear", "linear").index(model)
    return SPREAD * (2 * number - count + 1) / max(count - 1, 1)


@table(
    size="rank of a matrix, height of an image",
    rank_wide="with more factors, kernels or units; −1 where there is no such net",
)
def model_ranks(config: Config, results: Results) -> Blocks:
    """Every model's rank beside its formula."""
    measured = results.only(ranks)["rows"]
    model, *columns = measured.T
    yield {
        "model": np.asarray(MODELS)[model],
        **dict(zip(RANKS, columns, strict=True)),
    }


@table()
def wider(config: Config, tables: Tables) -> Blocks:
    """Ranks of the wider nets of the same output, where there are such nets."""
    ranks = tables["ranks"]
    exists = ranks["rank_wide"] >= 0
    names = {"model": "model", "expected": "expected", "rank": "rank_wide"}
    yield {name: ranks[column][exists] for name, column in names.items()}

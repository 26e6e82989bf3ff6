"""The tables of optimistic-sizes: every fit, medians and shares per number of samples,
and the model ranks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._ranks import MODELS, ranks
from condensery.experiments.optimistic_sizes._work import complete, plane
from condensery.protocols import Arrays
from condensery.records import Table

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


def fits(config: Config, results: Results) -> Table:
    """Every fit."""
    blocks = []
    for (model, rank, scale), run in settings(config, results):
        axes = {"fit": range(len(run["samples"]))}
        columns = {name: run[name] for name in FITS}
        block = rows(axes, **columns, model=model, rank=rank, scale=scale)
        del block["fit"]
        blocks.append(block)
    return stack(
        blocks,
        rank="of the target; 0 for 1 + x₁",
        draw="which target and mask, or which points",
        train="over the mean square of the target",
        test="over the mean square of the target",
    )


def recovery(config: Config, results: Results) -> Table:
    """Median error and share of recovered targets per number of samples."""
    blocks = []
    for (model, rank, scale), run in settings(config, results):
        samples = np.unique(run["samples"])
        test = [run["test"][run["samples"] == count] for count in samples]
        medians = [np.median(errors) for errors in test]
        shares = [np.mean(errors < config.recovered) for errors in test]
        names = {"model": model, "rank": rank, "scale": scale}
        block = rows(
            {"samples": samples},
            **names,
            optimistic=optimistic(config, model, rank),
            test=medians,
            recovered=shares,
        )
        blocks.append(block)
    return stack(blocks, test="median over the draws", recovered="share of the draws")


def dots(config: Config, results: Results) -> Table:
    """Fits from the smallest initial scale as the figure shows them."""
    blocks = []
    for model, rank, scale in _shown(config):
        run = _run(config, results, (model, rank, scale))
        samples = run["samples"] - _zero(config, rank)
        axes = {"fit": range(len(samples))}
        shifted = samples + _shift(config, model, rank)
        blocks.append(
            rows(
                axes,
                model=model,
                rank=rank,
                samples=shifted,
                test=run["test"],
            )
        )
    return stack(
        blocks,
        samples="less 2rd − r² for matrices; shifted, so that ranks and models stand "
        "side by side",
    )


def medians(config: Config, results: Results) -> Table:
    """Median errors from the smallest and from the largest initial scale."""
    table = recovery(config, results)
    blocks = []
    for model, rank, scale in _shown(config):
        scales = {"small": scale}
        if model == "matrix" and len(config.scales) > 1:
            scales["large"] = max(config.scales)
        for start, std in scales.items():
            row = table.select(model=model, rank=rank, scale=std)
            samples = row["samples"] - _zero(config, rank)
            names = {"model": model, "rank": rank, "start": start}
            blocks.append(
                rows(
                    {"samples": samples},
                    **names,
                    test=row["test"],
                )
            )
    return stack(
        blocks,
        samples="less 2rd − r² for matrices",
        start="from the smallest or the largest initial scale",
    )


def _shown(config: Config) -> list[Setting]:
    ranks = range(1, config.size + 1)
    matrices = [("matrix", rank, min(config.scales)) for rank in ranks]
    models = ("bilinear", "linear")
    return [*matrices, *((model, 0, config.plane_std) for model in models)]


def _run(config: Config, results: Results, setting: Setting) -> Arrays:
    return dict(settings(config, results))[setting]


def _zero(config: Config, rank: int) -> int:
    """Where the axis of samples begins to count."""
    return config.optimistic(rank) if rank else 0


def _shift(config: Config, model: str, rank: int) -> float:
    """How far dots stand beside their number of samples."""
    count = config.size if rank else 2
    number = rank - 1 if rank else ("bilinear", "linear").index(model)
    return SPREAD * (2 * number - count + 1) / max(count - 1, 1)


def model_ranks(config: Config, results: Results) -> Table:
    """Every model's rank beside its formula."""
    measured = results.only(ranks)["rows"]
    columns = {
        name: measured[:, k]
        for k, name in enumerate(
            RANKS,
            start=1,
        )
    }
    models = np.asarray(MODELS)[measured[:, 0]]
    return Table(
        columns={"model": models, **columns},
        units={
            "size": "rank of a matrix, height of an image",
            "rank_wide": "with more factors, kernels or units; "
            "−1 where there is no such net",
        },
    )


def wider(config: Config, results: Results) -> Table:
    """Ranks of the wider nets of the same output, where there are such nets."""
    table = model_ranks(config, results)
    exists = table["rank_wide"] >= 0
    names = {"model": "model", "expected": "expected", "rank": "rank_wide"}
    columns = {name: table[column][exists] for name, column in names.items()}
    return Table(columns=columns)

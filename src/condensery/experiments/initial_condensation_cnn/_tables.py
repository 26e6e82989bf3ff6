"""The tables: kernels with their closed form, and the CNNs step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, table
from condensery.experiments.initial_condensation_cnn._work import (
    KERNELS,
    Config,
    train_cnn,
    train_two_layer,
)
from condensery.metrics import aligned_pairs, cosine_matrix
from condensery.protocols import Arrays

TAU, UNTRAINED = 0.95, 0.2
"""Two kernels are condensed from this cosine on; a network is untrained up to this
accuracy.
"""

STAGES = ("before", "untrained", "end")
"""Before training, at the last step with an accuracy below 20 %, and at the end."""


@table(
    growth="e-folds of the first mode",
    gap="second over first singular value",
    share="‖W·v₁‖/‖W‖",
    median="|cosine| of the median kernel",
)
def members(config: Config, results: Results) -> Blocks:
    """One row per two-layer network."""
    run = results.only(train_two_layer)
    names = ("std", "draw", "status", "growth", "rd", "gap", "share")
    columns = {name: run[name] for name in names}
    columns["median"] = np.median(run["cosine"], axis=1)
    yield columns


@table()
def kernels(config: Config, results: Results) -> Blocks:
    """One row per kernel of the two-layer networks."""
    run = results.only(train_two_layer)
    columns = {name: np.repeat(run[name], KERNELS) for name in ("std", "draw")}
    columns |= {name: run[name].ravel() for name in ("cosine", "cosine_linear")}
    yield columns


@table()
def sorted_kernels(config: Config, tables: Tables) -> Blocks:
    """Per scale both cosines, rising, against the share of the kernels."""
    kernels = tables["kernels"]
    for std in np.unique(kernels["std"]).tolist():
        chosen = kernels.select(std=std)
        count = len(chosen)
        yield {
            "share": (np.arange(count) + 0.5) / count,
            "std": std,
            "cosine": np.sort(chosen["cosine"]),
            "linear": np.sort(chosen["cosine_linear"]),
        }


@table(pairs="share of pairs of kernels with |cosine| > .95")
def followed(config: Config, results: Results) -> Blocks:
    """One row per CNN, recorded step and seed."""
    for arguments, run in results.of(train_cnn):
        axes = {"step": run["step"], "seed": range(config.seeds)}
        shape = run["kernels"].shape[:2]
        pairs = [
            aligned_pairs(run["kernels"][index], threshold=TAU)
            for index in np.ndindex(shape)
        ]
        yield rows(
            axes,
            **arguments,
            loss=run["loss"].T,
            accuracy=run["accuracy"],
            pairs=np.reshape(pairs, shape),
        )


@table()
def courses(config: Config, tables: Tables) -> Blocks:
    """Per activation, scale and step the means over the seeds."""
    followed = tables["followed"]
    names = (followed[name].tolist() for name in ("activation", "std"))
    for activation, std in dict.fromkeys(zip(*names, strict=True)):
        course = followed.select(activation=activation, std=std)
        steps = np.unique(course["step"])
        seeds = [course.select(step=step) for step in steps.tolist()]
        yield {
            "step": steps,
            "activation": activation,
            "std": std,
            "pairs": [rows["pairs"].mean() for rows in seeds],
            "accuracy": [rows["accuracy"].mean() for rows in seeds],
        }


@table()
def cosines(config: Config, results: Results) -> Blocks:
    """Cosines of the first seed at three stages, stage by stage."""
    networks = [
        list(_stages(arguments["activation"], arguments["std"], run))
        for arguments, run in results.of(train_cnn)
    ]
    for stage in zip(*networks, strict=True):
        yield from stage


def _stages(activation: str, std: float, run: Arrays) -> Iterator[dict[str, Any]]:
    """Before training, at the last step below 20 %, and at the end."""
    step, accuracy = run["step"], run["accuracy"][:, 0]
    early = np.flatnonzero(accuracy <= UNTRAINED)
    untrained = int(early[-1]) if early.size else 0
    indices = (0, untrained, len(step) - 1)
    for stage, index in zip(STAGES, indices, strict=True):
        title = f"step {step[index]}, {accuracy[index]:.0%} right"
        yield {
            "part": "cnn",
            "activation": activation,
            "optimiser": "Adam",
            "step": int(step[index]),
            "title": title if index else f"{activation}, std {std:g}",
            "std": std,
            "stage": stage,
            "cosine": cosine_matrix(run["kernels"][index, 0]).matrix[None],
        }

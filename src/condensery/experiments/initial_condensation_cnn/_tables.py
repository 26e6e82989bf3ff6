"""The tables: kernels with their closed form, and the CNNs step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.initial_condensation_cnn._work import (
    KERNELS,
    Config,
    train_cnn,
    train_two_layer,
)
from condensery.protocols import Arrays
from condensery.records import Table

TAU, UNTRAINED = 0.95, 0.2
"""Two kernels are condensed from this cosine on; a network is untrained up to this
accuracy.
"""

STAGES = ("before", "untrained", "end")
"""Before training, at the last step with an accuracy below 20 %, and at the end."""


def members(config: Config, results: Results) -> Table:
    """One row per two-layer network."""
    run = results.only(train_two_layer)
    names = ("std", "draw", "status", "growth", "rd", "gap", "share")
    columns = {name: run[name] for name in names}
    columns["median"] = np.median(run["cosine"], axis=1)
    return stack(
        [columns],
        growth="e-folds of the first mode",
        gap="second over first singular value",
        share="‖W·v₁‖/‖W‖",
        median="|cosine| of the median kernel",
    )


def kernels(config: Config, results: Results) -> Table:
    """One row per kernel of the two-layer networks."""
    run = results.only(train_two_layer)
    columns = {name: np.repeat(run[name], KERNELS) for name in ("std", "draw")}
    columns |= {name: run[name].ravel() for name in ("cosine", "cosine_linear")}
    return stack([columns])


def sorted_kernels(config: Config, results: Results) -> Table:
    """Cosines of the kernels of every scale, rising."""
    return sort_kernels(kernels(config, results))


def sort_kernels(kernels: Table) -> Table:
    """Per scale both cosines against the share of the kernels."""
    blocks = []
    for std in np.unique(kernels["std"]).tolist():
        chosen = kernels.select(std=std)
        count = len(chosen)
        block = rows(
            {"share": (np.arange(count) + 0.5) / count},
            std=std,
            cosine=np.sort(chosen["cosine"]),
            linear=np.sort(chosen["cosine_linear"]),
        )
        blocks.append(block)
    return stack(blocks)


def followed(config: Config, results: Results) -> Table:
    """One row per CNN, recorded step and seed."""
    blocks = []
    for arguments, run in results.of(train_cnn):
        axes = {"step": run["step"], "seed": range(config.seeds)}
        shape = run["kernels"].shape[:2]
        pairs = [_pairs(run["kernels"][index]) for index in np.ndindex(shape)]
        block = rows(
            axes,
            **arguments,
            loss=run["loss"].T,
            accuracy=run["accuracy"],
            pairs=np.reshape(pairs, shape),
        )
        blocks.append(block)
    return stack(blocks, pairs="share of pairs of kernels with |cosine| > .95")


def _pairs(kernels: np.ndarray) -> float:
    lengths = np.linalg.norm(
        kernels,
        axis=1,
        keepdims=True,
    )
    unit = kernels / np.maximum(lengths, 1e-300)
    upper = np.triu_indices(len(unit), 1)
    return float((np.abs(unit @ unit.T)[upper] > TAU).mean())


def courses(config: Config, results: Results) -> Table:
    """Means over the seeds of a CNN."""
    return mean_courses(followed(config, results))


def mean_courses(followed: Table) -> Table:
    """Per activation, scale and step the means over the seeds."""
    blocks = []
    networks = zip(
        followed["activation"].tolist(), followed["std"].tolist(), strict=True
    )
    for activation, std in dict.fromkeys(networks):
        course = followed.select(
            activation=activation,
            std=std,
        )
        steps = np.unique(course["step"])
        means = {
            name: [course[name][course["step"] == step].mean() for step in steps]
            for name in ("pairs", "accuracy")
        }
        blocks.append(
            rows(
                {"step": steps},
                activation=activation,
                std=std,
                **means,
            )
        )
    return stack(blocks)


def cosines(config: Config, results: Results) -> Table:
    """Cosines of the first seed at three stages, stage by stage."""
    networks = [
        list(_stages(arguments["activation"], arguments["std"], run))
        for arguments, run in results.of(train_cnn)
    ]
    stages = [row for stage in zip(*networks, strict=True) for row in stage]
    columns = {name: np.array([row[name] for row in stages]) for name in stages[0]}
    return Table(columns=columns)


def _stages(activation: str, std: float, run: Arrays) -> Iterator[dict[str, Any]]:
    """Before training, at the last step below 20 %, and at the end."""
    from condensery.metrics import cosine_matrix

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
            "cosine": cosine_matrix(run["kernels"][index, 0]).matrix,
        }

"""The fit in ten dimensions: with dropout all units share one direction and its
opposite, without it none do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.experiments.dropout_features._config import Config
from condensery.protocols import Advance, Arrays
from condensery.records import Table

KINDS = ("plain", "dropout")
COOLING = 0.1
"""The last third of the steps goes at this fraction of the rate, so that the noise of
the masks dies down.
"""
LIVE = 0.01
"""A unit is live if the root mean square of what it contributes to the output is so
much of the largest.
"""
_DATA = 19
"""Seed of the data."""


def vector_parameters(config: Config, kind: str) -> dict[str, JsonValue]:
    """What `train_vectors` is told."""
    return {
        "keep": config.vector_keep if kind == "dropout" else 1.0,
        "inputs": config.vector_inputs,
        "samples": config.vector_samples,
        "width": config.vector_width,
        "init_exponent": config.init_exponent,
        "steps": config.vector_steps,
        "rate": config.rate,
        "count": config.seeds,
    }


def vector_data(inputs: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform inputs in [−1, 1] and tanh(Σ x_i); the source does not say how its inputs
    are distributed.
    """
    x = np.random.default_rng(_DATA).uniform(-1.0, 1.0, (samples, inputs))
    return x, np.tanh(x.sum(axis=1))


def train_vectors(
    parameters: dict[str, JsonValue], seed: int, advance: Advance
) -> Arrays:
    """Train one two-layer tanh net per seed on vectors.

    Args:
        parameters: keep, inputs, samples, width, init_exponent, steps, rate, count
            (seeds).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        loss R_S (member) at the end, status, and the parameters at the start and at the
        end: a (when, member, unit), w (when, member, unit, feature), the bias as the
        last feature.
    """
    from condensery.engine import Adam, descend, dropout_loss, init_descent, mean_square
    from condensery.models import TwoLayer, two_layer_normal, with_bias

    given: dict[str, Any] = dict(parameters)
    x, y = vector_data(given["inputs"], given["samples"])
    model, seeds, steps = (
        TwoLayer("tanh"),
        range(seed, seed + given["count"]),
        given["steps"],
    )
    std = float(given["width"]) ** -given["init_exponent"]
    members = [
        two_layer_normal(
            given["width"], features=given["inputs"] + 1, seed=one, std_a=std, std_w=std
        )
        for one in seeds
    ]
    objective = (
        mean_square(model, factor=0.5)
        if given["keep"] == 1
        else dropout_loss(model, keep=given["keep"])
    )
    state = init_descent(
        members, optimiser=Adam(given["rate"]), seeds=seeds, dtype="float32"
    )
    loss, status = np.zeros((len(seeds), 1)), np.zeros(len(seeds), dtype=np.int64)
    for until, rate in (
        (steps - steps // 3, given["rate"]),
        (steps, COOLING * given["rate"]),
    ):
        result = descend(
            state,
            objective,
            (np.asarray(with_bias(x)), y),
            optimiser=Adam(rate),
            steps=until - state.step,
            schedule=[until],
            on_step=lambda step: advance(
                f"step {step} of {steps}", min(step / steps, 1.0)
            ),
        )
        state, loss, status = result.state, result.loss, result.status
    ends = (members, state.parameters)
    return {
        "loss": loss[:, -1],
        "status": status,
        **{
            name: np.array(
                [
                    [np.asarray(one[name], dtype=np.float64) for one in end]
                    for end in ends
                ]
            )
            for name in ("a", "w")
        },
    }


def vector_tables(config: Config, shards: Sequence[Arrays]) -> dict[str, Table]:
    """``vectors``: one row per kind and seed; ``cosines``: the sorted matrix of all
    units, of the first seed.
    """
    from condensery.metrics import cosine_matrix

    x, _ = vector_data(config.vector_inputs, config.vector_samples)
    rows, matrices = [], []
    for kind, shard in zip(KINDS, shards, strict=True):
        keep = config.vector_keep if kind == "dropout" else 1.0
        for seed in range(config.seeds):
            (a0, a), (w0, w) = (np.asarray(shard[name])[:, seed] for name in ("a", "w"))
            rows.append(
                {
                    "kind": kind,
                    "keep": keep,
                    "seed": seed,
                    "status": np.asarray(shard["status"])[seed],
                    "loss": np.asarray(shard["loss"])[seed],
                    **alike(x, a, w),
                    "initial_mean_cosine": alike(x, a0, w0)["mean_cosine"],
                }
            )
        matrices.append(cosine_matrix(np.asarray(shard["w"])[-1, 0]).matrix)
    titles = ["$p = 1$", f"$p = {config.vector_keep:g}$"]
    units = {
        "loss": "R_S without masks",
        "live": "units that contribute at least 1 % of what the largest does",
        "least_cosine": "least |cosine| of two live units",
        "mean_cosine": "mean |cosine| of two live units",
        "signs": "of the cosines of all live units with the first: 2 are two "
        "opposite blocks",
    }
    return {
        "vectors": Table(
            columns={name: np.array([row[name] for row in rows]) for name in rows[0]},
            units=units,
        ),
        "cosines": Table(
            columns={
                "part": np.full(2, "vectors"),
                "title": np.array(titles),
                "activation": np.full(2, "tanh"),
                "optimiser": np.full(2, "Adam"),
                "step": np.full(2, config.vector_steps),
                "cosine": np.stack(matrices),
            }
        ),
    }


def alike(x: np.ndarray, a: np.ndarray, w: np.ndarray) -> Mapping[str, float | int]:
    """How alike the directions (w, b) of the live units of a tanh net are, and with how
    many signs.

    Args:
        x: Inputs (sample, feature), which say what a unit contributes.
        a: Output weights (unit,).
        w: Input weights and bias (unit, feature + 1).

    Returns:
        live: their number; least_cosine and mean_cosine: of |cosine| over all pairs of
        them, in [0, 1], 1 if there is but one; signs: of their cosines with the first,
        1 or 2.
    """
    from condensery.metrics import cosine_matrix

    given = np.abs(a) * np.sqrt(
        np.mean(np.tanh(x @ w[:, :-1].T + w[:, -1]) ** 2, axis=0)
    )
    cosine = cosine_matrix(w[given >= LIVE * given.max()], sort=False).matrix
    pairs = np.abs(cosine[np.triu_indices(len(cosine), k=1)])
    if not pairs.size:
        pairs = np.ones(1)
    return {
        "live": len(cosine),
        "least_cosine": float(pairs.min()),
        "mean_cosine": float(pairs.mean()),
        "signs": len(np.unique(np.sign(cosine[0]))),
    }

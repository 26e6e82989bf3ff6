"""The fit in ten dimensions: with dropout all units share one direction and its
opposite, without it none do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, rows, table, task
from condensery.experiments.dropout_features._config import Config, Kind
from condensery.metrics import contributions, cosine_matrix, likeness
from condensery.protocols import Advance, Arrays

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


def _keep(config: Config, kind: Kind) -> float:
    return config.vector_keep if kind == "dropout" else 1.0


def vector_data(inputs: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform inputs in [−1, 1] and tanh(Σ x_i); the source does not say how its inputs
    are distributed.
    """
    rng = np.random.default_rng(_DATA)
    x = rng.uniform(-1.0, 1.0, (samples, inputs))
    return x, np.tanh(x.sum(axis=1))


@task(Config)
def train_vectors(config: Config, seed: int, advance: Advance, *, kind: Kind) -> Arrays:
    """Train one two-layer tanh net per seed on vectors.

    Returns:
        loss R_S (member) at the end, status, and the parameters at the start and at the
        end: a (when, member, unit), w (when, member, unit, feature), the bias as the
        last feature.
    """
    from condensery.engine import Adam, descend, dropout_loss, mean_square
    from condensery.models import TwoLayer, two_layer_normal

    x, y = vector_data(config.vector_inputs, config.vector_samples)
    model = TwoLayer("tanh")
    seeds = range(seed, seed + config.seeds)
    std = float(config.vector_width) ** -config.exponent
    draw = partial(
        two_layer_normal,
        config.vector_width,
        features=config.vector_inputs + 1,
        std_a=std,
        std_w=std,
    )
    members = [draw(seed=member) for member in seeds]
    keep = _keep(config, kind)
    objective = mean_square(model, factor=0.5)
    if keep < 1:
        objective = dropout_loss(model, keep=keep)
    descent = partial(
        descend,
        members,
        objective,
        x,
        y,
        seeds=seeds,
        dtype="float32",
        schedule=[],
    )
    steps = config.vector_steps
    slow = steps // 3
    fast = steps - slow

    def report(done: int, count: int, text: str, fraction: float) -> None:
        advance(text, (done + count * fraction) / steps)

    warm = descent(
        optimiser=Adam(config.rate),
        steps=fast,
        on_progress=partial(report, 0, fast),
    )
    result = descent(
        optimiser=Adam(COOLING * config.rate),
        steps=slow,
        state=warm.state,
        on_progress=partial(report, fast, slow),
    )
    ends = (members, result.all_parameters())
    return {
        "loss": result.loss[:, -1],
        "status": result.status,
        "a": _stacked(ends, "a"),
        "w": _stacked(ends, "w"),
    }


def _stacked(ends: Sequence[Sequence[Mapping[str, Any]]], leaf: str) -> np.ndarray:
    """One leaf of all nets at the start and at the end."""
    leaves = [[net[leaf] for net in nets] for nets in ends]
    return np.array(leaves, dtype=np.float64)


@table(
    loss="R_S without masks",
    live="units that contribute at least 1 % of what the largest does",
    together="‖Σ o_k‖ over Σ ‖o_k‖, the contributions of all units over the samples",
    least_cosine="least |cosine| of two live units",
    mean_cosine="mean |cosine| of two live units",
    signs="of the cosines of all live units with the first: 2 are two opposite blocks",
)
def vectors(config: Config, results: Results) -> Blocks:
    """One row per kind and seed."""
    x, _ = vector_data(config.vector_inputs, config.vector_samples)
    for arguments, run in results.of(train_vectors):
        for seed in range(config.seeds):
            a_start, a_end = run["a"][:, seed]
            w_start, w_end = run["w"][:, seed]
            initial = alike(x, a_start, w_start)
            yield {
                **arguments,
                "keep": _keep(config, arguments["kind"]),
                "seed": seed,
                "status": run["status"][seed],
                "loss": run["loss"][seed],
                **alike(x, a_end, w_end),
                "initial_mean_cosine": initial["mean_cosine"],
                "together": together(x, a_end, w_end),
            }


@table()
def cosines(config: Config, results: Results) -> Blocks:
    """The sorted matrix of all units, of the first seed."""
    matrices = []
    for _, run in results.of(train_vectors):
        final = run["w"][-1]
        matrices.append(cosine_matrix(final[0]).matrix)
    columns = rows(
        {"title": ["$p = 1$", f"$p = {config.vector_keep:g}$"]},
        part="vectors",
        activation="tanh",
        optimiser="Adam",
        step=config.vector_steps,
    )
    yield {**columns, "cosine": np.stack(matrices)}


def alike(x: np.ndarray, a: np.ndarray, w: np.ndarray) -> Mapping[str, float | int]:
    """How alike the directions (w, b) of the live units of a tanh net are, and with how
    many signs.

    Args:
        x: Inputs (sample, feature), which say what a unit contributes.
        a: Output weights (unit,).
        w: Input weights and bias (unit, feature + 1).

    Returns:
        What `condensery.metrics.Likeness` holds.
    """
    from condensery.models import Network

    (hidden,) = Network.of({"a": a, "w": w}, "tanh").features(x)
    layer = likeness(w, contributions(hidden, a), live=LIVE)
    return asdict(layer)


def together(x: np.ndarray, a: np.ndarray, w: np.ndarray) -> float:
    """How far the units of a tanh net add up rather than cancel one another.

    Formula:
        ‖Σ_k o_k‖/Σ_k ‖o_k‖, with the contributions o_k = a_k tanh(w_k·x_i + b_k) as
        vectors over the samples.

    Args:
        x: Inputs (sample, feature).
        a: Output weights (unit,).
        w: Input weights and bias (unit, feature + 1).

    Returns:
        A number in [0, 1]: 1 if all contributions are parallel, 0 if they cancel or
        are all zero.
    """
    from condensery.models import Network

    (hidden,) = Network.of({"a": a, "w": w}, "tanh").features(x)
    parts = hidden * a
    lengths = np.linalg.norm(parts, axis=0).sum()
    total = np.linalg.norm(parts.sum(axis=1))
    return float(total / lengths) if lengths else 0.0

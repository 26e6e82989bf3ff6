"""Nets of several depths trained on demo-c: how linear their layers are, and what
remains when linear layers are cut out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery.data import load
from condensery.declare import task
from condensery.experiments.embedding_depth._config import LINEAR, Config
from condensery.metrics import slowest_fall
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.landscape import Parameters, Problem

RATE = 1e-3
STD = 0.05

PRUNED = (
    "plateau_step",
    "plateau_loss",
    "removed",
    "pruned_loss",
    "retrained_narrow",
    "retrained_deep",
)
"""Columns of a pruning."""


@task(Config)
def train(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    hidden: int,
    samples: int,
    batch_norm: bool,
) -> Arrays:
    """Train tanh nets on demo-c and look how linear their layers are; prune linear
    layers at the plateau.

    Returns:
        step, loss (member, step), score (member, step, layer; the least of the live
        units), and without batch normalisation for each member plateau_step,
        plateau_loss, removed (layers), pruned_loss, and retrained_narrow and
        retrained_deep, the losses after `retrain` steps.
    """
    from condensery.engine import Adam, descend, mean_square
    from condensery.landscape import Problem
    from condensery.models import BatchNormMlp, Mlp, mlp_normal

    data = load("demo-c", points=samples)
    problem = Problem(data.x, data.y, "tanh")
    inputs: Any = problem.x  # as good as a JAX array
    normalised = BatchNormMlp("tanh")
    sizes = [1, *[config.width] * hidden, 1]
    members = range(seed, seed + config.seeds)
    nets = [mlp_normal(sizes, seed=member, std=STD) for member in members]
    start = [_with_scales(net) for net in nets] if batch_norm else nets
    rule = Adam(RATE)
    objective = mean_square(normalised if batch_norm else Mlp("tanh"))
    points = np.logspace(1, np.log10(config.steps), 40)
    recorded = np.unique(np.round(points).astype(int))
    steps = np.diff(recorded, prepend=0).tolist()
    losses, scores, kept = [], [], []
    state = None
    for number, step in enumerate(recorded):
        result = descend(
            start,
            objective,
            problem.x,
            problem.y,
            optimiser=rule,
            steps=steps[number],
            schedule=[],
            state=state,
        )
        state = result.state
        folded = [
            normalised.folded(net, inputs) if batch_norm else net
            for net in result.all_parameters()
        ]
        kept.append([_as_arrays(net) for net in folded])
        losses.append(result.loss[:, -1])
        scores.append([_scores(net, problem) for net in kept[-1]])
        share = (number + 1) / len(recorded)
        advance(f"step {step} of {config.steps}", 0.9 * share)
    loss = np.transpose(losses)
    score = np.swapaxes(np.asarray(scores), 0, 1)
    arrays = {"step": recorded, "loss": loss, "score": score}
    if batch_norm:
        return arrays
    return arrays | _pruned(kept, recorded, loss, problem, config.retrain)


def _with_scales(net: Parameters) -> list[Any]:
    """Hidden layers with a scale of 1 and a shift of 0 instead of biases."""
    hidden = [(W, np.ones(len(W)), np.zeros(len(W))) for W, _ in net[:-1]]
    return [*hidden, net[-1]]


def _as_arrays(net: Any) -> Parameters:
    return [(np.asarray(W), np.asarray(b)) for W, b in net]


def _scores(net: Parameters, problem: Problem) -> list[float]:
    """Of every layer the least correlation of its live units; nan where all are
    silent.
    """
    from condensery.landscape import linearity

    return [
        float(np.nanmin(units)) if np.isfinite(units).any() else np.nan
        for units in linearity(net, problem)
    ]


def plateau(steps: np.ndarray, loss: np.ndarray) -> int:
    """The recorded step of slowest fall of the loss on a logarithmic scale, between 0.9
    and 0.05 of the first loss.
    """
    record = slowest_fall(
        steps,
        loss,
        window=(loss < 0.9 * loss[0]) & (loss > 0.05 * loss[0]),
        scale="logarithmic",
        difference="central",
    )
    return len(steps) - 1 if record is None else record


def _pruned(
    kept: Sequence[Sequence[Parameters]],
    steps: np.ndarray,
    losses: np.ndarray,
    problem: Problem,
    retrain: int,
) -> dict[str, np.ndarray]:
    """At each member's plateau: take out linear layers one by one, the most linear
    first, and train on.
    """
    from condensery.landscape import loss

    rows = []
    for member, curve in enumerate(losses):
        resting = plateau(steps, curve)
        deep = kept[resting][member]
        net = _without_linear_layers(deep, problem)
        row = (
            steps[resting],
            curve[resting],
            len(deep) - len(net),
            loss(net, problem),
            _trained_on(net, problem, retrain),
            _trained_on(deep, problem, retrain),
        )
        rows.append(row)
    columns = np.asarray(rows, dtype=np.float64).T
    return dict(zip(PRUNED, columns.copy(), strict=True))


def _without_linear_layers(deep: Parameters, problem: Problem) -> Parameters:
    from condensery.landscape import unlift

    net = list(deep)
    while len(net) > 2:
        scores = np.array(_scores(net, problem))
        if not np.nanmax(scores) >= LINEAR:
            break
        layer = 1 + int(np.nanargmax(scores))
        net, _ = unlift(net, problem, layer=layer, fit=True, spectrum=False)
    return net


def _trained_on(net: Parameters, problem: Problem, steps: int) -> float:
    from condensery.engine import Adam, descend, mean_square
    from condensery.models import Mlp

    result = descend(
        [net],
        mean_square(Mlp("tanh")),
        problem.x,
        problem.y,
        optimiser=Adam(RATE),
        steps=steps,
        schedule=[],
    )
    return float(result.loss[0, -1])

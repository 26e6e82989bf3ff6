"""The task of reduction: train, merge where the loss falls most slowly, train on; and
merge where it rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from condensery.data import load
from condensery.declare import task
from condensery.experiments.reduction._config import Config
from condensery.metrics import plateaus, slowest_fall
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.data import Dataset
    from condensery.engine import DescentResult
    from condensery.landscape import Moved

CLASSES = 10
COSINES = (0.8, 0.85, 0.9, 0.95, 0.98)
"""Thresholds at which the widths are compared; the paper's is 0.9."""
DROP = 0.02
"""Units with less than this part of the largest amplitude are taken out first; the
paper does not say how small.
"""

Net = list[tuple[np.ndarray, np.ndarray]]
Data = tuple[np.ndarray, np.ndarray]
Layers = Sequence[tuple[np.ndarray, np.ndarray | None]]


def images(config: Config) -> Dataset:
    """The images of a configuration."""
    path = Path(config.data_path) if config.data_path else None
    return load(
        config.data,
        path=path,
        samples=config.samples + config.held_out,
    )


@task(Config)
def train(config: Config, seed: int, advance: Advance) -> Arrays:
    """Train one network, merge it where its loss falls most slowly, and train both on.

    Args:
        config: The configuration.
        seed: Of the initialisation.
        advance: Progress callback, (text, fraction).

    Returns:
        step, loss, width (groups) of the recorded steps; chosen, the index among them;
        retrain_step, retrain_wide, retrain_narrow; cosine, sweep_width,
        sweep_agreement, sweep_loss; agreement, accuracy, change, cosines; rest_step,
        rest_wide, rest_narrow, where it was merged on its first plateau, and
        rest_width: empty and 0 where there is none.
    """
    from condensery.models import mlp_normal

    loaded = images(config)
    labels = loaded.y.astype(int)
    targets = np.eye(CLASSES)[labels]
    data = loaded.x[: config.samples], targets[: config.samples]
    unseen = loaded.x[config.samples :], labels[config.samples :]
    sizes = [loaded.x.shape[1], config.width, CLASSES]
    std = float(config.width) ** -config.exponent
    net = mlp_normal(
        sizes,
        seed=seed,
        std=std,
    )
    steps = recorded_steps(config.steps)
    losses, results = [], []
    result: DescentResult | None = None
    for number, step in enumerate(steps):
        result = _advanced(config, net, data, int(step), earlier=result)
        losses.append(result.loss[0, -1])
        results.append(result)
        share = (number + 1) / len(steps)
        advance(f"step {step} of {config.steps}", 0.9 * share)
    chosen = slowest(steps, np.asarray(losses))
    narrow = [
        _narrow(
            config,
            result,
            data,
            config.cosine,
        )
        for result in results
    ]
    return {
        "step": steps,
        "loss": np.asarray(losses),
        "chosen": np.array(chosen),
        "width": np.array([receipt.widths[1][1] for _, receipt in narrow]),
        **_retrained(config, results[chosen], data),
        **_compared(config, results[chosen], data, unseen),
        **_rested(config, steps, results, data),
    }


def recorded_steps(last: int) -> np.ndarray:
    """A tenth of a decade apart up to a fifth of the way, then forty even ones."""
    turn = max(last // 5, 1)
    early = np.logspace(0, np.log10(turn), 20)
    late = np.linspace(turn, last, 41)
    steps = np.round(np.concatenate([early, late]))
    return np.unique(steps.astype(int))


def slowest(steps: np.ndarray, losses: np.ndarray) -> int:
    """The recorded step at which the loss falls most slowly on a logarithmic scale,
    once the first plateau is left.

    The first plateau, a constant output, is left when the loss is below 0.9 of it; the
    search ends at half of it. The plateau is the loss at the slowest fall of the run.
    """

    def record_in(window: np.ndarray) -> int | None:
        return slowest_fall(
            steps,
            losses,
            window=window,
            scale="logarithmic",
            difference="central",
        )

    first = record_in(losses < 0.99 * losses[0])
    plateau = losses[0 if first is None else first]
    second = record_in((losses < 0.9 * plateau) & (losses > 0.5 * plateau))
    return len(steps) - 1 if second is None else second


def resting(steps: np.ndarray, losses: np.ndarray) -> tuple[int, int] | None:
    """The recorded steps in the logarithmic middle and at the end of the first plateau
    below the start; None where there is none.

    The loss of a network at zero, before it has a constant output, is no plateau.
    """
    left = losses < 0.99 * losses[0]
    if not left.any():
        return None
    rests = plateaus(steps, losses, skip=float(steps[left][0]))
    if not rests:
        return None
    middle = np.sqrt(rests[0].first * rests[0].last)
    nearest = np.argmin(np.abs(steps - middle))
    return int(nearest), int(np.searchsorted(steps, rests[0].last))


def _rested(
    config: Config, steps: np.ndarray, results: Sequence[DescentResult], data: Data
) -> Arrays:
    """Losses of both networks while they train on from the middle of the first plateau
    to where it ends.
    """
    losses = np.array([result.loss[0, -1] for result in results])
    rest = resting(steps, losses)
    if rest is None:
        none = np.zeros(0)
        return {
            "rest_step": none,
            "rest_wide": none,
            "rest_narrow": none,
            "rest_width": np.array(0),
        }
    middle, end = rest
    narrow, receipt = _narrow(config, results[middle], data, config.cosine)
    later = steps[middle : end + 1] - steps[middle]
    return {
        "rest_step": later,
        "rest_wide": losses[middle : end + 1],
        "rest_narrow": _losses(config, narrow, data, later),
        "rest_width": np.array(receipt.widths[1][1]),
    }


def _losses(
    config: Config, net: Layers, data: Data, steps: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Losses of a network at some steps of a training of its own."""
    fresh: DescentResult | None = None
    losses = []
    for step in steps:
        fresh = _advanced(config, net, data, int(step), earlier=fresh)
        losses.append(fresh.loss[0, -1])
    return np.asarray(losses)


def _advanced(
    config: Config,
    net: Layers,
    data: Data,
    step: int,
    *,
    earlier: DescentResult | None,
) -> DescentResult:
    """Train up to a step, from the start or from where an earlier result ended."""
    from condensery.engine import Adam, descend, mean_square
    from condensery.models import Mlp

    state = None if earlier is None else earlier.state
    done = 0 if state is None else state.step
    return descend(
        [net],
        mean_square(Mlp("relu")),
        *data,
        optimiser=Adam(config.rate),
        steps=step - done,
        dtype=config.dtype,
        schedule=[],
        state=state,
    )


def _wide(result: DescentResult) -> Net:
    """The trained network, in 64 bits."""
    layers = result.parameters(0)
    return [(np.asarray(W, np.float64), np.asarray(b, np.float64)) for W, b in layers]


def _narrow(config: Config, result: DescentResult, data: Data, cosine: float) -> Moved:
    from condensery.landscape import Problem, merge

    return merge(
        _wide(result),
        Problem(*data, "relu"),
        cosine=cosine,
        drop_below=DROP,
        dead=True,
        spectrum=False,
    )


def _retrained(config: Config, result: DescentResult, data: Data) -> Arrays:
    """Losses of the merged network and of the wide one while they train on."""
    narrow, _ = _narrow(config, result, data, config.cosine)
    even = np.linspace(0, config.retrain, 21)
    steps = np.unique(np.round(even).astype(int))
    return {
        "retrain_step": steps,
        "retrain_narrow": _losses(config, narrow, data, steps),
        "retrain_wide": _losses(config, _wide(result), data, steps),
    }


def _compared(
    config: Config, result: DescentResult, data: Data, unseen: Data
) -> dict[str, np.ndarray]:
    """Merged networks beside the wide one on images that neither has seen."""
    from condensery.landscape import forward

    x, labels = unseen
    wide = _wide(result)
    narrow, receipt = _narrow(config, result, data, config.cosine)
    sweep = [_narrow(config, result, data, cosine) for cosine in COSINES]

    def predict(net: Layers) -> np.ndarray:
        return forward(net, x, "relu").argmax(axis=1)

    wide_classes, narrow_classes = predict(wide), predict(narrow)
    agreement = [np.mean(predict(net) == wide_classes) for net, _ in sweep]
    accuracy = [
        np.mean(classes == labels) for classes in (wide_classes, narrow_classes)
    ]
    return {
        "cosine": np.asarray(COSINES),
        "sweep_width": np.array([merged.widths[1][1] for _, merged in sweep]),
        "sweep_agreement": np.array(agreement),
        "sweep_loss": np.array([merged.loss[1] for _, merged in sweep]),
        "agreement": np.array(np.mean(narrow_classes == wide_classes)),
        "accuracy": np.array(accuracy),
        "change": np.array(receipt.data_change_relative),
        "left_apart": np.array(len(receipt.notes)),
        "cosines": _grouped_cosines(wide),
    }


def _grouped_cosines(net: Net) -> np.ndarray:
    """Cosines between the units that are not taken out, in the order in which complete
    linkage joins them.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    rows = np.column_stack(net[0])
    sizes = np.linalg.norm(
        rows,
        axis=1,
    ) * np.linalg.norm(
        net[1][0],
        axis=0,
    )
    rows = rows[sizes >= DROP * sizes.max()]
    cosines = _normed(rows) @ _normed(rows).T
    if len(rows) > 2:
        gaps = np.maximum(1 - cosines, 0.0)
        np.fill_diagonal(gaps, 0.0)
        order = leaves_list(
            linkage(
                squareform(gaps, checks=False),
                method="complete",
            )
        )
        cosines = cosines[np.ix_(order, order)]
    return cosines.astype(np.float32)


def _normed(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(
        rows,
        axis=1,
        keepdims=True,
    )

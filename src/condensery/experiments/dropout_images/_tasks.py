"""The work: one network per seed on one loss, and its accuracy on images it has not
seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.dropout_images._config import (
    CLASSES,
    PARTS,
    SMALL,
    Config,
    by_descent,
    images,
    runs,
)
from condensery.protocols import Advance, Arrays

if TYPE_CHECKING:
    from condensery.engine import DescentResult

FACTOR = CLASSES / 2
"""R_S sums over the outputs, of which the engine takes the mean."""
PER_DECADE = 3
LATE = (0.5, 0.625, 0.75, 0.875)
"""Parts of the steps after which is recorded too, to see what has settled."""
COOLING = 0.1
"""The last quarter of the steps goes at this fraction of the rate, so that the noise of
the masks dies down.
"""


@task(Config)
def train(
    config: Config, seed: int, advance: Advance, *, kind: str, keep: float
) -> Arrays:
    """Train one network per seed on one loss, with seeds from `seed` on.

    Returns:
        step, loss R_S and r1 (step, member), accuracy on the held-out images (step,
        member), status; of L1 to L4 the parameters at the end, W and b of the hidden
        layer and top (member, ...).
    """
    from condensery.engine import (
        SGD,
        Adam,
        RecordLoss,
        descend,
        expected_dropout_loss,
        log_steps,
        mean_square,
    )
    from condensery.models import Mlp, mlp_normal

    (x, y), held_out = images(config)
    model, seeds = Mlp("relu"), range(seed, seed + config.seeds)
    steps, first_rate, exponent = schedule(config, kind)
    std = float(config.width) ** -exponent
    sizes = [x.shape[1], config.width, CLASSES]
    initial = partial(mlp_normal, sizes, std=std, output_bias=False)
    plain = mean_square(model, factor=FACTOR)
    mean = expected_dropout_loss(model, keep=keep, factor=FACTOR)
    probes = {
        "loss": RecordLoss(plain, x, y),
        "both": RecordLoss(mean, x, y),
        "accuracy": _Accuracy(held_out),
    }
    objective = _objective(model, config, kind, keep)

    def rule(rate: float) -> Any:
        return SGD(rate, momentum=0.9) if by_descent(kind) else Adam(rate)

    slow = steps // 4
    fast = steps - slow

    def report(done: int, count: int, text: str, fraction: float) -> None:
        advance(f"{kind}, {text}", (done + count * fraction) / steps)

    late = [int(steps * part) for part in LATE]
    marks = log_steps(steps, per_decade=PER_DECADE, extra=late).tolist()
    descent = partial(
        descend,
        [initial(seed=member) for member in seeds],
        objective,
        x,
        y,
        seeds=seeds,
        dtype="float32",
        schedule=marks,
        probes=probes,
    )
    first = descent(
        optimiser=rule(first_rate),
        steps=fast,
        on_progress=partial(report, 0, fast),
    )
    result = descent(
        optimiser=rule(COOLING * first_rate),
        steps=slow,
        state=first.state,
        on_progress=partial(report, fast, slow),
    )
    stages = (first, result)
    loss = _course(stages, "loss", "loss")
    both = _course(stages, "both", "loss")
    ends = _ends(result.all_parameters()) if kind in PARTS else {}
    return {
        "step": np.concatenate([stage.recorded for stage in stages]),
        "loss": loss,
        "r1": both - loss,
        "accuracy": _course(stages, "accuracy", "accuracy"),
        "status": result.status,
        **ends,
    }


def _course(stages: Sequence[DescentResult], probe: str, measure: str) -> np.ndarray:
    """What a probe measured in all stages, one after the other."""
    return np.concatenate([stage.probed[probe][measure] for stage in stages])


def schedule(config: Config, kind: str) -> tuple[int, float, float]:
    """Steps, learning rate and exponent of a loss."""
    if by_descent(kind):
        return config.part_steps, config.descent_rate, config.part_exponent
    if kind.startswith(SMALL):
        return config.small_steps, config.small_rate, config.small_exponent
    return config.steps, config.rate, config.exponent


def _objective(model: Any, config: Config, kind: Any, keep: float) -> Any:
    from condensery.engine import (
        dropout_loss,
        dropout_part,
        expected_dropout_loss,
        mean_square,
    )

    kind = kind.removeprefix(SMALL)
    if kind in ("plain", "descent"):
        return mean_square(model, factor=FACTOR)
    if kind == "dropout":
        return dropout_loss(model, keep=keep, factor=FACTOR)
    if kind == "expected":
        return expected_dropout_loss(model, keep=keep, factor=FACTOR)
    rate = config.part_rate
    return dropout_part(
        model,
        kind,
        keep=keep,
        rate=rate,
        factor=FACTOR,
    )


class _Accuracy:
    """The probe: share of held-out images whose largest output is that of their
    label.
    """

    def __init__(self, held_out: tuple[np.ndarray, np.ndarray]) -> None:
        self.x, self.labels = held_out[0].astype(np.float32), held_out[1]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        from condensery.models import Network

        outputs = Network.of(snapshot, "relu").forward(self.x)
        hits = np.argmax(outputs, axis=-1) == self.labels
        return {"accuracy": hits.mean(axis=1)}


def _ends(members: Any) -> Arrays:
    ends = [(W, b, top) for (W, b), (top, _) in members]
    layers = zip(*ends, strict=True)
    return {
        name: np.stack([np.asarray(member) for member in layer])
        for name, layer in zip(("W", "b", "top"), layers, strict=True)
    }


def work(config: Config) -> Iterator[Work]:
    """One task per loss and p."""
    weights = {
        "plain": 1.0,
        "small-plain": 1.0,
        "descent": 1.0,
        "L2": 3.0,
        "L3": 3.0,
        "L4": 2.0,
    }
    for kind, keep in runs(config):
        steps, _, _ = schedule(config, kind)
        cost = weights.get(kind, 1.3) * steps * config.seeds
        yield train.work(f"{kind}, p = {keep:g}", cost, kind=kind, keep=keep)

"""The work: one network per seed on one loss, and its accuracy on images it has not
seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.experiments.dropout_images._config import (
    CLASSES,
    PARTS,
    by_descent,
    images,
)
from condensery.protocols import Advance, Arrays

PER_DECADE = 3
COOLING = 0.1
"""The last quarter of the steps goes at this fraction of the rate, so that the noise of
the masks dies down.
"""


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network per seed on one loss.

    Args:
        parameters: The configuration without seeds and keeps, kind, keep, count (how
            many seeds from `seed` on).
        seed: The first seed.
        advance: Told how far it is.

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
        init_descent,
        log_steps,
        mean_square,
    )
    from condensery.models import Mlp, mlp_normal

    given: dict[str, Any] = dict(parameters)
    (x, y), held_out = images(given)
    model, seeds = Mlp("relu"), range(seed, seed + given["count"])
    std = float(given["width"]) ** -given["init_exponent"]
    sizes = [x.shape[1], given["width"], CLASSES]
    members = [mlp_normal(sizes, seed=one, std=std, output_bias=False) for one in seeds]
    plain = mean_square(model, factor=CLASSES / 2)
    both = expected_dropout_loss(model, keep=given["keep"], factor=CLASSES / 2)
    layers = (True, False)
    probes = [
        RecordLoss("loss", plain, (x, y), layers),
        RecordLoss("both", both, (x, y), layers),
        _Accuracy(held_out),
    ]
    objective, steps, kind = _objective(model, given), given["steps"], given["kind"]

    def rule(rate: float) -> Any:
        return SGD(rate, momentum=0.9) if by_descent(kind) else Adam(rate)

    state = init_descent(
        members, optimiser=rule(given["rate"]), seeds=seeds, dtype="float32"
    )
    marks = log_steps(steps, per_decade=PER_DECADE).tolist()
    found: list[dict[str, np.ndarray]] = []
    status = np.zeros(len(seeds), dtype=np.int64)
    for until, rate in (
        (steps - steps // 4, given["rate"]),
        (steps, COOLING * given["rate"]),
    ):
        result = descend(
            state,
            objective,
            (x, y),
            optimiser=rule(rate),
            steps=until - state.step,
            schedule=marks,
            probes=probes,
            on_step=lambda step: advance(
                f"{kind}, step {step} of {steps}", min(step / steps, 1.0)
            ),
        )
        state, status = result.state, result.status
        found.append({"step": result.recorded, **result.probed})
    whole = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    ends = _ends(state.parameters) if kind in PARTS else {}
    return {
        "step": whole["step"],
        "loss": whole["loss"],
        "r1": whole["both"] - whole["loss"],
        "accuracy": whole["accuracy"],
        "status": status,
        **ends,
    }


def _objective(model: Any, given: Mapping[str, Any]) -> Any:
    from condensery.engine import (
        dropout_loss,
        dropout_part,
        expected_dropout_loss,
        mean_square,
    )

    kind, keep, factor = given["kind"], given["keep"], CLASSES / 2
    if kind in ("plain", "descent"):
        return mean_square(model, factor=factor)
    if kind == "dropout":
        return dropout_loss(model, keep=keep, factor=factor)
    if kind == "expected":
        return expected_dropout_loss(model, keep=keep, factor=factor)
    return dropout_part(model, kind, keep=keep, rate=given["part_rate"], factor=factor)


class _Accuracy:
    """The probe: share of held-out images whose largest output is that of their
    label.
    """

    def __init__(self, held_out: tuple[np.ndarray, np.ndarray]) -> None:
        self.x, self.labels = held_out[0].astype(np.float32), held_out[1]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        shares = []
        for W, b, top in zip(
            snapshot["0.0"], snapshot["0.1"], snapshot["1.0"], strict=True
        ):
            guess = np.argmax(np.maximum(self.x @ W.T + b, 0) @ top.T, axis=1)
            shares.append(float(np.mean(guess == self.labels)))
        return {"accuracy": np.array(shares)}


def _ends(members: Any) -> Arrays:
    stacked = [(W, b, top) for (W, b), (top, _) in members]
    return {
        name: np.stack([np.asarray(one[place]) for one in stacked])
        for place, name in enumerate(("W", "b", "top"))
    }

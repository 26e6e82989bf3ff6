"""Train a classifier, make it narrower in every way there is, and measure what is left
of its accuracy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condensery.torch._inspection._inspect import inspect
from condensery.torch._surgery._receipt import count_parameters
from condensery.torch._surgery._reduce import reduce
from condensery.torch._training._condense import condense
from condensery.torch.studies._peers import PEERS, available, shrink

OURS = ("direction", "direction-lstsq")
CONTROL = "from-scratch"
_EXAMPLES = 32

Row = tuple[str, float, int, int, float, float]
"""Method, share of the width kept, hidden units, parameters, accuracy before and after
fine-tuning.
"""


@dataclass(frozen=True)
class Training:
    """How one network is trained: Adam, with a rate that falls to zero along a half
    cosine.

    Attributes:
        epochs: Passes over the data; also of the control that is trained at the small
            size.
        finetune: Of the fine-tuning after the cut.
        rate: Learning rate at the beginning.
        batch: Samples of a step.
        exponent: Initial standard deviation width^−exponent of every layer, as in
            `condense`; None for torch's own.
        weight_decay: Decoupled (AdamW), of the weights; in the first training alone.
    """

    epochs: int
    finetune: int
    rate: float
    batch: int
    exponent: float | None = None
    weight_decay: float = 0.0


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_reductions` found.

    Attributes:
        whole: The network's own test accuracy.
        rows: One per method and size.
        layers: Name, units and effective neurons (cosine 0.9) of every hidden layer.
        threshold: Units that merging by direction at a cosine alone leaves, and the
            accuracy then.
    """

    whole: float
    rows: tuple[Row, ...]
    layers: tuple[tuple[str, int, int], ...]
    threshold: tuple[int, float]


def build_classifier(
    kind: str,
    widths: Sequence[int],
    inputs: int,
    classes: int,
) -> nn.Module:
    """A ReLU classifier of flat inputs: ``mlp`` with one hidden layer, or ``cnn`` with
    two convolutions and one layer.

    Args:
        kind: mlp or cnn.
        widths: Of the hidden layers.
        inputs: Number of pixels, a square for cnn.
        classes: Number of outputs.
    """
    if kind == "mlp":
        return nn.Sequential(
            nn.Linear(inputs, widths[0]), nn.ReLU(), nn.Linear(widths[0], classes)
        )
    side = isqrt(inputs)
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, widths[0], 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(widths[0], widths[1], 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(widths[1] * (side // 4) ** 2, widths[2]),
        nn.ReLU(),
        nn.Linear(widths[2], classes),
    )


def train_classifier(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    rate: float,
    batch: int,
    groups: Any = None,
) -> None:
    """Cross-entropy by AdamW with a rate that falls along a half cosine, in place;
    without weight decay by default.
    """
    groups = groups or [{"params": list(net.parameters()), "weight_decay": 0.0}]
    # small nets: a call per tensor costs more than the sums
    optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
    steps = max(1, epochs * -(-len(x) // batch))
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for samples in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[samples]), y[samples]).backward()
            optimizer.step()
            falling.step()


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers."""
    with torch.no_grad():
        return float((net(x).argmax(dim=1) == y).double().mean())


def compare_reductions(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    kind: str,
    widths: Sequence[int],
    training: Training,
    ratios: Sequence[float],
    tau: float,
    fitted: int,
    seed: int,
    progress: Callable[[str, float], None],
) -> Comparison:
    """Train one network and cut it down by every method to every width.

    Args:
        train: Inputs (sample, pixel) and labels.
        test: The same, for the accuracies.
        kind: As for `build_classifier`.
        widths: As for `build_classifier`.
        training: Of the network.
        ratios: Shares of every width to keep.
        tau: Cosine of the merging without a given width.
        fitted: Training samples that methods with data get, repair and least squares
            alike.
        seed: Of initialisation and batches.
        progress: Progress callback, (text, fraction).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        (x, y), (tx, ty) = (_tensors(pair) for pair in (train, test))
        classes = int(max(y.max(), ty.max())) + 1
        recipe = condense(
            build_classifier(kind, widths, x.shape[1], classes),
            exponent=training.exponent,
            weight_decay=training.weight_decay,
            loss="cross_entropy",
            seed=seed,
        )
        net = recipe.finish()
        options: dict[str, Any] = {"rate": training.rate, "batch": training.batch}
        train_classifier(
            net,
            x,
            y,
            epochs=training.epochs,
            groups=recipe.parameter_groups(),
            **options,
        )
        names = _hidden(net)
        rows: list[Row] = []
        methods = [*OURS, *available(PEERS), CONTROL]
        for number, ratio in enumerate(ratios):
            target = {
                name: max(1, round(width * ratio))
                for name, width in zip(names, widths, strict=True)
            }
            for k, method in enumerate(methods):
                progress(
                    f"{kind} to {ratio:.3g}: {method}",
                    (number + (k + 1) / len(methods)) / len(ratios),
                )
                torch.manual_seed(seed + 1)
                if method == CONTROL:
                    small = build_classifier(
                        kind, list(target.values()), x.shape[1], classes
                    )
                    train_classifier(
                        small,
                        x,
                        y,
                        epochs=training.epochs,
                        **options,
                    )
                else:
                    small = _narrow(net, method, target, x[:fitted])
                before = accuracy(small, tx, ty)
                train_classifier(
                    small,
                    x,
                    y,
                    epochs=training.finetune,
                    **options,
                )
                units = sum(
                    len(small.get_parameter(f"{name}.weight")) for name in names
                )
                rows.append(
                    (
                        method,
                        ratio,
                        units,
                        count_parameters(small),
                        before,
                        accuracy(small, tx, ty),
                    )
                )
        return Comparison(
            accuracy(net, tx, ty),
            tuple(rows),
            _layers(net, names),
            _at(net, tau, x[:_EXAMPLES], (tx, ty)),
        )


def _narrow(
    net: nn.Module,
    method: str,
    target: Mapping[str, int],
    data: Tensor,
) -> nn.Module:
    examples = data[:_EXAMPLES]
    if method in OURS:
        mode = "approximate" if method == "direction" else "least-squares"
        more: dict[str, Any] = (
            {"refit": "layer", "data": data} if mode == "least-squares" else {}
        )
        return reduce(
            net, examples, mode=mode, widths=target, max_error=float("inf"), **more
        ).model
    return shrink(copy.deepcopy(net), examples, target, method, data=data)


def _layers(net: nn.Module, names: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    rows = [inspect(net, threshold=0.9).layer(name) for name in names]
    return tuple((row.layer, row.units, row.effective_neurons) for row in rows)


def _at(
    net: nn.Module,
    tau: float,
    examples: Tensor,
    test: tuple[Tensor, Tensor],
) -> tuple[int, float]:
    """Units left by merging at a cosine alone, and the accuracy."""
    small, receipt, _ = reduce(
        net,
        examples,
        mode="approximate",
        tau=tau,
        max_error=float("inf"),
    )
    return sum(layer.after for layer in receipt.layers), accuracy(small, *test)


def _hidden(net: nn.Module) -> list[str]:
    layers = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    return layers[:-1]


def _tensors(pair: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
    x, y = pair
    return torch.from_numpy(np.ascontiguousarray(x, np.float32)), torch.from_numpy(
        np.asarray(y).ravel().astype(np.int64)
    )

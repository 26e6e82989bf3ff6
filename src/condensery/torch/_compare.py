"""Train a classifier, make it narrower in every way there is, and measure what is left of its accuracy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condensery.torch._peers import PEERS, available, shrink
from condensery.torch._receipt import count_parameters
from condensery.torch._reduce import reduce

OURS = ("direction", "direction-lstsq")
CONTROL = "from-scratch"

Row = tuple[str, float, int, int, float, float]
"""Method, share of the width kept, hidden units, parameters, accuracy before and after fine-tuning."""


def build_classifier(kind: str, widths: Sequence[int], inputs: int, classes: int, *, std: float | None) -> nn.Module:
    """A ReLU classifier of flat inputs: ``mlp`` with one hidden layer, or ``cnn`` with two convolutions and one layer.

    Args:
        kind: mlp or cnn.
        widths: Of the hidden layers.
        inputs: Number of pixels, a square for cnn.
        classes: Number of outputs.
        std: Of the initial weights and biases; None for torch's own initialisation.
    """
    if kind == "mlp":
        net = nn.Sequential(nn.Linear(inputs, widths[0]), nn.ReLU(), nn.Linear(widths[0], classes))
    else:
        side = round(inputs**0.5)
        net = nn.Sequential(
            nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, widths[0], 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(widths[0], widths[1], 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(widths[1] * (side // 4) ** 2, widths[2]), nn.ReLU(), nn.Linear(widths[2], classes),
        )  # fmt: skip
    if std is not None:
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=std)
    return net


def train_classifier(net: nn.Module, x: Tensor, y: Tensor, *, epochs: int, rate: float, batch: int = 64) -> None:
    """Adam on the cross-entropy, in place."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(epochs):
        for part in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            optimizer.step()


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers."""
    with torch.no_grad():
        return float((net(x).argmax(dim=1) == y).double().mean())


def compare_reductions(  # ruff: ignore[too-many-arguments] each is an option of the comparison
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], *, kind: str, widths: Sequence[int],
    std: float | None, ratios: Sequence[float], epochs: int, finetune: int, rate: float, seed: int,
    progress: Callable[[str, float], None],
) -> tuple[float, list[Row]]:  # fmt: skip
    """Train one network and cut it down by every method to every width.

    Args:
        train: Inputs (sample, pixel) and labels.
        test: The same, for the accuracies.
        kind: As for `build_classifier`.
        widths: As for `build_classifier`.
        std: As for `build_classifier`.
        ratios: Shares of every width to keep.
        epochs: Of the training, also of the control from scratch.
        finetune: Epochs of fine-tuning after the cut.
        rate: Learning rate of Adam.
        seed: Of initialisation and batches.
        progress: Told how far it is.

    Returns:
        The network's own test accuracy, and the rows.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        (x, y), (tx, ty) = (_tensors(pair) for pair in (train, test))
        classes = int(max(y.max(), ty.max())) + 1
        net = build_classifier(kind, widths, x.shape[1], classes, std=std)
        train_classifier(net, x, y, epochs=epochs, rate=rate)
        names = _hidden(net)
        rows: list[Row] = []
        methods = [*OURS, *available(PEERS), CONTROL]
        for number, ratio in enumerate(ratios):
            target = {name: max(1, round(width * ratio)) for name, width in zip(names, widths, strict=True)}
            for k, method in enumerate(methods):
                progress(f"{kind} to {ratio:.3g}: {method}", (number + (k + 1) / len(methods)) / len(ratios))
                torch.manual_seed(seed + 1)
                small = _narrow(net, method, target, x, y, kind, std, epochs, rate)
                before = accuracy(small, tx, ty)
                train_classifier(small, x, y, epochs=finetune, rate=rate)
                units = sum(len(small.get_parameter(f"{name}.weight")) for name in names)
                rows.append((method, ratio, units, count_parameters(small), before, accuracy(small, tx, ty)))
        return accuracy(net, tx, ty), rows


def _narrow(
    net: nn.Module, method: str, target: Mapping[str, int], x: Tensor, y: Tensor, kind: str, std: float | None,
    epochs: int, rate: float,
) -> nn.Module:  # fmt: skip
    examples, data = x[:32], x[:512]
    if method == CONTROL:
        last: Any = list(net.children())[-1]
        small = build_classifier(kind, list(target.values()), x.shape[1], last.out_features, std=None)
        train_classifier(small, x, y, epochs=epochs, rate=rate)
        return small
    if method in OURS:
        mode = "approximate" if method == "direction" else "least-squares"
        options: dict[str, Any] = {"refit": "layer"} if mode == "least-squares" else {}
        return reduce(net, examples, mode=mode, widths=target, data=data, max_error=float("inf"), **options).model
    return shrink(copy.deepcopy(net), examples, target, method, data=data)


def _hidden(net: nn.Module) -> list[str]:
    layers = [name for name, module in net.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return layers[:-1]


def _tensors(pair: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
    x, y = pair
    return torch.from_numpy(np.ascontiguousarray(x, np.float32)), torch.from_numpy(
        np.asarray(y).ravel().astype(np.int64)
    )

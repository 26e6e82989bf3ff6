"""One classifier, trained and watched: what the experiment `monitor-demo` computes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from condensery.torch._inspection._inspect import inspect
from condensery.torch._monitoring._monitor import CondensationMonitor
from condensery.torch._training._condense import condense


def watch_classifier(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    width: int,
    exponent: float | None,
    steps: int,
    rate: float,
    batch: int,
    every: int,
    seed: int,
    on_step: Callable[[int], None],
) -> dict[str, np.ndarray]:
    """Train a ReLU network of two hidden layers by Adam on cross-entropy, and measure
    it on the way.

    Args:
        train: Inputs (sample, feature) and labels (sample,).
        test: Likewise, for the accuracy.
        width: Units of each hidden layer.
        exponent: Initial standard deviation width^−exponent; None for torch's own
            initialisation.
        steps: Optimiser steps.
        rate: Learning rate.
        batch: Samples of a step.
        every: Cadence of the monitor.
        seed: Of the initialisation and the batches; the global generator is put back.
        on_step: Progress callback, gets the step at every measurement.

    Returns:
        step, and per measured step ratio and largest (measured, hidden layer), loss (on
        all training samples) and accuracy (on the test samples); and of the end exact
        and approximate merges (hidden layer,).
    """
    x, y = (
        torch.tensor(train[0], dtype=torch.float32),
        torch.tensor(train[1], dtype=torch.int64),
    )
    x_test, y_test = (
        torch.tensor(test[0], dtype=torch.float32),
        torch.tensor(test[1], dtype=torch.int64),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sizes, classes = (x.shape[1], width, width), int(y.max()) + 1
        hidden: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            hidden += [nn.Linear(inputs, outputs), nn.ReLU()]
        model = condense(
            nn.Sequential(*hidden, nn.Linear(width, classes)),
            exponent=exponent,
            seed=seed,
        ).model
        rule = torch.optim.Adam(model.parameters(), lr=rate)
        monitor = CondensationMonitor(
            model, every=every, layers=["0", "2"], budget=None
        )
        fits = [_fit(model, x, y, x_test, y_test)]
        for step in range(1, steps + 1):
            chosen = torch.randint(len(x), (batch,))
            rule.zero_grad()
            functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            rule.step()
            monitor.at(step)
            if monitor.history[-1][0] == step:
                fits.append(_fit(model, x, y, x_test, y_test))
                on_step(step)
    inspection = inspect(model)
    return {
        "step": np.array([step for step, _ in monitor.history]),
        **{
            name: np.array(
                [
                    [values[f"{layer}/{key}"] for layer in ("0", "2")]
                    for _, values in monitor.history
                ]
            )
            for name, key in (
                ("ratio", "effective_ratio"),
                ("largest", "largest_cosine"),
            )
        },
        "loss": np.array([loss for loss, _ in fits]),
        "accuracy": np.array([accuracy for _, accuracy in fits]),
        "exact": inspection["exact_merges"][:2],
        "approximate": inspection["approximate_merges"][:2],
    }


@torch.no_grad()
def _fit(
    model: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    x_test: torch.Tensor,
    y_test: torch.Tensor,
) -> tuple[float, float]:
    loss = float(functional.cross_entropy(model(x), y))
    return loss, float((model(x_test).argmax(1) == y_test).double().mean())

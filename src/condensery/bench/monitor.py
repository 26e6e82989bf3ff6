"""`bench monitor`: what `CondensationMonitor` adds to a training step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from condensery._errors import MissingExtraError

STEPS = 100
REPEATS = 3
BATCH = 64
LIMIT = 0.02


def run(progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure stretches of training with and without the monitor, in turn.

    Args:
        progress: Called with what is being measured.

    Returns:
        title, columns, rows and notes.

    Raises:
        MissingExtraError: Without PyTorch.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "torch", extra="bench", purpose="bench monitor"
        ) from error
    from condensery.torch import CondensationMonitor

    torch.manual_seed(0)
    model = network()
    parameters = sum(tensor.numel() for tensor in model.parameters())
    step = _stepper(model)
    progress("warming up")
    for _ in range(5):
        step()
    monitor = CondensationMonitor(model, budget=None)
    monitor.at(
        10_000
    )  # behind the dense beginning: from here on it measures once in `every` steps
    plain, watched, count = [], [], 10_000
    for repeat in range(REPEATS):
        progress(f"stretch {repeat + 1} of {REPEATS}, {STEPS} steps without and with")
        plain.append(_seconds(step))
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
            count += 1
            monitor.at(count)
        watched.append(time.perf_counter() - began)
    progress("one measure, and one step on which nothing is due")
    measure = statistics.median(_timed(monitor.measure) for _ in range(7))
    idle = _timed(lambda: [monitor.at(count + 1 + k) for k in range(90)]) / 90
    alone = statistics.median(plain) / STEPS
    share = (measure / monitor.every + idle) / alone
    rows = [
        ["training step", alone * 1e3, None],
        ["one measure of all layers", measure * 1e3, measure / alone],
        ["monitor.step() with nothing due", idle * 1e3, idle / alone],
        [
            f"overhead at every={monitor.every} (from the three above)",
            share * alone * 1e3,
            share,
        ],
        [
            "overhead of whole stretches",
            (statistics.median(watched) - statistics.median(plain)) / STEPS * 1e3,
            statistics.median(watched) / statistics.median(plain) - 1,
        ],
    ]
    return {
        "title": f"CondensationMonitor on a CNN of {parameters:,} parameters, "
        f"batches of {BATCH}, CPU",
        "columns": ["what", "ms", "share of a step"],
        "rows": [
            [name, *(None if x is None else float(f"{x:.3g}") for x in numbers)]
            for name, *numbers in rows
        ],
        "notes": [
            f"medians; {REPEATS} stretches of {STEPS} steps each with and without, "
            "in turn",
            f"at the default cadence it is to stay below {LIMIT:.0%}: "
            f"{'it does' if share < LIMIT else 'it does not'}",
            "whole stretches differ by the noise of the machine, which on a busy "
            "one exceeds the overhead itself",
        ],
    }


def network() -> Any:
    """A convolutional network of about a million parameters for images of 28 × 28."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1152, 768),
        nn.ReLU(),
        nn.Linear(768, 10),
    )


def _stepper(model: Any) -> Callable[[], None]:
    import torch

    rule = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.randn(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))

    def step() -> None:
        rule.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        rule.step()

    return step


def _seconds(step: Callable[[], None]) -> float:
    return _timed(lambda: [step() for _ in range(STEPS)])


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began

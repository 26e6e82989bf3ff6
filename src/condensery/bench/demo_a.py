"""`bench demo-a`: the training of demo-a against PyTorch eager and a fused NumPy
loop.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from condensery._errors import MissingExtraError
from condensery.data import demo_a_target

STEPS = 10_001
WIDTH = 1000
RATE = 0.05
REPEATS = 3
SHIPPED_STEPS = 30
SHIPPED_POINTS = 10_000
Parameters = dict[str, np.ndarray]
Trainer = Callable[[int], float]
"""Trains for so many steps from the common start and returns the final loss."""


def run(progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure, with the repeats of all rivals interleaved.

    Args:
        progress: Called with what is being measured.

    Returns:
        title, columns, rows and notes.
    """
    start = _start()
    progress("compiling")
    ours = _condensery(start)
    began = time.perf_counter()
    ours(1)
    compiling = time.perf_counter() - began
    train: dict[str, Trainer | None] = {
        "condensery": ours,
        "fused NumPy loop": _numpy(start),
        "PyTorch eager": _if_installed(_torch, start),
    }
    shipped: dict[str, Trainer | None] = {
        "condensery": _condensery_shipped(start),
        "PyTorch eager": _if_installed(_torch_shipped, start),
    }
    seconds, losses = _interleaved(train, STEPS, progress)
    evaluated, _ = _interleaved(shipped, SHIPPED_STEPS, progress)
    rows = [
        _row("train only", name, seconds[name], seconds["condensery"], losses[name])
        for name in train
    ]
    scaled = {
        name: None if value is None else value * STEPS / SHIPPED_STEPS
        for name, value in evaluated.items()
    }
    rows += [
        _row(
            "as shipped (extrapolated)", name, scaled[name], scaled["condensery"], None
        )
        for name in shipped
    ]
    return {
        "title": f"demo-a: {STEPS} full-batch steps, {WIDTH} units, 4 samples, float32",
        "columns": [
            "what",
            "program",
            "seconds",
            "µs per step",
            "times condensery",
            "final loss",
        ],
        "rows": rows,
        "notes": _notes(compiling, installed=train["PyTorch eager"] is not None),
    }


def _notes(compiling: float, *, installed: bool) -> list[str]:
    notes = [
        f"medians of {REPEATS} repeats, interleaved in one process; all start from "
        "the same parameters",
        f"condensery also compiles once per process and shape: {compiling:.2f} s, "
        "not in the rows",
        f"as shipped: the output on {SHIPPED_POINTS:,} points after every step, as "
        "the notebook does; measured over "
        f"{SHIPPED_STEPS} steps and extrapolated to {STEPS:,}; condensery itself "
        "records at log-spaced steps",
    ]
    return (
        notes
        if installed
        else [
            *notes,
            str(
                MissingExtraError("torch", extra="bench", purpose="the row of PyTorch")
            ),
        ]
    )


def _start() -> Parameters:
    from condensery.models import two_layer_normal

    drawn = two_layer_normal(
        WIDTH, features=2, seed=0, std_a=1 / WIDTH, std_w=1 / WIDTH
    )
    return {name: array.astype(np.float32) for name, array in drawn.items()}


def _data() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-1, 1, 4)
    inputs = np.stack([x, np.ones(4)], axis=1)
    return inputs.astype(np.float32), demo_a_target(x).astype(np.float32)


def _points() -> np.ndarray:
    x = np.linspace(-1, 1, SHIPPED_POINTS)
    return np.stack([x, np.ones(SHIPPED_POINTS)], axis=1).astype(np.float32)


def _if_installed(
    make: Callable[[Parameters], Trainer], start: Parameters
) -> Trainer | None:
    try:
        return make(start)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return None


def _interleaved(
    trainers: dict[str, Trainer | None], steps: int, progress: Callable[[str], None]
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    losses: dict[str, float | None] = dict.fromkeys(trainers)
    for repeat in range(REPEATS + 1):
        for name, trainer in trainers.items():
            if trainer is None:
                continue
            progress(
                f"{name}, {steps} steps, "
                f"{f'repeat {repeat} of {REPEATS}' if repeat else 'warming up'}"
            )
            began = time.perf_counter()
            losses[name] = trainer(steps if repeat else 2)
            if repeat:
                seconds[name].append(time.perf_counter() - began)
    return {
        name: statistics.median(repeats) if repeats else None
        for name, repeats in seconds.items()
    }, losses


def _row(
    what: str,
    name: str,
    seconds: float | None,
    ours: float | None,
    loss: float | None,
) -> list[Any]:
    if seconds is None or ours is None:
        return [what, name, "not installed", None, None, None]
    numbers = [
        float(f"{value:.3g}")
        for value in (seconds, seconds / STEPS * 1e6, seconds / ours)
    ]
    return [what, name, *numbers, None if loss is None else float(f"{loss:.4g}")]


def _condensery(start: Parameters) -> Trainer:
    from condensery.engine import SGD, descend, mean_square
    from condensery.models import TwoLayer

    rule, objective, data = SGD(RATE), mean_square(TwoLayer("relu")), _data()

    def train(steps: int) -> float:
        result = descend(
            [start],
            objective,
            *data,
            optimiser=rule,
            steps=steps,
            dtype="float32",
            schedule=[],
        )
        return float(result.loss[0, -1])

    return train


def _condensery_shipped(start: Parameters) -> Trainer:
    from condensery.engine import SGD, RecordOutput, descend, mean_square
    from condensery.models import TwoLayer

    model, rule, data = TwoLayer("relu"), SGD(RATE), _data()
    objective = mean_square(model)
    probes = {"points": RecordOutput(model, _points())}

    def train(steps: int) -> float:
        every = range(1, steps + 1)
        result = descend(
            [start],
            objective,
            *data,
            optimiser=rule,
            steps=steps,
            dtype="float32",
            schedule=every,
            probes=probes,
        )
        return float(result.loss[0, -1])

    return train


def _numpy(start: Parameters) -> Trainer:
    """Every temporary in place, the two factors of the mean square and of the rate in
    one.
    """
    x, y = _data()

    def train(steps: int) -> float:
        a, w = start["a"].copy(), np.ascontiguousarray(start["w"].T)
        z, active = (
            np.empty((len(x), WIDTH), np.float32),
            np.empty((len(x), WIDTH), np.float32),
        )
        factor = np.float32(2 * RATE / len(x))
        error = y
        for _ in range(steps):
            np.matmul(x, w, out=z)
            np.greater(z, 0, out=active)
            np.maximum(z, 0, out=z)
            error = z @ a - y
            pull = factor * error
            change = pull @ z
            active *= a
            w -= (x * pull[:, None]).T @ active
            a -= change
        z = np.maximum(x @ w, 0)
        return float(np.mean((z @ a - y) ** 2))

    return train


def _torch_net(start: Parameters) -> Any:
    import torch

    hidden, output = torch.nn.Linear(1, WIDTH), torch.nn.Linear(WIDTH, 1, bias=False)
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor(start["w"][:, :1]))
        hidden.bias.copy_(torch.tensor(start["w"][:, 1]))
        output.weight.copy_(torch.tensor(start["a"][None]))
    return torch.nn.Sequential(hidden, torch.nn.ReLU(), output)


def _torch(start: Parameters, *, points: np.ndarray | None = None) -> Trainer:
    """The notebook's loop: Linear, ReLU, Linear, MSELoss, SGD."""
    import torch

    x, y = (torch.tensor(array) for array in _data())
    inputs, targets = x[:, :1].contiguous(), y[:, None]
    grid = None if points is None else torch.tensor(points[:, :1])

    def train(steps: int) -> float:
        net = _torch_net(start)
        loss_of, rule = torch.nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=RATE)
        for _ in range(steps):
            rule.zero_grad()
            loss = loss_of(net(inputs), targets)
            loss.backward()
            rule.step()
            if grid is not None:
                with torch.no_grad():
                    net(grid).numpy()
        with torch.no_grad():
            return float(loss_of(net(inputs), targets))

    return train


def _torch_shipped(start: Parameters) -> Trainer:
    return _torch(start, points=_points())

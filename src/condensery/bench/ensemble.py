"""`bench ensemble`: many small nets at once, against a PyTorch eager loop,
`torch.func.vmap`, and the processor.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from condensery._errors import MissingExtraError

WIDTH, SAMPLES, FEATURES = 50, 80, 5
RATE, KEEP = 1e-3, 0.9
SIZES = (1, 64, 512)
RULES = ("gradient descent", "Adam", "dropout")
REPEATS = 3
OURS_STEPS = {1: 20_000, 64: 400, 512: 60}
VMAP_STEPS = {1: 200, 64: 60, 512: 20}
LOOP_STEPS = 200
OURS, LOOP, VMAP = "condensery", "PyTorch eager loop", "torch.func.vmap"
Trainer = Callable[[int], None]
"""Takes so many steps with all nets; what it starts from is what it ended with."""


def run(progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure µs per net and step, the repeats of all rivals interleaved.

    Args:
        progress: Called with what is being measured.

    Returns:
        title, columns, rows and notes.
    """
    rows: list[list[Any]] = []
    installed = find_spec("torch") is not None
    floor = _roofline()
    for rule in RULES:
        for size in SIZES:
            progress(f"{rule}, {size} nets")
            ours = (_condensery(rule, size), OURS_STEPS[size], size)
            trainers: dict[str, tuple[Trainer, int, int] | None] = {
                OURS: ours,
                LOOP: None,
                VMAP: None,
            }
            if installed:
                # a loop over nets costs the same per net, however many there are
                trainers[LOOP] = (_torch_loop(rule), LOOP_STEPS, 1)
                trainers[VMAP] = (_torch_vmap(rule, size), VMAP_STEPS[size], size)
            medians = _interleaved(trainers)
            medians["roofline"] = floor
            rows += [
                _row(rule, size, name, value, medians[OURS])
                for name, value in medians.items()
            ]
    return {
        "title": f"ensemble: two-layer tanh nets, m = {WIDTH}, n = {SAMPLES}, d = "
        f"{FEATURES}, float32",
        "columns": [
            "rule",
            "nets",
            "program",
            "µs per net and step",
            "times condensery",
        ],
        "rows": rows,
        "notes": _notes(installed=installed),
    }


def _notes(*, installed: bool) -> list[str]:
    notes = [
        f"medians of {REPEATS} interleaved repeats in one process; PyTorch on one "
        "thread; compiling is not in the rows",
        "the loop is measured on one net and costs the same per net for more; aims: "
        "≥ 10 times the loop, ≥ 1.5 vmap",
        "condensery advances the nets one after another in one compiled loop, so "
        "that a net's bits do not depend on "
        "the others; vmap advances them together",
        f"roofline: the {_operations() / 1e3:.0f} kflop of a step at the speed of "
        "NumPy's product of large float32 "
        "matrices (on all threads), without any tanh, mask or update: nothing can "
        "be faster here",
        f"dropout: Adam with p = {KEEP} and a mask per sample, drawn anew at every "
        "step by each program",
    ]
    return (
        notes
        if installed
        else [
            *notes,
            str(MissingExtraError("torch", extra="bench", purpose="PyTorch's rows")),
        ]
    )


def _row(
    rule: str, size: int, name: str, value: float | None, ours: float | None
) -> list[Any]:
    if value is None or ours is None:
        return [rule, size, name, "not installed", None]
    return [rule, size, name, float(f"{value:.3g}"), float(f"{value / ours:.3g}")]


def _interleaved(
    trainers: dict[str, tuple[Trainer, int, int] | None],
) -> dict[str, float | None]:
    """Median µs per net and step."""
    times: dict[str, list[float]] = {name: [] for name in trainers}
    for repeat in range(REPEATS + 1):
        for name, entry in trainers.items():
            if entry is None:
                continue
            train, steps, nets = entry
            began = time.perf_counter()
            train(steps if repeat else max(2, steps // 20))
            if repeat:
                times[name].append((time.perf_counter() - began) / (steps * nets) * 1e6)
    return {
        name: statistics.median(repeats) if repeats else None
        for name, repeats in times.items()
    }


def _operations() -> float:
    """Additions and multiplications of a step's four products."""
    return 4.0 * SAMPLES * (FEATURES + 1) * WIDTH + 4.0 * SAMPLES * WIDTH


def _roofline() -> float:
    """µs that one step's products take at the speed of NumPy's product of two 512 × 512
    matrices on this machine.
    """
    a = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    times = []
    for _ in range(9):
        began = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - began)
    return min(times) / (2 * 512**3) * _operations() * 1e6


def _data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-4, 2, (SAMPLES, FEATURES)).astype(np.float32)
    return x, (3.5 * np.sin(5 * x + 1).sum(axis=1)).astype(np.float32)


def _starts(size: int) -> list[dict[str, np.ndarray]]:
    from condensery.models import two_layer_normal

    std = WIDTH**-0.5
    return [
        two_layer_normal(WIDTH, features=FEATURES + 1, seed=k, std_a=std, std_w=std)
        for k in range(size)
    ]


def _condensery(rule: str, size: int) -> Trainer:
    from condensery.engine import (
        SGD,
        Adam,
        descend,
        dropout_loss,
        mean_square,
    )
    from condensery.models import TwoLayer, with_bias

    model, (x, y) = TwoLayer("tanh"), _data()
    optimiser = SGD(RATE) if rule == RULES[0] else Adam(RATE)
    objective = (
        dropout_loss(model, keep=KEEP, factor=1.0)
        if rule == "dropout"
        else mean_square(model)
    )
    starts, states = _starts(size), [None]

    def train(steps: int) -> None:
        result = descend(
            starts,
            objective,
            with_bias(x),
            y,
            optimiser=optimiser,
            steps=steps,
            seeds=range(size),
            dtype="float32",
            schedule=[],
            state=states[0],
        )
        states[0] = result.state  # pyrefly: ignore[unsupported-operation]

    return train


def _torch_loop(rule: str) -> Trainer:
    """The everyday program: Linear, Tanh, Dropout, Linear, MSELoss, SGD or Adam."""
    import torch

    torch.set_num_threads(1)
    start, (x, y) = _starts(1)[0], (torch.tensor(array) for array in _data())
    hidden, output = (
        torch.nn.Linear(FEATURES, WIDTH),
        torch.nn.Linear(WIDTH, 1, bias=False),
    )
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor(start["w"][:, :-1]))
        hidden.bias.copy_(torch.tensor(start["w"][:, -1]))
        output.weight.copy_(torch.tensor(start["a"][None]))
    middle = [torch.nn.Dropout(1 - KEEP)] if rule == "dropout" else []
    net = torch.nn.Sequential(hidden, torch.nn.Tanh(), *middle, output)
    kind = torch.optim.SGD if rule == RULES[0] else torch.optim.Adam
    optimiser, loss_of, labels = (
        kind(net.parameters(), lr=RATE),
        torch.nn.MSELoss(),
        y[:, None],
    )

    def train(steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            loss_of(net(x), labels).backward()
            optimiser.step()

    return train


def _torch_vmap(rule: str, size: int) -> Trainer:
    """All nets stacked: vmap of the gradient, and the update written on the stacked
    tensors in place.
    """
    import torch

    torch.set_num_threads(1)
    starts, (x, y) = _starts(size), (torch.tensor(array) for array in _data())
    x = torch.cat([x, torch.ones(SAMPLES, 1)], dim=1)
    stacked = [
        torch.tensor(np.stack([start[name] for start in starts]), dtype=torch.float32)
        for name in ("a", "w")
    ]
    moments = [[torch.zeros_like(weights) for weights in stacked] for _ in range(2)]
    taken = [0]

    def loss(a: Any, w: Any, mask: Any) -> Any:
        return ((torch.tanh(x @ w.T) * mask) @ a - y).square().mean()

    slope = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)))
    unmasked = torch.ones(size, 1, 1)

    def train(steps: int) -> None:
        for _ in range(steps):
            taken[0] += 1
            mask = (
                torch.rand(size, SAMPLES, WIDTH).lt(KEEP) / KEEP
                if rule == "dropout"
                else unmasked
            )
            gradients: Any = slope(*stacked, mask)  # pyrefly: ignore[bad-argument-count]
            for weights, first, second, g in zip(
                stacked, *moments, gradients, strict=True
            ):
                if rule == RULES[0]:
                    weights.sub_(g, alpha=RATE)
                    continue
                first.lerp_(g, 0.1)
                second.mul_(0.999).addcmul_(g, g, value=0.001)
                root = (second / (1 - 0.999 ** taken[0])).sqrt_().add_(1e-8)
                weights.addcdiv_(first, root, value=-RATE / (1 - 0.9 ** taken[0]))

    return train

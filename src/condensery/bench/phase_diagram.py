"""`bench phase-diagram`: the whole Fig. 4, how right it is, and what the authors'
procedure costs on three cells.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from condensery._errors import MissingExtraError, TaskFailedError
from condensery.experiments.phase_diagram import configuration, phase_diagram
from condensery.protocols import Task, TaskOutcome
from condensery.runners import LocalRunner

Progress = Callable[[str], None]
NINE = [(gamma, prime) for gamma in (0.7, 1.0, 1.3) for prime in (-0.2, 0.0, 0.2)]
THREE = ((0.7, 0.0), (1.0, 0.0), (1.3, 0.0))
TARGET = 1e-6
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
AUTHORS_MOST_STEPS = 800_000
AUTHORS_MOST_SECONDS = 120.0
DEAR_WIDTHS = (1_000, 10_000, 100_000, 1_000_000)
UNIT_STEPS = 1e7
"""Steps are repeated until this many units have been stepped: a few steps of a narrow
net are over in the time that the call takes.
"""
_MEMORY_PROGRAM = """
import re, time
from pathlib import Path
import numpy as np
from condensery.engine import Ensemble, flow
x = np.linspace(-0.5, 0.5, 4)[:, None]
one = Ensemble.grid(widths=[{width}], gammas=[1.0])
options = dict(target_loss=1e-300)
state = flow(one, x, x[:, 0] ** 2, max_steps=1, **options).state
began = time.perf_counter()
flow(one, x, x[:, 0] ** 2, max_steps=1 + {steps}, state=state, **options)
seconds = time.perf_counter() - began
# Not getrusage: its peak is inherited from the process that started this one.
print(seconds, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def run(progress: Progress) -> dict[str, Any]:
    """Measure.

    Args:
        progress: Called with what is being measured.

    Returns:
        title, columns, rows and notes.
    """
    rows, notes = [], []
    for measure in (_whole_figure, _images, _accuracy, _authors, _memory):
        measured, remarks = measure(progress)
        rows += measured
        notes += remarks
    return {
        "title": "phase-diagram: gradient flow without a learning rate",
        "columns": ["what", "case", "value", "unit", "against", "ratio"],
        "rows": rows,
        "notes": notes,
    }


def _whole_figure(progress: Progress) -> tuple[list[list[Any]], list[str]]:
    """Wall time of the map's tasks of the paper preset, and of the whole quick
    preset.
    """
    progress("Fig. 4 of the paper preset")
    config = configuration(size="paper", scatter_widths=())
    seconds, outcomes = _wall(
        [task for task in phase_diagram.tasks(config) if _is_map(task)]
    )
    steps = np.concatenate([outcome.arrays["steps"] for outcome in outcomes])
    bad = sum(int(np.sum(outcome.arrays["status"] != 1)) for outcome in outcomes)
    progress("the quick preset on line")
    quick, _ = _wall(phase_diagram.tasks(configuration(size="quick")))
    return [
        [
            "Fig. 4, 117 cells x 5 widths",
            "all processors",
            seconds,
            "s",
            "aim 30 s",
            seconds / 30,
        ],
        ["quick preset, tasks only", "line", quick, "s", "aim 20 s", quick / 20],
    ], [
        f"Fig. 4: {steps.mean():.0f} steps per member, at most {steps.max()}; {bad} "
        "members did not converge"
    ]


def _images(progress: Progress) -> tuple[list[list[Any]], list[str]]:
    """Wall time of the image diagram of the paper preset on Fashion-MNIST, where its
    files are installed.
    """
    if not FASHION_MNIST.is_dir():
        return [], [
            f"image diagram not measured: there is no {FASHION_MNIST} (Debian's "
            "dataset-fashion-mnist)"
        ]
    progress("the image diagram of the paper preset")
    config = configuration(
        size="paper", data="fashion-mnist", data_path=str(FASHION_MNIST)
    )
    seconds, _ = _wall(phase_diagram.tasks(config))
    case = "49 cells, n = 45, d = 785, m to 10000"
    return [
        ["image diagram, Fashion-MNIST", case, seconds, "s", "aim 600 s", seconds / 600]
    ], []


def _is_map(task: Task) -> bool:
    return task.function.endswith(":train_map")


def _wall(tasks: Sequence[Task]) -> tuple[float, list[TaskOutcome]]:
    outcomes: list[TaskOutcome] = []
    began = time.perf_counter()
    LocalRunner().run(tasks, outcomes.append, lambda *_: None)
    for outcome in outcomes:
        if outcome.error:
            raise TaskFailedError(
                f"{outcome.task.label}: {outcome.error.splitlines()[0]}"
            )
    return time.perf_counter() - began, outcomes


def _accuracy(progress: Progress) -> tuple[list[list[Any]], list[str]]:
    """RD at the chosen step parameter against two further halvings, and against
    diffrax.
    """
    from condensery.engine import Ensemble, calibrate_eta, flow, reference_flow

    x = np.linspace(-0.5, 0.5, 4)[:, None]
    y = x[:, 0] ** 2
    config = configuration(size="paper", scatter_widths=())
    rows: list[list[Any]] = []
    for width in (1000, 4000):
        progress(f"converged flow of all cells at m = {width}")
        cells = Ensemble.grid(
            widths=[1000, width][width == 1000 :],
            gammas=config.gammas,
            gamma_primes=config.gamma_primes,
        )
        eta = calibrate_eta(cells, x, y, tolerance=config.tolerance)
        wide = np.flatnonzero(cells.widths == width)
        ensemble, eta = cells.subset(wide), eta[wide]
        rd, half, quarter = (
            flow(ensemble, x, y, eta=eta / divisor).rd for divisor in (1, 2, 4)
        )
        error = np.abs(rd / quarter - 1)
        settled = np.abs(half / quarter - 1)
        for what, value in (
            ("median", np.median(error)),
            ("95 %", np.quantile(error, 0.95)),
            ("largest", error.max()),
            ("cells above 0.5 %", int(np.sum(error > 0.005))),
            ("median of the last halving", np.median(settled)),
        ):
            rows.append(
                [
                    f"RD against eta/4, m = {width}",
                    what,
                    float(value),
                    "relative",
                    "aim 0.005",
                    None,
                ]
            )
    progress("diffrax on nine cells")
    ensemble = Ensemble(
        *(np.array(c) for c in zip(*[(1000, 0, g, p) for g, p in NINE], strict=True))
    )
    eta = calibrate_eta(ensemble, x, y, tolerance=config.tolerance, target_loss=1e-4)
    ours = flow(ensemble, x, y, eta=eta, target_loss=1e-4)
    try:
        theirs = reference_flow(ensemble, x, y, max_time=ours.time)
    except MissingExtraError as error:
        return rows, [str(error)]
    gap = np.abs(ours.rd / theirs.rd - 1)
    rows.append(
        [
            "RD against diffrax, m = 1000",
            "largest of nine cells",
            float(gap.max()),
            "relative",
            "0.005",
            None,
        ]
    )
    return rows, []


def _authors(progress: Progress) -> tuple[list[list[Any]], list[str]]:
    """Seconds of the authors' procedure in PyTorch eager, in the same run as ours, and
    the RD of both.
    """
    from condensery.engine import Ensemble, calibrate_eta, flow

    x = np.linspace(-0.5, 0.5, 4)[:, None]
    y = x[:, 0] ** 2
    rows: list[list[Any]] = []
    notes = [
        "authors' procedure: plain descent at a fixed rate; any increase of the "
        "loss halves the rate and starts again "
        "from the same parameters; first rate: 8 times the stability limit at the start"
    ]
    for gamma, prime in THREE:
        progress(f"the authors' procedure at ({gamma:g}, {prime:g})")
        ensemble = Ensemble.grid(widths=[1000], gammas=[gamma], gamma_primes=[prime])
        eta = calibrate_eta(ensemble, x, y)
        ours = flow(ensemble, x, y, eta=eta)
        seconds = statistics.median(
            _timed(lambda ensemble=ensemble, eta=eta: flow(ensemble, x, y, eta=eta))
            for _ in range(3)
        )
        start = ours.parameters(0, initial=True)
        try:
            theirs, rd, steps, restarts = _restarting_descent(
                start, x, y, float(ensemble.kappa[0])
            )
        except MissingExtraError as error:
            return rows, [str(error)]
        case = f"({gamma:g}, {prime:g}), m = 1000"
        rows.append(
            [
                "authors' procedure, PyTorch eager",
                case,
                theirs,
                "s",
                f"condensery {seconds:.3g} s",
                theirs / seconds,
            ]
        )
        rows.append(
            [
                "RD of the two",
                case,
                rd,
                "",
                f"condensery {ours.rd[0]:.5g}",
                rd / float(ours.rd[0]),
            ]
        )
        notes.append(f"{case}: {steps} steps in the last attempt, {restarts} restarts")
    return rows, notes


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _restarting_descent(
    start: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, kappa: float
) -> tuple[float, float, int, int]:
    """Seconds, RD of copy 1, steps of the last attempt and restarts (κ' = 1).

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "torch", extra="bench", purpose="the authors' procedure"
        ) from error
    torch.set_num_threads(1)
    X, target = torch.tensor(np.column_stack([x, np.ones(len(x))])), torch.tensor(y)
    a0, w0 = torch.tensor(start["a"]), torch.tensor(start["w"])
    hidden = np.maximum(X.numpy() @ start["w"].T, 0)
    rate = 8 * 2 * len(y) / (kappa**2 * np.linalg.eigvalsh(2 * hidden @ hidden.T)[-1])
    began, restarts = time.perf_counter(), 0
    while time.perf_counter() - began < AUTHORS_MOST_SECONDS:
        a, w = a0.clone().requires_grad_(), w0.clone().requires_grad_()
        optimiser = torch.optim.SGD([a, w], lr=rate / 2)
        before = np.inf
        for step in range(AUTHORS_MOST_STEPS):
            optimiser.zero_grad()
            loss = torch.mean((kappa * (torch.relu(X @ w.T) @ a) - target) ** 2)
            now = float(loss.detach())
            if now < TARGET:
                half = len(a0) // 2
                moved = (w.detach() - w0)[:half]
                return (
                    time.perf_counter() - began,
                    float(moved.norm() / w0[:half].norm()),
                    step,
                    restarts,
                )
            if not now <= before:
                break
            before = now
            loss.backward()
            optimiser.step()
        rate, restarts = rate / 2, restarts + 1
    return time.perf_counter() - began, float("nan"), 0, restarts


def _memory(progress: Progress) -> tuple[list[list[Any]], list[str]]:
    """Cost of a step and peak memory of one member by width, each in a process of its
    own, and the memory's speed.
    """
    rows: list[list[Any]] = []
    for width in DEAR_WIDTHS:
        progress(f"memory and cost of a step at m = {width}")
        steps = max(5, round(UNIT_STEPS / width))
        program = _MEMORY_PROGRAM.format(width=width, steps=steps)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        seconds, peak = (float(word) for word in done.stdout.split())
        per_unit = seconds / steps / (2 * width) * 1e9
        rows.append(
            [
                "cost of a step",
                f"m = {width}, ASI",
                per_unit,
                "ns per unit",
                "linear in m",
                None,
            ]
        )
        rows.append(
            [
                "peak memory",
                f"m = {width}, ASI",
                peak / 2**20,
                "GiB",
                "aim 2 GiB",
                peak / 2**21,
            ]
        )
    source = np.zeros(8_000_000)
    copy = min(_timed(source.copy) for _ in range(5))
    speed = 2 * source.nbytes / copy / 1e9
    # Per step and unit at least: a, w read at two stages, written at two, their initial
    # values read once (3 doubles).
    floor = 5 * 3 * 8 / speed
    rows.append(
        [
            "roofline: memory traffic alone",
            "5 passes over 3 doubles",
            floor,
            "ns per unit",
            f"{speed:.1f} GB/s",
            None,
        ]
    )
    return rows, [
        "the wide members' step reads and writes arrays that do not fit the cache: "
        "see the roofline row"
    ]

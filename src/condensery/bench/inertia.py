"""`bench inertia`: the inertia of a wide net from the narrow one, and dense Hessians of
ours against curvlinops.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery._errors import MissingExtraError

if TYPE_CHECKING:
    from condensery.landscape import Parameters, Problem, UnitSplit

NARROW, WIDE = 3, 200
REPEATS = 5
BRIEF = 20
"""Measurements per repeat of what takes about a millisecond: one alone is the noise of
the machine.
"""


def run(progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure, with the repeats of all rivals interleaved.

    Args:
        progress: Called with what is being measured.

    Returns:
        title, columns, rows and notes.
    """
    progress("a critical point of width 3")
    point, problem = _critical_point()
    changes = _changes()
    wide = _embedded(point, problem, changes)
    seconds, answers = _times(point, wide, problem, changes, progress)
    ours = seconds["split_inertia"]
    labels = {
        "split_inertia": f"split_inertia, narrow Hessian included: width {NARROW} "
        f"in {WIDE}",
        "dense": f"dense Hessian and its eigenvalues at width {WIDE}, condensery",
        "curvlinops": "the same, curvlinops (HessianLinearOperator @ identity) at "
        f"width {WIDE}",
    }
    rows = [
        [
            labels[name],
            _digits(seconds[name]),
            _digits(_ratio(seconds[name], ours)),
            _digits(_ratio(seconds[name], seconds["dense"])),
            answers[name],
        ]
        for name in labels
    ]
    return {
        "title": f"inertia of a critical point of width {NARROW}, embedded in width "
        f"{WIDE} ({3 * WIDE} parameters)",
        "columns": [
            "what",
            "seconds",
            "times split_inertia",
            "times our dense",
            "(n₋, n₀, n₊)",
        ],
        "rows": rows,
        "notes": _notes(answers, installed=seconds["curvlinops"] is not None),
    }


def _notes(answers: dict[str, Any], *, installed: bool) -> list[str]:
    notes = [
        f"medians of {REPEATS} repeats, interleaved in one process, compiled "
        "before; 50 samples, tanh, float64",
        "the critical point: the second lowest loss of width 3, its units split in "
        "67, 67 and 66 copies",
        "dense and predicted counts agree: "
        f"{answers['split_inertia'] == answers['dense']}",
    ]
    if not installed:
        missing = MissingExtraError(
            "curvlinops-for-pytorch", extra="bench", purpose="the row of curvlinops"
        )
        return [*notes, str(missing)]
    return [
        *notes,
        "largest difference of an eigenvalue over the largest eigenvalue: "
        f"{answers['difference']:.1e}",
    ]


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")


def _ratio(value: float | None, reference: float | None) -> float | None:
    return None if value is None or reference is None else value / reference


def _critical_point() -> tuple[Parameters, Problem]:
    from condensery.data import load
    from condensery.landscape import Problem, find_critical, random_steps

    data = load("three-steps")
    problem = Problem(data.x, data.y, "tanh")
    starts: list[Parameters] = []
    for seed in range(64):
        random = np.random.Generator(np.random.Philox(key=[0, seed]))
        starts.append(random_steps(NARROW, random))
    points = find_critical(starts, problem).distinct()
    # at the lowest loss, zero, all inner Hessians vanish
    return next(point for point in points if point.loss > 1e-6).parameters, problem


def _changes() -> list[UnitSplit]:
    from condensery.landscape import UnitSplit

    copies = [WIDE // NARROW + (unit < WIDE % NARROW) for unit in range(NARROW)]
    return [
        UnitSplit(1, unit, (1 / count,) * count) for unit, count in enumerate(copies)
    ]


def _embedded(
    point: Parameters, problem: Problem, changes: list[UnitSplit]
) -> Parameters:
    from condensery.landscape import split_many

    for change in changes:
        point, _ = split_many(
            point,
            problem,
            layer=1,
            unit=change.unit,
            fractions=change.fractions,
            spectrum=False,
        )
    return point


def _times(
    point: Parameters,
    wide: Parameters,
    problem: Problem,
    changes: list[UnitSplit],
    progress: Callable[[str], None],
) -> tuple[dict[str, float | None], dict[str, Any]]:
    from condensery.landscape import inertia_at, split_inertia

    programs: dict[str, Callable[[], Any] | None] = {
        "split_inertia": lambda: split_inertia(point, problem, changes).counts,
        "dense": lambda: inertia_at(wide, problem),
        "curvlinops": _curvlinops(wide, problem),
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    answers: dict[str, Any] = {}
    for repeat in range(REPEATS + 1):
        for name, program in programs.items():
            if program is None:
                continue
            progress(
                f"{name}, {f'repeat {repeat} of {REPEATS}' if repeat else 'warming up'}"
            )
            for _ in range(BRIEF if name == "split_inertia" else 1):
                began = time.perf_counter()
                answers[name] = program()
                if repeat:
                    seconds[name].append(time.perf_counter() - began)
    return (
        {
            name: statistics.median(repeats) if repeats else None
            for name, repeats in seconds.items()
        },
        _compared(answers),
    )


def _compared(answers: dict[str, Any]) -> dict[str, Any]:
    from condensery.landscape import count_signs

    dense, rival = answers["dense"], answers.get("curvlinops")
    text = {
        "split_inertia": str(answers["split_inertia"]),
        "dense": str(dense.counts),
        "curvlinops": "not installed",
    }
    if rival is None:
        return text
    largest = float(np.abs(dense.eigenvalues).max())
    difference = float(np.abs(np.sort(rival) - dense.eigenvalues).max() / largest)
    return {
        **text,
        "curvlinops": str(count_signs(rival).counts),
        "difference": difference,
    }


def _curvlinops(wide: Parameters, problem: Problem) -> Callable[[], np.ndarray] | None:
    """Eigenvalues of the dense Hessian as its documentation makes one: the operator
    times the identity.
    """
    try:
        import torch
        from curvlinops import HessianLinearOperator
    except ModuleNotFoundError:
        return None
    (W, b), (A, _) = wide
    hidden, output = (
        torch.nn.Linear(1, len(W), dtype=torch.float64),
        torch.nn.Linear(len(W), 1, bias=False, dtype=torch.float64),
    )
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor(W))
        hidden.bias.copy_(torch.tensor(b))
        output.weight.copy_(torch.tensor(A))
    net = torch.nn.Sequential(hidden, torch.nn.Tanh(), output)
    data = [(torch.tensor(problem.x), torch.tensor(problem.y))]
    parameters = list(net.parameters())
    identity = torch.eye(
        sum(tensor.numel() for tensor in parameters), dtype=torch.float64
    )

    def eigenvalues() -> np.ndarray:
        operator = HessianLinearOperator(
            net,
            torch.nn.MSELoss(),
            parameters,
            data,
            check_deterministic=False,
            num_data=len(problem.x),
        )
        H = np.asarray(operator @ identity)
        return np.linalg.eigvalsh((H + H.T) / 2)

    return eigenvalues

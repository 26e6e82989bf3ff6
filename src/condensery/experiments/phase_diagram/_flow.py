"""Checks of the flow itself: its conserved quantities, another solver, other scalings,
and no antisymmetric initialisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from condensery.data import load
from condensery.declare import task
from condensery.experiments.phase_diagram._config import Config
from condensery.protocols import Advance, Arrays

RUNGE_KUTTA_STEPS = 1500
RUNGE_KUTTA_TIME = 3000.0


@task(Config)
def check_flow(config: Config, seed: int, advance: Advance) -> Arrays:
    """The flow against what is known of it, on the paper's four points, whatever the
    configuration; the networks have m = 1000 at (1, 0).

    Returns:
        Mean ``drift`` of κ'²a² − ‖w‖² at eta = 0.1 and 0.01; ``drift_fine``, the
        largest by a fine Runge-Kutta rule, and RD by that rule and by `flow` after the
        same time (``solvers``); RD ``scalings`` by descent from three (β1, β2); RD
        ``without_asi``.
    """
    from condensery.engine import Ensemble, flow

    data = load("line")
    # Two members, so that the programs compiled for the map's rows serve here too.
    two = Ensemble.grid(
        widths=[1000],
        gammas=[1.0],
        seeds=[seed, seed + 1],
    )
    advance("conservation", 0.0)
    runs = [
        flow(
            two,
            data.x,
            data.y,
            eta=eta,
        )
        for eta in (0.1, 0.01)
    ]
    drift = [_mean_drift(run) for run in runs]
    advance("another solver", 0.4)
    fine, rd_fine = _runge_kutta(runs[0], data, RUNGE_KUTTA_TIME)
    at_time = flow(
        two,
        data.x,
        data.y,
        eta=0.01,
        max_time=RUNGE_KUTTA_TIME,
    )
    advance("other scalings", 0.7)
    # 2000 units without ASI are as many as 1000 with it.
    seeds = range(seed, seed + 8)
    plain = Ensemble.grid(
        widths=[2000],
        gammas=[1.0],
        seeds=seeds,
    )
    without = flow(plain, data.x, data.y, asi=False)
    return {
        "drift": np.array(drift),
        "drift_fine": np.array([fine]),
        "solvers": np.array([rd_fine, at_time.rd[0]]),
        "scalings": scalings(data, seed),
        "without_asi": without.rd,
    }


def _mean_drift(run: Any) -> float:
    start = run.parameters(0, initial=True)
    return float(np.mean(_drift(start, run.parameters(0))))


def _squares(parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """a² and ‖w‖² of every neuron."""
    square = parameters["w"] ** 2
    return parameters["a"] ** 2, np.sum(square, axis=1)


def _drift(
    start: Mapping[str, np.ndarray], end: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Change of a² − ‖w‖² of every neuron (κ' = 1), relative to a² + ‖w‖² at the
    end.
    """
    a0, w0 = _squares(start)
    a1, w1 = _squares(end)
    conserved = a0 - w0
    change = (a1 - w1) - conserved
    return np.abs(change) / (a1 + w1)


def _runge_kutta(result: Any, data: Any, time: float) -> tuple[float, float]:
    """Largest drift, and RD, of the first network by the classical Runge-Kutta rule
    with short fixed steps.
    """
    from condensery.engine import runge_kutta

    start = result.parameters(0, initial=True)
    kappa = float(result.ensemble.kappa[0])
    count = len(data.x)
    inputs = np.column_stack([data.x, np.ones(count)])
    pull = -kappa / count

    def velocity(theta: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        a, w = theta["a"], theta["w"]
        z = inputs @ w
        hidden = np.maximum(z, 0)
        output = kappa * (hidden @ a)
        error = output - data.y
        passed = error[:, None] * (z > 0)
        toward = inputs.T @ passed
        return {"a": pull * (error @ hidden), "w": pull * a * toward}

    w = np.ascontiguousarray(start["w"].T)
    last = runge_kutta(
        velocity,
        {"a": start["a"], "w": w},
        time=time,
        steps=RUNGE_KUTTA_STEPS,
    )
    end = {
        "a": last["a"],
        "w": last["w"].T,
    }
    drift = _drift(start, end)
    copy = slice(len(end["a"]) // 2)
    initial, moved = start["w"], end["w"] - start["w"]
    rd = np.linalg.norm(moved[copy]) / np.linalg.norm(initial[copy])
    return float(np.max(drift)), float(rd)


def scalings(data: Any, seed: int) -> np.ndarray:
    """RD after the same normalised time of descents that differ in (α, β1, β2) but
    share κ and κ'.

    The raw model f = (1/α) Σ a_k σ(w_k·x) with a ~ N(0, β1²), w ~ N(0, β2² I), written
    out here: it shares no code with the engine, which knows the normalised model only.
    """
    width = 200
    kappa = width**-1.2
    steps = 4000
    stride = 0.05
    rng = np.random.default_rng(seed)
    a0 = rng.standard_normal(width)
    w0 = rng.standard_normal((width, 2))
    count = len(data.x)
    inputs = np.column_stack([data.x, np.ones(count)])
    distances = []
    for beta in (1.0, width**-0.5, width**-1.0):
        # β1 = β2 keeps κ' = 1, α = β²/κ keeps κ; a rate of stride·β² is a stride of the
        # normalised time t/(β1β2).
        a = beta * a0
        w = beta * w0
        factor = kappa / beta**2
        rate = stride * beta**2
        pull = rate * factor / count
        for _ in range(steps):
            z = w @ inputs.T
            hidden = np.maximum(z, 0)
            output = factor * (a @ hidden)
            error = output - data.y
            passed = (z > 0) * error
            toward = passed @ inputs
            w = w - pull * a[:, None] * toward
            a = a - pull * (hidden @ error)
        initial = beta * w0
        moved = np.linalg.norm(w - initial)
        distances.append(float(moved / np.linalg.norm(initial)))
    return np.array(distances)

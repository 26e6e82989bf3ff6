"""The work of the phase diagram: training ensembles by gradient flow, and the checks of
the flow itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.protocols import Advance, Arrays

ANGLE_BINS = 72
AMPLITUDE_BINS = 32
RUNGE_KUTTA_STEPS, RUNGE_KUTTA_TIME = 1500, 3000.0
GRID_POINTS = 401
"""Where outputs are evaluated; the samples of `line` lie on this grid, from −1/2 to
1/2.
"""


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train all widths and seeds of some cells of the diagram.

    Args:
        parameters: data (what `load` takes), activation, asi, cells [[gamma,
            gamma_prime], …], widths, seeds (a count), target_loss, tolerance,
            max_steps, counts_at (widths whose (orientation, amplitude) are counted),
            details_at (the width whose outputs and neurons are kept, or None).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        Columns of the members' table, ``counts`` per member in `counts_at`, and the
        details.
    """
    from condensery.engine import Ensemble, calibrate_eta, flow

    given: dict[str, Any] = dict(parameters)
    data = _load(given["data"])
    cells = [tuple(cell) for cell in given["cells"]]
    rows = [
        (width, seed + k, gamma, gamma_prime)
        for width in given["widths"]
        for gamma, gamma_prime in cells
        for k in range(given["seeds"])
    ]
    ensemble = Ensemble(*(np.array(column) for column in zip(*rows, strict=True)))
    options = {
        "activation_name": given["activation"],
        "asi": given["asi"],
        "max_steps": given["max_steps"],
    }
    options["target_loss"] = given["target_loss"]
    advance("choosing the step", 0.02)
    eta = calibrate_eta(
        ensemble, data.x, data.y, tolerance=given["tolerance"], **options
    )
    result = flow(
        ensemble,
        data.x,
        data.y,
        eta=eta,
        on_progress=lambda done: advance("training", 0.1 + 0.85 * done),
        **options,
    )
    shard = {
        **ensemble.columns(),
        "rd": result.rd,
        "rd_a": result.rd_a,
        "rd_theta": result.rd_theta,
        "loss": result.loss,
        "time": result.time,
        "steps": result.steps,
        "status": result.status,
        "eta": eta,
    }
    counted = [
        k for k, width in enumerate(ensemble.widths) if width in given["counts_at"]
    ]
    shard["counted"] = np.array(counted, dtype=np.int64)
    flat = data.x.shape[1] == 1
    if counted:
        shard["counts"] = np.stack(
            [_counts(*_neurons(result, k, flat=flat), flat=flat) for k in counted]
        )
    kept = [
        k for k, width in enumerate(ensemble.widths) if width == given["details_at"]
    ]
    if kept:
        shard |= _details(result, np.array(kept), flat=flat)
    return shard


def _load(source: Mapping[str, Any]) -> Any:
    from condensery.data import load

    return load(**{key: value for key, value in source.items() if value is not None})


def _neurons(
    result: Any, member: int, *, flat: bool, initial: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Orientation and amplitude of a member's neurons (with ASI of copy 1): an angle on
    the line, else ŵ·p.
    """
    from condensery.metrics import amplitude, orientation, projection_orientation

    found = result.parameters(member, initial=initial)
    width = int(result.ensemble.widths[member])
    a, w = found["a"][:width], found["w"][:width]
    return (orientation(w) if flat else projection_orientation(w)), amplitude(a, w)


def bin_edges(*, flat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the orientation and amplitude bins of the grid of scatters."""
    reach = np.pi if flat else 1.0
    return np.linspace(-reach, reach, ANGLE_BINS + 1), np.linspace(
        0.0, 1.0, AMPLITUDE_BINS + 1
    )


def _counts(
    orientation: np.ndarray, amplitude: np.ndarray, *, flat: bool
) -> np.ndarray:
    relative = amplitude / max(float(amplitude.max()), 1e-300)
    counts, _, _ = np.histogram2d(orientation, relative, bins=bin_edges(flat=flat))
    return counts.astype(np.int32)


def _details(result: Any, members: np.ndarray, *, flat: bool) -> dict[str, np.ndarray]:
    """Neurons of the members before and after, and on the line their outputs."""
    before = [_neurons(result, int(k), flat=flat, initial=True) for k in members]
    after = [_neurons(result, int(k), flat=flat) for k in members]
    shard = {
        "detailed": members,
        "orientation": np.stack(
            [np.stack([b[0], e[0]]) for b, e in zip(before, after, strict=True)]
        ),
        "amplitude": np.stack(
            [np.stack([b[1], e[1]]) for b, e in zip(before, after, strict=True)]
        ),
    }
    if flat:
        grid = np.linspace(-0.5, 0.5, GRID_POINTS)
        shard["grid"] = grid
        shard["outputs"] = np.stack(
            [
                np.stack(
                    [
                        result.predict(int(k), grid[:, None], initial=initial)
                        for initial in (True, False)
                    ]
                )
                for k in members
            ]
        )
    return shard


def check_flow(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """The flow against what is known of it: its conserved quantities, another solver,
    other scalings, without ASI.

    Args:
        parameters: None are needed; the data are the paper's four points, the networks
            have m = 1000 at (1, 0).
        seed: First seed of the networks.
        advance: Told how far it is.

    Returns:
        Mean ``drift`` of κ'²a² − ‖w‖² at eta = 0.1 and 0.01; ``drift_fine``, the
        largest by a fine Runge-Kutta rule, and RD by that rule and by `flow` after the
        same time (``solvers``); RD ``scalings`` by descent from three (β1, β2); RD
        ``without_asi``.
    """
    from condensery.engine import Ensemble, flow

    data = _load({"name": "line"})
    # Two members, so that the programs compiled for the map's rows serve here too.
    two = Ensemble.grid(widths=[1000], gammas=[1.0], seeds=[seed, seed + 1])
    advance("conservation", 0.0)
    runs = [flow(two, data.x, data.y, eta=eta) for eta in (0.1, 0.01)]
    drift = [
        float(np.mean(_drift(r.parameters(0, initial=True), r.parameters(0))))
        for r in runs
    ]
    advance("another solver", 0.4)
    fine, rd_fine = _runge_kutta(runs[0], data, RUNGE_KUTTA_TIME)
    at_time = flow(two, data.x, data.y, eta=0.01, max_time=RUNGE_KUTTA_TIME)
    advance("other scalings", 0.7)
    # 2000 units without ASI are as many as 1000 with it.
    plain = flow(
        Ensemble.grid(widths=[2000], gammas=[1.0], seeds=range(seed, seed + 8)),
        data.x,
        data.y,
        asi=False,
    )
    return {
        "drift": np.array(drift),
        "drift_fine": np.array([fine]),
        "solvers": np.array([rd_fine, at_time.rd[0]]),
        "scalings": _scalings(data, seed),
        "without_asi": plain.rd,
    }


def _drift(
    start: Mapping[str, np.ndarray], end: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Change of a² − ‖w‖² of every neuron (κ' = 1), relative to a² + ‖w‖² at the
    end.
    """
    (a0, w0), (a1, w1) = (
        (p["a"] ** 2, np.sum(p["w"] ** 2, axis=1)) for p in (start, end)
    )
    return np.abs((a1 - w1) - (a0 - w0)) / (a1 + w1)


def _runge_kutta(result: Any, data: Any, time: float) -> tuple[float, float]:
    """Largest drift, and RD, of the first network by the classical Runge-Kutta rule
    with short fixed steps.

    An adaptive solver would crawl here: units that slide along a sample's kink make it
    halve its step without end.
    """
    start, kappa = result.parameters(0, initial=True), float(result.ensemble.kappa[0])
    X, n = np.column_stack([data.x, np.ones(len(data.x))]), len(data.x)

    def slope(a: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = X @ w
        e = kappa * (np.maximum(z, 0) @ a) - data.y
        return -kappa / n * (e @ np.maximum(z, 0)), -kappa / n * a * (
            X.T @ (e[:, None] * (z > 0))
        )

    a, w = start["a"], np.ascontiguousarray(start["w"].T)
    h = time / RUNGE_KUTTA_STEPS
    for _ in range(RUNGE_KUTTA_STEPS):
        a1, w1 = slope(a, w)
        a2, w2 = slope(a + h / 2 * a1, w + h / 2 * w1)
        a3, w3 = slope(a + h / 2 * a2, w + h / 2 * w2)
        a4, w4 = slope(a + h * a3, w + h * w3)
        a, w = (
            a + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4),
            w + h / 6 * (w1 + 2 * w2 + 2 * w3 + w4),
        )
    half = len(a) // 2
    rd = np.linalg.norm((w.T - start["w"])[:half]) / np.linalg.norm(start["w"][:half])
    return float(np.max(_drift(start, {"a": a, "w": w.T}))), float(rd)


def _scalings(data: Any, seed: int) -> np.ndarray:
    """RD after the same normalised time of descents that differ in (α, β1, β2) but
    share κ and κ'.

    The raw model f = (1/α) Σ a_k σ(w_k·x) with a ~ N(0, β1²), w ~ N(0, β2² I), written
    out here: it shares no code with the engine, which knows the normalised model only.
    """
    width, kappa, steps, stride = 200, 200**-1.2, 4000, 0.05
    rng = np.random.default_rng(seed)
    a0, w0 = rng.standard_normal(width), rng.standard_normal((width, 2))
    X = np.column_stack([data.x, np.ones(len(data.x))])
    distances = []
    for beta in (1.0, width**-0.5, width**-1.0):
        # β1 = β2 keeps κ' = 1, α = β²/κ keeps κ; a rate of stride·β² is a stride of the
        # normalised time t/(β1β2).
        a, w, factor, rate = beta * a0, beta * w0, kappa / beta**2, stride * beta**2
        for _ in range(steps):
            z = w @ X.T
            e = factor * (a @ np.maximum(z, 0)) - data.y
            pull = rate * factor / len(e)
            a, w = (
                a - pull * (np.maximum(z, 0) @ e),
                w - pull * a[:, None] * (((z > 0) * e) @ X),
            )
        distances.append(
            float(np.linalg.norm(w - beta * w0) / np.linalg.norm(beta * w0))
        )
    return np.array(distances)

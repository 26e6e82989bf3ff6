"""Tables of initial condensation, from the shards of its tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from condensery.experiments.initial_condensation import _config as settings
from condensery.experiments.initial_condensation._config import Config, multiplicity
from condensery.experiments.initial_condensation._measures import (
    alignment,
    condensed,
    explained,
    fit_residual,
    predicted_lines,
)
from condensery.protocols import Arrays, Task
from condensery.records import Table

Row = dict[str, Any]
ADAM, DESCENT = "Adam", "gradient descent"
_UNITS = {
    "multiplicity": "0 where the activation has none",
    "loss": "mean square over the mean square of y",
    "lines": "lines with at least a tenth of the neurons",
    "largest": "share of the neurons on the largest line",
    "covered": "share of the neurons on the counted lines",
    "pairs": "share of pairs of neurons with |cosine| above the threshold",
    "aligned": "median |cosine| of the neurons with the nearest predicted line; nan "
    "without a prediction",
    "aligned_low": "the same, lowest tenth",
    "sign_aligned": "median |cosine| with sign(z)/√d, where Adam's first step points",
    "explained": "share of the mean square of y that one line can explain, for "
    "multiplicity 1",
    "residual": "‖output − polynomial of degree p‖/‖output − mean‖ (degree 1 "
    "without p)",
    "moved": "share of neurons whose (w, b) moved further than it was long",
    "heaviest": "share of the three heaviest neurons in the sum of |a|·‖(w, b)‖",
    "status": "of the control: 1 reached its loss, 2 out of steps",
}


def build_tables(
    config: Config, tasks: Sequence[Task], shards: Sequence[Arrays]
) -> dict[str, Table]:
    """All tables."""
    rows: list[Row] = []
    found: dict[str, list[Row]] = {
        name: []
        for name in ("neurons", "field", "predicted", "output", "cosines", "deep")
    }
    for task, shard in zip(tasks, shards, strict=True):
        given: dict[str, Any] = dict(task.parameters)
        if "residual" in given:
            _add_deep(found, config, shard, residual=bool(given["residual"]))
            continue
        rows += list(_measured(given, task.seed, shard))
        if given["part"] == "line":
            _add_line(found, given["activation"], shard)
        elif task.seed == 0:
            found["cosines"] += list(_cosines(given, shard))
    tables = {"measures": _table(rows, _UNITS)} if rows else {}
    return tables | {
        name: _table(entries) for name, entries in found.items() if entries
    }


def _table(rows: Sequence[Row], units: Mapping[str, str] | None = None) -> Table:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Table(columns=columns, units=dict(units or {}))


def _measured(given: Mapping[str, Any], seed: int, shard: Arrays) -> Iterator[Row]:
    """One row per optimiser, recorded step and draw."""
    part, name = given["part"], given["activation"]
    for optimiser, prefix in ((ADAM, ""), (DESCENT, "control_")):
        if f"{prefix}w" not in shard:
            continue
        a, w = np.asarray(shard[f"{prefix}a"]), np.asarray(shard[f"{prefix}w"])
        end = len(shard[f"{prefix}step"]) - 1
        for at, step in enumerate(np.asarray(shard[f"{prefix}step"])):
            for k in range(w.shape[1]):
                line = part == "line"
                fits = line and optimiser == ADAM and step > 0
                yield {
                    "part": part,
                    "activation": name,
                    "multiplicity": multiplicity(name),
                    "optimiser": optimiser,
                    "draw": seed + k,
                    "step": int(shard["control_steps"][k])
                    if prefix and at == end
                    else int(step),
                    "last": at == end,
                    "loss": float(shard[f"{prefix}loss"][k, at]),
                    **_of_layer(part, name, seed + k, w[at, k]),
                    "residual": _residual(name, shard["fitted"][at])
                    if fits and k == 0
                    else np.nan,
                    **_moves(a[at, k], w[at, k], w[0, k]),
                    "status": int(shard["control_status"][k]) if prefix else 1,
                }


def _of_layer(part: str, name: str, draw: int, w: np.ndarray) -> Row:
    x, y = settings.line_data() if part == "line" else settings.cloud_data(draw)
    inputs = np.column_stack([x, np.ones(len(x))])
    threshold = settings.TAU_LINE if part == "line" else settings.TAU
    agreement = alignment(w, predicted_lines(inputs, y, name))
    sign = share = np.nan
    if multiplicity(name) == 1:
        share = explained(inputs, y, name)
        sign = float(
            np.median(
                alignment(w, np.sign(y @ inputs)[None] / np.sqrt(inputs.shape[1]))
            )
        )
    low = float(np.quantile(agreement, 0.1)) if np.isfinite(agreement).all() else np.nan
    return {
        **condensed(w, threshold=threshold),
        "aligned": float(np.median(agreement)),
        "aligned_low": low,
        "sign_aligned": sign,
        "explained": share,
    }


def _residual(name: str, fitted: np.ndarray) -> float:
    x, _ = settings.line_data()
    return fit_residual(x[:, 0], fitted, degree=multiplicity(name) or 1)[1]


def _moves(a: np.ndarray, w: np.ndarray, start: np.ndarray) -> Row:
    amplitude = np.sort(np.abs(a) * np.linalg.norm(w, axis=1))
    far = np.linalg.norm(w - start, axis=1) > np.linalg.norm(start, axis=1)
    return {
        "moved": float(far.mean()),
        "heaviest": float(amplitude[-3:].sum() / max(amplitude.sum(), 1e-300)),
    }


def _add_line(found: dict[str, list[Row]], name: str, shard: Arrays) -> None:
    """Of the first draw: neurons with their motion, the field, the predicted lines, and
    outputs with their fits.
    """
    step = np.asarray(shard["step"])
    at = int(np.flatnonzero(step > 0)[0])
    w, a, motion = (
        np.asarray(shard["w"])[at, 0],
        np.asarray(shard["a"])[at, 0],
        np.asarray(shard["motion"]),
    )
    for place, unit in enumerate(w):
        found["neurons"].append(
            {
                "activation": name,
                "step": int(step[at]),
                "w": unit[0],
                "b": unit[1],
                "a": a[place],
                "dw": motion[place, 0],
                "db": motion[place, 1],
            }
        )
    for point, vector in zip(
        np.asarray(shard["field"]), np.asarray(shard["field_motion"]), strict=True
    ):
        found["field"].append(
            {
                "activation": name,
                "w": point[0],
                "b": point[1],
                "dw": vector[0],
                "db": vector[1],
            }
        )
    x, y = settings.line_data()
    for direction in predicted_lines(np.column_stack([x, np.ones(len(x))]), y, name):
        found["predicted"].append(
            {"activation": name, "w": direction[0], "b": direction[1]}
        )
    fine = np.asarray(shard["fine"])
    degree = multiplicity(name) or 1
    for row in np.flatnonzero(step > step[at]):
        basis = np.polynomial.Polynomial.fit(
            x[:, 0], np.asarray(shard["fitted"])[row], degree
        )
        for place, value in enumerate(np.asarray(shard["outputs"])[row]):
            found["output"].append(
                {
                    "activation": name,
                    "step": int(step[row]),
                    "degree": degree,
                    "x": fine[place],
                    "model": value,
                    "polynomial": float(basis(fine[place])),
                    "target": float(
                        np.sin(3 * fine[place]) + 0.5 * np.sin(6 * fine[place])
                    ),
                }
            )


def _cosines(given: Mapping[str, Any], shard: Arrays) -> Iterator[Row]:
    """Sorted cosines of the draw that shows best what the figure is about: the second,
    whose data have a slope.
    """
    from condensery.metrics import cosine_matrix

    draw = min(1, shard["w"].shape[1] - 1)
    shown = [
        (ADAM, int(step), shard["w"][at, draw]) for at, step in enumerate(shard["step"])
    ]
    if "control_w" in shard:
        shown.append(
            (DESCENT, int(shard["control_steps"][draw]), shard["control_w"][-1, draw])
        )
    for optimiser, step, w in shown:
        if optimiser == ADAM and step not in (0, 1, int(shard["step"][-1])):
            continue
        yield {
            "part": given["part"],
            "activation": given["activation"],
            "optimiser": optimiser,
            "step": step,
            "draw": draw,
            "cosine": cosine_matrix(w).matrix,
        }


def _add_deep(
    found: dict[str, list[Row]], config: Config, shard: Arrays, *, residual: bool
) -> None:
    from condensery.metrics import cosine_matrix

    step = np.asarray(shard["step"])
    for layer, name in enumerate(settings.DEEP):
        at = int(np.flatnonzero(step == config.deep_steps[layer])[0])
        for draw, rows in enumerate(np.asarray(shard["rows"])[at]):
            found["deep"].append(
                {
                    "residual": residual,
                    "layer": layer + 1,
                    "activation": name,
                    "multiplicity": multiplicity(name),
                    "draw": draw,
                    "step": int(step[at]),
                    "loss": float(shard["loss"][draw, at]),
                    **condensed(rows[layer], threshold=settings.TAU),
                    "cosine": cosine_matrix(rows[layer]).matrix,
                }
            )

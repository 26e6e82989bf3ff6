"""The tables: measures of every draw, and the first draw in detail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from condensery.declare import Blocks, Results, table
from condensery.experiments.initial_condensation import _config as settings
from condensery.experiments.initial_condensation._config import Config, multiplicity
from condensery.experiments.initial_condensation._tasks import train, train_deep
from condensery.metrics import (
    alignment,
    amplitude,
    cosine_matrix,
    line_shares,
    polynomial_residual,
)
from condensery.protocols import Arrays
from condensery.theory import explained_by_line, initial_lines

Row = dict[str, Any]
ADAM, DESCENT = "Adam", "gradient descent"
UNITS = {
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
    "residual": "‖output − polynomial of degree p‖/‖output − mean‖ (degree 1 without "
    "p)",
    "moved": "share of neurons whose (w, b) moved further than it was long",
    "heaviest": "share of the three heaviest neurons in the sum of |a|·‖(w, b)‖",
    "status": "of the control: 1 reached its loss, 2 out of steps",
}


@table(**UNITS)
def measures(config: Config, results: Results) -> Blocks:
    """One row per part, activation, optimiser, recorded step and draw."""
    for arguments, run in results.of(train):
        fitted = _residuals(arguments["activation"], run)
        for row in _measured(arguments["part"], arguments["activation"], run):
            is_first = row["optimiser"] == ADAM and row["draw"] == 0
            step = row["step"] if is_first else 0
            yield {**row, "residual": fitted.get(step, np.nan)}


def _residuals(activation: str, run: Arrays) -> dict[int, float]:
    """Recorded step to what a polynomial leaves of the first draw's output."""
    if "fitted" not in run:
        return {}
    x, _ = settings.line_data()
    degree = multiplicity(activation) or 1
    residuals = {}
    for step, output in zip(run["step"].tolist(), run["fitted"], strict=True):
        if step > 0:
            _, residuals[step] = polynomial_residual(x[:, 0], output, degree=degree)
    return residuals


def _measured(part: str, activation: str, run: Arrays) -> Iterator[Row]:
    for optimiser, prefix in ((ADAM, ""), (DESCENT, "control_")):
        if f"{prefix}w" not in run:
            continue
        steps, loss = run[f"{prefix}step"], run[f"{prefix}loss"]
        a, w = run[f"{prefix}a"], run[f"{prefix}w"]
        end = len(steps) - 1
        for index, draw in np.ndindex(w.shape[:2]):
            ended = bool(prefix) and index == end
            step = run["control_steps"][draw] if ended else steps[index]
            status = run["control_status"][draw] if prefix else 1
            yield {
                "part": part,
                "activation": activation,
                "multiplicity": multiplicity(activation),
                "optimiser": optimiser,
                "draw": draw,
                "step": int(step),
                "last": index == end,
                "loss": float(loss[draw, index]),
                **_of_layer(part, activation, draw, w[index, draw]),
                **_moves(a[index, draw], w[index, draw], w[0, draw]),
                "status": int(status),
            }


def _of_layer(part: str, activation: str, draw: int, w: np.ndarray) -> Row:

    on_line = part == "line"
    x, y = settings.line_data() if on_line else settings.cloud_data(draw)
    inputs = np.column_stack([x, np.ones(len(x))])
    agreement = alignment(w, initial_lines(inputs, y, activation))
    sign = share = low = np.nan
    if multiplicity(activation) == 1:
        share = explained_by_line(inputs, y, activation)
        signs = np.sign(y @ inputs)[None] / np.sqrt(inputs.shape[1])
        sign = float(np.median(alignment(w, signs)))
    if np.isfinite(agreement).all():
        low = float(np.quantile(agreement, 0.1))
    return {
        **_lines(w, settings.TAU_LINE if on_line else settings.TAU),
        "aligned": float(np.median(agreement)),
        "aligned_low": low,
        "sign_aligned": sign,
        "explained": share,
    }


def _lines(w: np.ndarray, threshold: float) -> Row:

    shares = asdict(
        line_shares(
            w,
            threshold=threshold,
            minor=settings.MINOR,
        )
    )
    return {name: float(share) for name, share in shares.items()}


def _moves(a: np.ndarray, w: np.ndarray, start: np.ndarray) -> Row:
    size = np.sort(amplitude(a, w))
    moved = np.linalg.norm(w - start, axis=1)
    far = moved > np.linalg.norm(start, axis=1)
    heaviest = size[-3:].sum() / max(size.sum(), 1e-300)
    return {
        "moved": float(far.mean()),
        "heaviest": float(heaviest),
    }


# The first draw on the line


def _on_line(results: Results) -> Iterator[tuple[str, Arrays, int]]:
    """Activation, arrays, and the index of the first step that is drawn."""
    for arguments, run in results.of(train):
        if arguments["part"] == "line":
            first = int(np.flatnonzero(run["step"] > 0)[0])
            yield arguments["activation"], run, first


@table()
def neurons(config: Config, results: Results) -> Blocks:
    """Neurons with their motion."""
    for activation, run, first in _on_line(results):
        w, b = run["w"][first, 0].T
        dw, db = run["motion"].T
        yield {
            "activation": activation,
            "step": int(run["step"][first]),
            "w": w,
            "b": b,
            "a": run["a"][first, 0],
            "dw": dw,
            "db": db,
        }


@table()
def field(config: Config, results: Results) -> Blocks:
    """The field that moves the neurons."""
    for activation, run, _ in _on_line(results):
        w, b = run["field"].T
        dw, db = run["field_motion"].T
        yield {
            "activation": activation,
            "w": w,
            "b": b,
            "dw": dw,
            "db": db,
        }


@table()
def predicted(config: Config, results: Results) -> Blocks:
    """The predicted lines."""
    x, y = settings.line_data()
    inputs = np.column_stack([x, np.ones(len(x))])
    for activation, _, _ in _on_line(results):
        for w, b in initial_lines(inputs, y, activation):
            yield {
                "activation": activation,
                "w": w,
                "b": b,
            }


@table()
def output(config: Config, results: Results) -> Blocks:
    """Outputs with their fits, after the step at which the neurons are drawn."""
    x, _ = settings.line_data()
    for activation, run, first in _on_line(results):
        step, fine = run["step"], run["fine"]
        degree = multiplicity(activation) or 1
        for index in np.flatnonzero(step > step[first]):
            fitted = run["fitted"][index]
            fit = np.polynomial.Polynomial.fit(x[:, 0], fitted, degree)
            yield {
                "x": fine,
                "activation": activation,
                "step": int(step[index]),
                "degree": degree,
                "model": run["outputs"][index],
                "polynomial": [float(fit(point)) for point in fine],
                "target": [settings.line_target(point) for point in fine],
            }


# Cosines


@table()
def cosines(config: Config, results: Results) -> Blocks:
    """Sorted cosines of the draw that shows best what the figure is about: the second,
    whose data have a slope.
    """
    for arguments, run in results.of(train):
        if arguments["part"] != "line":
            labels = {name: arguments[name] for name in ("part", "activation")}
            for row in _cosines(run):
                yield labels | row


def _cosines(run: Arrays) -> Iterator[Row]:
    draw = min(1, run["w"].shape[1] - 1)
    last = int(run["step"][-1])
    layers = []
    for index, step in enumerate(run["step"].tolist()):
        if step in (0, 1, last):
            layers.append((ADAM, step, run["w"][index, draw]))
    if "control_w" in run:
        step = int(run["control_steps"][draw])
        layers.append((DESCENT, step, run["control_w"][-1, draw]))
    for optimiser, step, w in layers:
        yield {
            "optimiser": optimiser,
            "step": step,
            "draw": draw,
            "cosine": cosine_matrix(w).matrix[None],
        }


@table()
def deep(config: Config, results: Results) -> Blocks:
    """Lines and cosines of every layer of the deep network."""
    for arguments, run in results.of(train_deep):
        for layer, activation in enumerate(settings.DEEP):
            step = config.deep_steps[layer]
            index = int(np.flatnonzero(run["step"] == step)[0])
            for draw, layers in enumerate(run["rows"][index]):
                yield {
                    "residual": arguments["residual"],
                    "layer": layer + 1,
                    "activation": activation,
                    "multiplicity": multiplicity(activation),
                    "draw": draw,
                    "step": step,
                    "loss": float(run["loss"][draw, index]),
                    **_lines(layers[layer], settings.TAU),
                    "cosine": cosine_matrix(layers[layer]).matrix[None],
                }

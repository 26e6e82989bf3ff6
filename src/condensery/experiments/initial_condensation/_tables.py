"""The tables: measures of every draw, and the first draw in detail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.initial_condensation import _config as settings
from condensery.experiments.initial_condensation._config import Config, multiplicity
from condensery.experiments.initial_condensation._tasks import train, train_deep
from condensery.protocols import Arrays
from condensery.records import Table

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


def table_of(entries: Iterable[Row], **units: str) -> Table | None:
    """A table of rows; none if its part was not run."""
    listed = list(entries)
    if not listed:
        return None
    columns = {name: np.array([row[name] for row in listed]) for name in listed[0]}
    return Table(
        columns=columns,
        units=units,
    )


def measures(config: Config, results: Results) -> Table | None:
    """One row per part, activation, optimiser, recorded step and draw."""
    entries: list[Row] = []
    for arguments, run in results.of(train):
        fitted = _residuals(arguments["activation"], run)
        for row in _measured(arguments["part"], arguments["activation"], run):
            is_first = row["optimiser"] == ADAM and row["draw"] == 0
            step = row["step"] if is_first else 0
            row["residual"] = fitted.get(step, np.nan)
            entries.append(row)
    return table_of(entries, **UNITS)


def _residuals(activation: str, run: Arrays) -> dict[int, float]:
    """Recorded step to what a polynomial leaves of the first draw's output."""
    from condensery.metrics import polynomial_residual

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
    from condensery.metrics import alignment
    from condensery.theory import explained_by_line, initial_lines

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
    from condensery.metrics import line_shares

    shares = asdict(
        line_shares(
            w,
            threshold=threshold,
            minor=settings.MINOR,
        )
    )
    return {name: float(share) for name, share in shares.items()}


def _moves(a: np.ndarray, w: np.ndarray, start: np.ndarray) -> Row:
    amplitude = np.sort(np.abs(a) * np.linalg.norm(w, axis=1))
    moved = np.linalg.norm(w - start, axis=1)
    far = moved > np.linalg.norm(start, axis=1)
    heaviest = amplitude[-3:].sum() / max(amplitude.sum(), 1e-300)
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


def stacked(blocks: list[Any]) -> Table | None:
    return stack(blocks) if blocks else None


def neurons(config: Config, results: Results) -> Table | None:
    """Neurons with their motion."""
    blocks = []
    for activation, run, first in _on_line(results):
        weights = run["w"][first, 0]
        block = rows(
            {"unit": range(len(weights))},
            activation=activation,
            step=int(run["step"][first]),
            w=weights[:, 0],
            b=weights[:, 1],
            a=run["a"][first, 0],
            dw=run["motion"][:, 0],
            db=run["motion"][:, 1],
        )
        del block["unit"]
        blocks.append(block)
    return stacked(blocks)


def field(config: Config, results: Results) -> Table | None:
    """The field that moves the neurons."""
    blocks = []
    for activation, run, _ in _on_line(results):
        points, motion = run["field"], run["field_motion"]
        block = {
            "activation": np.full(len(points), activation),
            "w": points[:, 0],
            "b": points[:, 1],
            "dw": motion[:, 0],
            "db": motion[:, 1],
        }
        blocks.append(block)
    return stacked(blocks)


def predicted(config: Config, results: Results) -> Table | None:
    """The predicted lines."""
    from condensery.theory import initial_lines

    x, y = settings.line_data()
    inputs = np.column_stack([x, np.ones(len(x))])
    entries = []
    for activation, _, _ in _on_line(results):
        for w, b in initial_lines(inputs, y, activation):
            entries.append(
                {
                    "activation": activation,
                    "w": w,
                    "b": b,
                }
            )
    return table_of(entries)


def output(config: Config, results: Results) -> Table | None:
    """Outputs with their fits, after the step at which the neurons are drawn."""
    x, _ = settings.line_data()
    blocks = []
    for activation, run, first in _on_line(results):
        step, fine = run["step"], run["fine"]
        degree = multiplicity(activation) or 1
        target = [np.sin(3 * point) + 0.5 * np.sin(6 * point) for point in fine]
        for index in np.flatnonzero(step > step[first]):
            fitted = run["fitted"][index]
            fit = np.polynomial.Polynomial.fit(x[:, 0], fitted, degree)
            polynomial = np.array([float(fit(point)) for point in fine])
            block = rows(
                {"x": fine},
                activation=activation,
                step=int(step[index]),
                degree=degree,
                model=run["outputs"][index],
                polynomial=polynomial,
                target=target,
            )
            blocks.append(block)
    return stacked(blocks)


# Cosines


def cosines(config: Config, results: Results) -> Table | None:
    """Sorted cosines of the draw that shows best what the figure is about: the second,
    whose data have a slope.
    """
    entries: list[Row] = []
    for arguments, run in results.of(train):
        if arguments["part"] != "line":
            labels = {name: arguments[name] for name in ("part", "activation")}
            entries += [labels | row for row in _cosines(run)]
    return table_of(entries)


def _cosines(run: Arrays) -> Iterator[Row]:
    from condensery.metrics import cosine_matrix

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
        cosine = cosine_matrix(w).matrix
        yield {
            "optimiser": optimiser,
            "step": step,
            "draw": draw,
            "cosine": cosine,
        }


def deep(config: Config, results: Results) -> Table | None:
    """Lines and cosines of every layer of the deep network."""
    from condensery.metrics import cosine_matrix

    entries = []
    for arguments, run in results.of(train_deep):
        for layer, activation in enumerate(settings.DEEP):
            step = config.deep_steps[layer]
            index = int(np.flatnonzero(run["step"] == step)[0])
            for draw, layers in enumerate(run["rows"][index]):
                row = {
                    "residual": arguments["residual"],
                    "layer": layer + 1,
                    "activation": activation,
                    "multiplicity": multiplicity(activation),
                    "draw": draw,
                    "step": step,
                    "loss": float(run["loss"][draw, index]),
                    **_lines(layers[layer], settings.TAU),
                    "cosine": cosine_matrix(layers[layer]).matrix,
                }
                entries.append(row)
    return table_of(entries)

"""From the shards to the tables: slopes of both layers, outputs, neurons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, table
from condensery.experiments.three_layer._config import Config, shown_gammas
from condensery.experiments.three_layer._work import (
    THRESHOLD,
    longest,
    points,
    show,
    train,
)
from condensery.metrics import width_slope
from condensery.records import Status
from condensery.theory import three_layer_boundaries, three_layer_slopes

COLUMNS = (
    "gamma2",
    "gamma3",
    "width",
    "seed",
    "rd1",
    "rd2",
    "rd_a",
    "loss",
    "time",
    "steps",
    "status",
)
DISTANCES = {
    "first": "rd1",
    "second": "rd2",
    "output": "rd_a",
}
"""Layer to the column of its relative distance."""


@table(
    time="normalised flow time t/(β1 β2 β3)^(2/3)",
    loss="mean square",
    rd1="of W1",
    rd2="of W2",
)
def members(config: Config, results: Results) -> Blocks:
    """Relative distances of every network."""
    for _, run in results.of(train):
        yield {name: run[name] for name in COLUMNS}


@table(
    first=f"cover at cosine {THRESHOLD} of the longest tenth of the neurons, W1",
    second="the same of W2",
    first_before="at the start",
)
def orientations(config: Config, results: Results) -> Blocks:
    """Orientations of the neurons of both hidden layers in every cell, by seed, at the
    greatest width, of the networks that converged or came to rest.
    """
    for _, run in results.of(train):
        counted = run["counted"]
        ended = Status.ends(run["status"][counted])
        members = counted[ended]
        if not len(members):
            continue
        keys = ("gamma2", "gamma3", "width", "seed")
        counts = run["orientations"][ended]
        yield {
            **{name: run[name][members] for name in keys},
            "first_before": counts[:, 0, 0],
            "first": counts[:, 0, 1],
            "second_before": counts[:, 1, 0],
            "second": counts[:, 1, 1],
        }


@table(first="mean share of the orientations at the start that is left, W1")
def plane(config: Config, tables: Tables) -> Blocks:
    """What is left of the orientations in every cell, beside its slopes."""
    counts = tables["orientations"]
    for row in range(len(tables["slopes"])):
        cell = tables["slopes"].take(np.array([row]))
        gamma2, gamma3 = float(cell["gamma2"][0]), float(cell["gamma3"][0])
        members = counts.select(gamma2=gamma2, gamma3=gamma3)
        block = {"gamma2": gamma2, "gamma3": gamma3}
        for layer in ("first", "second"):
            shares = members[layer] / members[f"{layer}_before"]
            slope, error = cell[layer][0], cell[f"{layer}_se"][0]
            decided = bool(abs(slope) > 2 * error)
            block |= {
                layer: shares.mean() if len(shares) else np.nan,
                f"{layer}_error": _standard_error(shares),
                f"{layer}_slope": slope,
                f"{layer}_slope_se": error,
                f"{layer}_decided": "decided" if decided else "within two s.e. of 0",
            }
        yield block


@table(
    first="S_W1",
    second="S_W2",
    theory_first="by the balance of layers, this library's",
)
def slopes(config: Config, tables: Tables) -> Blocks:
    """Width slopes of every cell from the members that converged or came to rest, with
    the exponents of the balance of layers.
    """
    members = tables["members"]
    coordinates = np.column_stack([members["gamma2"], members["gamma3"]])
    for gamma2, gamma3 in np.unique(coordinates, axis=0):
        cell = members.select(
            gamma2=gamma2,
            gamma3=gamma3,
        )
        ended = Status.ends(cell["status"])
        block = {"gamma2": gamma2, "gamma3": gamma3}
        for layer, distance in DISTANCES.items():
            slope, error = _slope(cell["width"][ended], cell[distance][ended])
            block |= {layer: slope, f"{layer}_se": error}
        block["left_out"] = float(np.sum(~ended))
        theory = three_layer_slopes(gamma2, gamma3)
        block |= {"theory_first": theory.first, "theory_second": theory.second}
        yield block


@table()
def row_distances(config: Config, tables: Tables) -> Blocks:
    """Geometric mean RD of both layers in the row γ₂ = 0, and lines of the slopes."""
    converged = int(Status.CONVERGED)
    row = tables["members"].select(
        gamma2=0.0,
        status=converged,
    )
    fits = tables["slopes"].select(gamma2=0.0)
    for gamma3 in shown_gammas(config):
        cell = row.select(gamma3=gamma3)
        fit = fits.select(gamma3=gamma3)
        widths = np.unique(cell["width"])
        block = rows({"width": widths}, gamma3=gamma3)
        for layer in ("first", "second"):
            slope = float(fit[layer][0])
            error = float(fit[f"{layer}_se"][0])
            name = f"γ₃ = {gamma3:g}: {slope + 0.0:.3f} ± {error:.3f}"
            block[f"{layer}_name"] = np.full(len(widths), name.replace("-", "−"))
            column = DISTANCES[layer]
            logs = [np.log(cell.select(width=width)[column]) for width in widths]
            block |= _through_middle(layer, np.log(widths), logs, slope)
        yield block


def _through_middle(
    layer: str, log_width: np.ndarray, logs: Sequence[np.ndarray], slope: float
) -> dict[str, np.ndarray]:
    """Geometric means with their standard errors, and a line through their middle."""
    mean = np.array([log.mean() for log in logs])
    error = np.array([_standard_error(log) for log in logs])
    line = mean.mean() + slope * (log_width - log_width.mean())
    logarithms = {
        layer: mean,
        f"{layer}_low": mean - error,
        f"{layer}_high": mean + error,
        f"{layer}_line": line,
    }
    return {name: np.exp(values) for name, values in logarithms.items()}


def _standard_error(values: np.ndarray) -> float:
    if values.size < 2:
        return 0.0
    return float(values.std(ddof=1) / np.sqrt(values.size))


def _slope(width: np.ndarray, distance: np.ndarray) -> tuple[float, float]:
    """Slope and its standard error; nan where there are fewer than two widths."""
    if len(np.unique(width)) < 2:
        return np.nan, np.nan
    fit = width_slope(width.astype(float), distance)
    return fit.slope, fit.slope_se


@table()
def boundary(config: Config, results: Results) -> Blocks:
    """γ₃ at which a balance of the layers makes each slope 0."""
    low, high = min(config.gamma2s) - 0.5, max(config.gamma2s) + 0.5
    gamma2 = np.linspace(low, high, 201)
    lines = three_layer_boundaries(gamma2)
    yield rows(
        {"gamma2": gamma2},
        first=lines.first,
        second=lines.second,
    )


@table()
def outputs(config: Config, results: Results) -> Blocks:
    """Outputs before and after training, beside the linear spline of the samples."""
    shown = results.only(show)
    x, y = points()
    axes = {"gamma3": shown["gamma3"], "x": shown["grid"]}
    yield rows(
        axes,
        initial=shown["outputs"][:, 0],
        final=shown["outputs"][:, 1],
        reference=np.interp(shown["grid"], x[:, 0], y),
    )


@table(when="0 before, 1 after training", weight="w of the first layer, normalised")
def pairs(config: Config, results: Results) -> Blocks:
    """Weight and bias of every unit of the first layer."""
    shown = results.only(show)
    units = shown["pairs"].shape[2]
    axes = {
        "gamma3": shown["gamma3"],
        "when": [0, 1],
        "": range(units),
    }
    weight, bias = np.moveaxis(shown["pairs"], -1, 0)
    yield rows(
        axes,
        weight=weight,
        bias=bias,
    )


@table(
    orientations=f"cover at cosine {THRESHOLD} of the longest tenth of the neurons",
)
def neurons(config: Config, results: Results) -> Blocks:
    """Orientations of the longest tenth of the neurons."""
    shown = results.only(show)
    for gamma3, (before, after) in zip(shown["gamma3"], shown["pairs"], strict=True):
        start, end = longest(before), longest(after)
        yield {
            "gamma3": gamma3,
            "width": config.shown_width,
            "orientations_before": start.effective_neurons,
            "orientations": end.effective_neurons,
            "active": end.active_units,
        }


@table()
def methods(config: Config, results: Results) -> Blocks:
    """RD of both layers by both methods of the flow."""
    shown = results.only(show)
    checked = shown["checked"]
    yield rows(
        {"gamma3": shown["gamma3"]},
        exponential_1=checked[:, 0, 0],
        gram_1=checked[:, 1, 0],
        exponential_2=checked[:, 0, 1],
        gram_2=checked[:, 1, 1],
    )


@table()
def data(config: Config, results: Results) -> Blocks:
    """The samples."""
    x, y = points()
    yield {"x": x, "y": y}

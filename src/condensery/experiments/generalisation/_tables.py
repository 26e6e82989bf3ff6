"""The tables of generalisation: nets, recovery by number of samples, and the fit of
error against condensation.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, table
from condensery.experiments.generalisation._config import Config
from condensery.experiments.generalisation._work import NAMES, fit

DRAWS = 2000
"""Bootstrap draws of the fit."""

FITTED = 1e-6
"""Training error over the mean square of the targets below which a net counts as
fitted.
"""

LEAST = 1e-9
"""Smaller test errors are drawn here."""

WHOLE = ("samples", "width", "status", "steps")
"""Columns of whole numbers."""


@table(
    units="k, of the target",
    train="over the mean square of the targets",
    test="over the mean square of the target",
    effective="exp of the entropy of the group amplitudes",
)
def nets(config: Config, results: Results) -> Blocks:
    """Every net."""
    for call, run in results.calls(fit):
        columns = {
            name: run[name].astype(np.int64) if name in WHOLE else run[name]
            for name in NAMES
        }
        count = len(run["samples"])
        columns["units"] = np.full(count, call.arguments["k"])
        columns["seed"] = np.full(count, call.seed)
        yield columns


@table()
def ranks(config: Config, results: Results) -> Blocks:
    """Model rank of every target, and of two embeddings of it."""
    for call, run in results.calls(fit):
        rank, split, null = run["rank"]
        yield {
            "units": call.arguments["k"],
            "seed": call.seed,
            "rank": rank,
            "rank_split": split,
            "rank_null": null,
        }


@table()
def recovery(config: Config, tables: Tables) -> Blocks:
    """Median test error over the seeds, for every k, n, width and scale."""
    every = tables["nets"]
    cells = product(config.units, config.widths, config.scales, config.samples)
    for k, width, scale, count in cells:
        cell = every.select(
            units=k,
            width=width,
            scale=scale,
            samples=count,
        )
        yield {
            "units": k,
            "width": width,
            "scale": scale,
            "samples": count,
            "test": np.median(cell["test"]),
            "train": np.median(cell["train"]),
        }


@table(
    threshold="−1 where no n of the grid is enough",
    earliest="least n with a median error below",
)
def thresholds(config: Config, tables: Tables) -> Blocks:
    """Per k, width and scale: the least n from which on the median error stays below
    `recovered`; −1 if none does.
    """
    medians = tables["recovery"]
    for k, width, scale in product(config.units, config.widths, config.scales):
        cell = medians.select(
            units=k,
            width=width,
            scale=scale,
        )
        samples = cell["samples"]
        below = cell["test"] < config.recovered
        above = np.flatnonzero(~below)
        first = above[-1] + 1 if above.size else 0
        yield {
            "units": k,
            "width": width,
            "scale": scale,
            "threshold": int(samples[first]) if first < len(below) else -1,
            "earliest": int(samples[below][0]) if below.any() else -1,
            "optimistic": config.optimistic(k),
        }


@table(ratio="effective neurons over k")
def near(config: Config, tables: Tables) -> Blocks:
    """Fitted nets with O ≤ n ≤ 2 O: what the fit is made of, and the figure shows."""
    every = tables["nets"]
    limit = every["units"] * (config.features + 1)
    keep = (
        (every["samples"] >= limit)
        & (every["samples"] <= 2 * limit)
        & (every["train"] < FITTED)
    )
    fitted = every.take(keep)
    yield {**fitted.columns, "ratio": fitted["effective"] / fitted["units"]}


@table(
    low="2.5 % of the slope over bootstrap draws of nets",
    high="97.5 %",
    rho="Spearman's",
)
def error_fit(config: Config, tables: Tables) -> Blocks:
    """log10 test error against log10 of effective neurons over k, of fitted nets with O
    ≤ n ≤ 2 O; bootstrapped.
    """
    fitted = tables["near"]
    for k in config.units:
        nets_of_k = fitted.select(units=k)
        x = np.log10(nets_of_k["ratio"])
        y = np.log10(np.maximum(nets_of_k["test"], 1e-12))
        slope, intercept = line(x, y)
        low, high = _interval(x, y, k)
        yield {
            "units": float(k),
            "slope": slope,
            "low": low,
            "high": high,
            "intercept": intercept,
            "nets": float(len(x)),
            "rho": _spearman(x, y),
        }


@table()
def fitted_lines(config: Config, tables: Tables) -> Blocks:
    """Ends of the fitted lines, for the figure; none where no line was fitted."""
    fitted, fits = tables["near"], tables["fit"]
    yield rows(
        {"ratio": []},
        units=0,
        test=0.0,
    )
    for k in config.units:
        (slope,), (intercept,) = (
            fits.select(units=float(k))[name] for name in ("slope", "intercept")
        )
        ratio = fitted.select(units=k)["ratio"]
        if np.isfinite(slope):
            ends = np.array([ratio.min(), ratio.max()])
            test = 10 ** (intercept + slope * np.log10(ends))
            yield rows(
                {"ratio": ends},
                units=k,
                test=test,
            )


@table()
def labels(config: Config, tables: Tables) -> Blocks:
    """What the figure writes below each cloud: the slope, or that there is none."""
    for k in config.units:
        row = tables["fit"].select(units=float(k))
        slope, low, high = (round(row[name][0], 1) for name in ("slope", "low", "high"))
        text = f"slope {slope:g} ({low:g} to {high:g})".replace("-", "−")
        if not np.isfinite(slope):
            text = "no line"
        yield {
            "units": k,
            "x": 0.97,
            "y": 0.05,
            "text": text,
        }


def _interval(x: np.ndarray, y: np.ndarray, k: int) -> tuple[float, float]:
    """Bootstrap interval of the slope, of 95 %."""
    random = np.random.Generator(np.random.Philox(key=[0, k]))
    draws = random.integers(0, max(len(x), 1), (DRAWS, len(x)))
    slopes = [line(x[draw], y[draw])[0] for draw in draws]
    if not np.isfinite(slopes).any():
        return np.nan, np.nan
    low, high = np.nanpercentile(slopes, [2.5, 97.5])
    return low, high


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of the ranks; nan of fewer than three nets."""
    if len(x) <= 2:
        return np.nan
    order_x, order_y = (np.argsort(np.argsort(values)) for values in (x, y))
    return float(np.asarray(np.corrcoef(order_x, order_y))[0, 1])


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept by least squares; nan where x hardly varies."""
    if len(x) < 3 or np.ptp(x) < 1e-9:
        return np.nan, np.nan
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    return slope, float(y.mean() - slope * x.mean())

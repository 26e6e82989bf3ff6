"""The tables of generalisation: nets, recovery by number of samples, and the fit of
error against condensation.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.generalisation._config import Config
from condensery.experiments.generalisation._work import NAMES, fit
from condensery.records import Table

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


def nets(config: Config, results: Results) -> Table:
    """Every net."""
    blocks = []
    for call, run in results.calls(fit):
        columns = {
            name: run[name].astype(np.int64) if name in WHOLE else run[name]
            for name in NAMES
        }
        count = len(run["samples"])
        columns["units"] = np.full(count, call.arguments["k"])
        columns["seed"] = np.full(count, call.seed)
        blocks.append(columns)
    return stack(
        blocks,
        units="k, of the target",
        train="over the mean square of the targets",
        test="over the mean square of the target",
        effective="exp of the entropy of the group amplitudes",
    )


def ranks(config: Config, results: Results) -> Table:
    """Model rank of every target, and of two embeddings of it."""
    blocks = []
    for call, run in results.calls(fit):
        rank, split, null = run["rank"]
        block = rows(
            {},
            units=call.arguments["k"],
            seed=call.seed,
            rank=rank,
            rank_split=split,
            rank_null=null,
        )
        blocks.append(block)
    return stack(blocks)


def recovery(config: Config, results: Results) -> Table:
    """Median test error over the seeds, for every k, n, width and scale."""
    every = nets(config, results)
    blocks = []
    cells = product(config.units, config.widths, config.scales, config.samples)
    for k, width, scale, count in cells:
        cell = every.select(
            units=k,
            width=width,
            scale=scale,
            samples=count,
        )
        block = rows(
            {},
            units=k,
            width=width,
            scale=scale,
            samples=count,
            test=np.median(cell["test"]),
            train=np.median(cell["train"]),
        )
        blocks.append(block)
    return stack(blocks)


def thresholds(config: Config, results: Results) -> Table:
    """Per k, width and scale: the least n from which on the median error stays below
    `recovered`; −1 if none does.
    """
    medians = recovery(config, results)
    blocks = []
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
        block = rows(
            {},
            units=k,
            width=width,
            scale=scale,
            threshold=int(samples[first]) if first < len(below) else -1,
            earliest=int(samples[below][0]) if below.any() else -1,
            optimistic=config.optimistic(k),
        )
        blocks.append(block)
    return stack(
        blocks,
        threshold="−1 where no n of the grid is enough",
        earliest="least n with a median error below",
    )


def near(config: Config, results: Results) -> Table:
    """Fitted nets with O ≤ n ≤ 2 O: what the fit is made of, and the figure shows."""
    every = nets(config, results)
    limit = every["units"] * (config.features + 1)
    keep = (
        (every["samples"] >= limit)
        & (every["samples"] <= 2 * limit)
        & (every["train"] < FITTED)
    )
    columns = {name: column[keep] for name, column in every.columns.items()}
    columns["ratio"] = columns["effective"] / columns["units"]
    return Table(columns=columns, units={"ratio": "effective neurons over k"})


def error_fit(config: Config, results: Results) -> Table:
    """log10 test error against log10 of effective neurons over k, of fitted nets with O
    ≤ n ≤ 2 O; bootstrapped.
    """
    fitted = near(config, results)
    blocks = []
    for k in config.units:
        nets_of_k = fitted.select(units=k)
        x = np.log10(nets_of_k["ratio"])
        y = np.log10(np.maximum(nets_of_k["test"], 1e-12))
        slope, intercept = line(x, y)
        low, high = _interval(x, y, k)
        block = rows(
            {},
            units=float(k),
            slope=slope,
            low=low,
            high=high,
            intercept=intercept,
            nets=float(len(x)),
            rho=_spearman(x, y),
        )
        blocks.append(block)
    return stack(
        blocks,
        low="2.5 % of the slope over bootstrap draws of nets",
        high="97.5 %",
        rho="Spearman's",
    )


def fitted_lines(config: Config, results: Results) -> Table:
    """Ends of the fitted lines, for the figure; none where no line was fitted."""
    fitted = near(config, results)
    table = error_fit(config, results)
    blocks = [
        rows(
            {"ratio": []},
            units=0,
            test=0.0,
        )
    ]
    for k in config.units:
        (slope,), (intercept,) = (
            table.select(units=float(k))[name] for name in ("slope", "intercept")
        )
        ratio = fitted.select(units=k)["ratio"]
        if np.isfinite(slope):
            ends = np.array([ratio.min(), ratio.max()])
            test = 10 ** (intercept + slope * np.log10(ends))
            blocks.append(
                rows(
                    {"ratio": ends},
                    units=k,
                    test=test,
                )
            )
    return stack(blocks)


def labels(config: Config, results: Results) -> Table:
    """What the figure writes below each cloud: the slope, or that there is none."""
    table = error_fit(config, results)
    blocks = []
    for k in config.units:
        row = table.select(units=float(k))
        slope, low, high = (round(row[name][0], 1) for name in ("slope", "low", "high"))
        text = f"slope {slope:g} ({low:g} to {high:g})".replace("-", "−")
        if not np.isfinite(slope):
            text = "no line"
        blocks.append(
            rows(
                {},
                units=k,
                x=0.97,
                y=0.05,
                text=text,
            )
        )
    return stack(blocks)


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

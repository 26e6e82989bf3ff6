"""The tables of generalisation: nets, recovery by number of samples, and the fit of
error against condensation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from condensery.experiments.generalisation._config import Config
from condensery.protocols import Arrays
from condensery.records import Table

DRAWS = 2000
"""Bootstrap draws of the fit."""

FITTED = 1e-6
"""Training error over the mean square of the targets below which a net counts as
fitted.
"""

NAMES = ("samples", "width", "scale", "train", "test", "effective", "status", "steps")


def build_tables(
    config: Config, parts: Sequence[tuple[int, int]], shards: Sequence[Arrays]
) -> dict[str, Table]:
    """`parts` are (k, seed) of the shards."""
    rows = {
        name: np.concatenate([np.asarray(shard[name]) for shard in shards])
        for name in NAMES
    }
    per_shard = [len(np.asarray(shard["samples"])) for shard in shards]
    rows["units"] = np.repeat([k for k, _ in parts], per_shard)
    rows["seed"] = np.repeat([seed for _, seed in parts], per_shard)
    for name in ("samples", "width", "status", "steps"):
        rows[name] = rows[name].astype(np.int64)
    nets = Table(
        columns=rows,
        units={
            "units": "k, of the target",
            "train": "over the mean square of the targets",
            "test": "over the mean square of the target",
            "effective": "exp of the entropy of the group amplitudes",
        },
    )
    ranks = np.array([np.asarray(shard["rank"]) for shard in shards])
    return {
        "nets": nets,
        "recovery": _recovery(config, nets),
        "thresholds": _thresholds(config, nets),
        "fit": _fit(config, nets),
        "ranks": Table(
            columns={
                "units": np.array([k for k, _ in parts]),
                "seed": np.array([seed for _, seed in parts]),
                "rank": ranks[:, 0],
                "rank_split": ranks[:, 1],
                "rank_null": ranks[:, 2],
            },
        ),
    }


def _recovery(config: Config, nets: Table) -> Table:
    """Median test error over the seeds, for every k, n, width and scale."""
    rows = []
    for k in config.units:
        for width in config.widths:
            for scale in config.scales:
                for count in config.samples:
                    cell = nets.select(units=k, width=width, scale=scale, samples=count)
                    rows.append(
                        (
                            k,
                            width,
                            scale,
                            count,
                            np.median(cell["test"]),
                            np.median(cell["train"]),
                        )
                    )
    table = np.array(rows)
    columns = {
        name: table[:, place]
        for place, name in enumerate(
            ("units", "width", "scale", "samples", "test", "train")
        )
    }
    return Table(
        columns={
            **columns,
            **{
                name: columns[name].astype(np.int64)
                for name in ("units", "width", "samples")
            },
        }
    )


def _thresholds(config: Config, nets: Table) -> Table:
    """Per k, width and scale: the least n from which on the median error stays below
    `recovered`; −1 if none does.
    """
    found = _recovery(config, nets)
    rows = []
    for k in config.units:
        for width in config.widths:
            for scale in config.scales:
                cell = found.select(units=k, width=width, scale=scale)
                below = cell["test"] < config.recovered
                run = np.flatnonzero(~below)
                first = run[-1] + 1 if run.size else 0
                reached = int(cell["samples"][first]) if first < len(below) else -1
                earliest = int(cell["samples"][below][0]) if below.any() else -1
                rows.append((k, width, scale, reached, earliest, config.optimistic(k)))
    table = np.array(rows)
    names = ("units", "width", "scale", "threshold", "earliest", "optimistic")
    columns = {name: table[:, place] for place, name in enumerate(names)}
    return Table(
        columns={
            name: column if name == "scale" else column.astype(np.int64)
            for name, column in columns.items()
        },
        units={
            "threshold": "−1 where no n of the grid is enough",
            "earliest": "least n with a median error below",
        },
    )


def _fit(config: Config, nets: Table) -> Table:
    """log10 test error against log10 of effective neurons over k, of fitted nets with O
    ≤ n ≤ 2 O; bootstrapped.
    """
    columns: dict[str, list[float]] = {
        name: []
        for name in ("units", "slope", "low", "high", "intercept", "nets", "rho")
    }
    for k in config.units:
        limit = config.optimistic(k)
        keep = (
            (nets["units"] == k)
            & (nets["samples"] >= limit)
            & (nets["samples"] <= 2 * limit)
            & (nets["train"] < FITTED)
        )
        keep &= nets["train"] < FITTED
        x, y = (
            np.log10(nets["effective"][keep] / k),
            np.log10(np.maximum(nets["test"][keep], 1e-12)),
        )
        slope, intercept = _line(x, y)
        random = np.random.Generator(np.random.Philox(key=[0, k]))
        draws = [
            _line(x[rows], y[rows])[0]
            for rows in random.integers(0, max(len(x), 1), (DRAWS, len(x)))
        ]
        low, high = (
            np.nanpercentile(draws, [2.5, 97.5])
            if np.isfinite(draws).any()
            else (np.nan, np.nan)
        )
        ranks = [np.argsort(np.argsort(one)) for one in (x, y)]
        rho = (
            float(np.asarray(np.corrcoef(ranks[0], ranks[1]))[0, 1])
            if len(x) > 2
            else np.nan
        )
        values = (k, slope, low, high, intercept, len(x), rho)
        for name, value in zip(columns, values, strict=True):
            columns[name].append(float(value))
    return Table(
        columns={name: np.asarray(column) for name, column in columns.items()},
        units={
            "low": "2.5 % of the slope over bootstrap draws of nets",
            "high": "97.5 %",
            "rho": "Spearman's",
        },
    )


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    if len(x) < 3 or np.ptp(x) < 1e-9:
        return np.nan, np.nan
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    return slope, float(y.mean() - slope * x.mean())

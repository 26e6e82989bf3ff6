"""The tables of generalisation: nets, recovery by number of samples, and errors of
condensed nets beside those of the others.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, table
from condensery.experiments.generalisation._config import Config
from condensery.experiments.generalisation._work import NAMES, fit
from condensery.metrics import share
from condensery.records import Table

FITTED = 1e-6
"""Training error over the mean square of the targets below which a net counts as
fitted.
"""

LEAST = 1e-9
"""Smaller test errors are drawn here."""

ROOM = 0.5
"""A net is condensed if it has less than this above k effective neurons."""

ASIDE = 0.17
"""How far the two classes stand beside their number of samples."""

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


@table(
    test="median over the seeds",
    train="median over the seeds",
    recovered="share of the seeds",
    low="lower end of the share's interval of 95 %",
    high="upper end",
    place="samples, widths side by side",
)
def recovery(config: Config, tables: Tables) -> Blocks:
    """Share of recovered targets and median errors over the seeds, for every k, n,
    width and scale.
    """
    every = tables["nets"]
    cells = product(config.units, config.widths, config.scales, config.samples)
    for k, width, scale, count in cells:
        cell = every.select(
            units=k,
            width=width,
            scale=scale,
            samples=count,
        )
        recovered = share(cell["test"] < config.recovered)
        order = config.widths.index(width) - (len(config.widths) - 1) / 2
        yield {
            "units": k,
            "width": width,
            "scale": scale,
            "samples": count,
            "test": np.median(cell["test"]),
            "train": np.median(cell["train"]),
            "recovered": recovered.value,
            "low": recovered.low,
            "high": recovered.high,
            "place": count + ASIDE * order,
        }


@table(
    threshold="−1 where no n of the grid is enough",
    earliest="least n that recovers more than half of the seeds",
)
def thresholds(config: Config, tables: Tables) -> Blocks:
    """Per k, width and scale: the least n from which on more than half of the seeds are
    recovered; −1 if none is.
    """
    every = tables["recovery"]
    for k, width, scale in product(config.units, config.widths, config.scales):
        cell = every.select(
            units=k,
            width=width,
            scale=scale,
        )
        samples = cell["samples"]
        below = cell["recovered"] > 0.5
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


@table(
    condensed="to less than k + ½ effective neurons",
    recovered="whether the test error is below the bound",
    place="samples, the two classes side by side",
)
def near(config: Config, tables: Tables) -> Blocks:
    """Fitted nets with O ≤ n ≤ 2 O."""
    every = tables["nets"]
    limit = every["units"] * (config.features + 1)
    keep = (
        (every["samples"] >= limit)
        & (every["samples"] <= 2 * limit)
        & (every["train"] < FITTED)
    )
    fitted = every.take(keep)
    condensed = fitted["effective"] < fitted["units"] + ROOM
    yield {
        **fitted.columns,
        "condensed": condensed,
        "recovered": fitted["test"] < config.recovered,
        "place": fitted["samples"] + np.where(condensed, -ASIDE, ASIDE),
    }


@table(
    nets="how many of the fitted ones with this n",
    test="median",
    low="first quartile of the test error",
    high="third quartile",
    recovered="share of them",
    place="as in near",
    top="where the figure writes the number of nets",
)
def classes(config: Config, tables: Tables) -> Blocks:
    """Errors of condensed nets and of the others for every n from O to 2 O."""
    fitted = tables["near"]
    yield rows(
        {"place": []},
        units=0,
        samples=0,
        condensed=False,
        nets=0,
        test=0.0,
        low=0.0,
        high=0.0,
        recovered=0.0,
        top=0.0,
    )
    for k, count, condensed in product(config.units, config.samples, (True, False)):
        nets_of_class = fitted.select(units=k, samples=count, condensed=condensed)
        if not len(nets_of_class):
            continue
        test = np.maximum(nets_of_class["test"], LEAST)
        low, median, high = np.percentile(test, [25, 50, 75])
        recovered = share(nets_of_class["recovered"])
        yield {
            "units": k,
            "samples": count,
            "condensed": condensed,
            "nets": recovered.draws,
            "test": median,
            "low": low,
            "high": high,
            "recovered": recovered.value,
            "place": nets_of_class["place"][0],
            "top": 30.0 if condensed else 4.0,
        }


@table(
    condensed="share recovered of the condensed nets, mean over n",
    other="of the others",
    counts="how many n have nets of both classes",
)
def gains(config: Config, tables: Tables) -> Blocks:
    """Shares recovered of both classes for every target and data set, at equal n."""
    fitted = tables["near"]
    for k, seed in product(config.units, range(config.seeds)):
        of_target = fitted.select(units=k, seed=seed)
        pairs = [
            pair
            for count in np.unique(of_target["samples"])
            if (pair := _both(of_target.select(samples=count))) is not None
        ]
        condensed, other = np.mean(pairs, axis=0) if pairs else (np.nan, np.nan)
        yield {
            "units": k,
            "seed": seed,
            "condensed": condensed,
            "other": other,
            "counts": len(pairs),
        }


def _both(nets_of_cell: Table) -> tuple[float, float] | None:
    """Shares recovered of the condensed nets and of the others; None where one class is
    empty.
    """
    condensed = nets_of_cell["condensed"]
    if condensed.all() or not condensed.any():
        return None
    recovered = nets_of_cell["recovered"]
    return float(recovered[condensed].mean()), float(recovered[~condensed].mean())

"""The claims of architectures, each on its measure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    needs,
    no_less,
)
from condensery.experiments.architectures._config import Config
from condensery.metrics import MeanDifference, mean_difference
from condensery.records import Table

SETTLED = 20_000
"""Steps below which nothing is said of dropout: its papers take 10⁴ to 10⁶."""
FALL = 0.2
"""A layer that condenses loses at least so much of its effective ratio."""
BELOW = 0.9
"""Rows condense if their ratio is below this share of that of shuffled rows."""

sentence = partial(
    claim,
    paper="xu2025overview",
    source="condensation is independent of the architecture; small initialisation "
    "or dropout facilitate it",
    kind="reproduction",
)
finding = partial(
    claim,
    paper="condensery",
    source="this project, beside what Xu et al. 2025 say of architectures",
    kind="observation",
)


HAS_SCALES = needs("two exponents", lambda config: len(config.exponents) > 1)
"""There is a large and a small scale to compare."""
HAS_SEEDS = no_less(seeds=2)
"""A difference has an interval."""
HAS_DROPOUT = needs("two keeps", lambda config: len(config.keeps) > 1)
HAS_SETTLED = HAS_DROPOUT & HAS_SEEDS & no_less(steps=SETTLED)
"""Dropout has had time, and seeds give its fall an interval."""
HAS_DECAYS = needs("two decays", lambda config: len(config.decays) > 1) & HAS_SEEDS


@sentence(
    "small-scale",
    "A small initial scale condenses every architecture (fall of the mean "
    "effective ratio "
    "of its layers at cosine 0.7 from the largest to the smallest scale; "
    "smallest over the architectures).",
    at_least(FALL),
    when=HAS_SCALES,
)
def small_scale(config: Config, tables: Tables) -> Measured:
    """The smallest fall with the scale."""
    large, small = min(config.exponents), max(config.exponents)
    falls = _falls(config, tables, exponent=small)
    note = f"exponent {large:g} to {small:g}: {_listed(falls)}"
    return Measured(_smallest(falls), note)


@sentence(
    "dropout",
    "Dropout condenses every architecture (fall of that ratio from none to "
    "the strongest "
    "dropout at the largest scale: lower end of its 95 % interval over the seeds, "
    "smallest over the architectures).",
    at_least(0.0),
    when=HAS_SETTLED,
)
def dropout(config: Config, tables: Tables) -> Measured:
    """The smallest lower end of a fall with dropout."""
    strongest = min(config.keeps)
    falls = _falls(config, tables, keep=strongest)
    note = f"p = {strongest:g} after {config.steps} steps: {_listed(falls)}"
    return Measured(_lowest(falls), note)


@finding(
    "decay",
    "Weight decay condenses every architecture (fall of that ratio from "
    "none to the strongest "
    "decay at the largest scale: lower end of its 95 % interval over the seeds, "
    "smallest over the architectures).",
    at_least(0.0),
    when=HAS_DECAYS,
)
def decay(config: Config, tables: Tables) -> Measured:
    """The smallest lower end of a fall with weight decay."""
    strongest = max(config.decays)
    falls = _falls(config, tables, decay=strongest)
    note = f"decay {strongest:g} after {config.steps} steps: {_listed(falls)}"
    return Measured(_lowest(falls), note)


@finding(
    "layers",
    "Every layer of neurons condenses at the smallest scale (share of layers whose "
    "ratio is below 0.9 of "
    "that of their shuffled rows; mean over the seeds).",
    at_least(1.0),
    when=HAS_SCALES,
)
def layers(config: Config, tables: Tables) -> Measured:
    """The share of layers below their shuffled rows."""
    rows = _at_smallest_scale(config, tables)
    rows = rows.take(rows["layer"] != "heads")
    below = rows["ratio_70"] < BELOW * rows["null_70"]
    note = f"{int(below.sum())} of {len(below)}"
    for row in np.flatnonzero(~below):
        ratio, null = rows["ratio_70"][row], rows["null_70"][row]
        note += f"; {rows['kind'][row]} {rows['layer'][row]} {ratio:.2f} of {null:.2f}"
    return Measured(float(below.mean()), note)


@finding(
    "heads",
    "Attention heads condense too (mean of their effective ratio at the smallest scale "
    "over that of shuffled ones).",
    at_most(BELOW),
    when=HAS_SCALES,
)
def heads(config: Config, tables: Tables) -> Measured:
    """The mean ratio of the heads over that of shuffled ones."""
    rows = _at_smallest_scale(config, tables).select(layer="heads")
    if not len(rows):
        return Measured(None, needs="kinds with transformer")
    ratio = float(np.mean(rows["ratio_70"] / rows["null_70"]))
    return Measured(ratio, "four heads, compared as forms QᵀK")


@finding(
    "accuracy",
    "Condensed networks classify as well (test accuracy at the smallest "
    "scale minus that at "
    "the largest: upper end of its 95 % interval over the seeds, smallest over the "
    "architectures).",
    at_least(0.0),
    when=HAS_SCALES & HAS_SEEDS,
)
def accuracy(config: Config, tables: Tables) -> Measured:
    """The smallest upper end of a gain in accuracy with the scale."""
    members = tables["members"].select(**_plain(config))
    gains: dict[str, MeanDifference] = {}
    for kind in config.kinds:
        runs = members.select(kind=kind)
        small = runs.select(exponent=max(config.exponents))
        large = runs.select(exponent=min(config.exponents))
        gains[kind] = _paired(small, large, "accuracy")
    highest = [gain.high for gain in gains.values()]
    return Measured(_finite(highest), _listed(gains))


def _plain(config: Config) -> dict[str, float]:
    """Least dropout, least decay."""
    return {"keep": max(config.keeps), "decay": min(config.decays)}


def _at_smallest_scale(config: Config, tables: Tables) -> Table:
    plain = _plain(config)
    return tables["layers"].select(**plain, exponent=max(config.exponents))


def _falls(
    config: Config,
    tables: Tables,
    **changed: float,
) -> dict[str, MeanDifference]:
    """Fall of the mean ratio of each architecture's layers when a setting changes, seed
    by seed.
    """
    start = {**_plain(config), "exponent": min(config.exponents)}
    end = {**start, **changed}
    falls: dict[str, MeanDifference] = {}
    for kind in config.kinds:
        rows = tables["layers"].select(kind=kind)
        before = rows.select(**start)
        after = rows.select(**end)
        falls[kind] = _paired(before, after, "ratio_70")
    return falls


def _paired(first: Table, second: Table, column: str) -> MeanDifference:
    """Difference of the seeds' means of a column."""
    seeds = np.unique(first["seed"]).tolist()
    firsts, seconds = (
        np.array([table.select(seed=seed)[column].mean() for seed in seeds])
        for table in (first, second)
    )
    return mean_difference(firsts, seconds)


def _smallest(falls: Mapping[str, MeanDifference]) -> float:
    return min(fall.mean for fall in falls.values())


def _lowest(falls: Mapping[str, MeanDifference]) -> float | None:
    return _finite([fall.low for fall in falls.values()])


def _finite(ends: list[float]) -> float | None:
    """The smallest end of the intervals; None where there is one seed."""
    smallest = min(ends)
    return smallest if np.isfinite(smallest) else None


def _listed(differences: Mapping[str, MeanDifference]) -> str:
    """``mlp +0.02, cnn +0.1 (0.05 to 0.15)``: with the interval where there is one."""
    texts = []
    for kind, difference in differences.items():
        text = f"{difference.mean:+.2f}"
        if difference.pairs > 1:
            text += f" ({difference.low:+.2f} to {difference.high:+.2f})"
        texts.append(f"{kind} {text}")
    return ", ".join(texts).replace("-", "−")


judges = (
    small_scale,
    dropout,
    decay,
    layers,
    heads,
    accuracy,
)

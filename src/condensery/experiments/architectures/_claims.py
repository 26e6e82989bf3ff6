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
)
from condensery.experiments.architectures._config import Config
from condensery.records import Table

OPEN = "an open question: reported, not judged"

sentence = partial(
    claim,
    paper="xu2025overview",
    source="condensation is independent of the architecture; small initialisation "
    "or dropout facilitate it",
)


@sentence(
    "small-scale",
    "A small initial scale condenses every architecture (fall of the mean "
    "effective ratio "
    "of its layers at cosine 0.7 from the largest to the smallest scale; "
    "smallest over the architectures).",
    at_least(0.0),
    kind="reproduction",
)
def small_scale(config: Config, tables: Tables) -> Measured:
    """The smallest fall with the scale."""
    large, small = min(config.exponents), max(config.exponents)
    falls = _falls(config, tables, exponent=small)
    note = f"exponent {large:g} to {small:g}: {_listed(falls)}"
    expected = at_least(0.0 if len(config.exponents) > 1 else None)
    return Measured(min(falls.values()), note, expected)


@sentence(
    "dropout",
    "Dropout condenses every architecture (fall of that ratio from none to "
    "the strongest "
    "dropout at the largest scale; smallest over the architectures).",
    at_least(0.0),
    kind="reproduction",
)
def dropout(config: Config, tables: Tables) -> Measured:
    """The smallest fall with dropout."""
    falls = _falls(config, tables, keep=min(config.keeps))
    expected = at_least(0.0 if len(config.keeps) > 1 else None)
    return Measured(min(falls.values()), _listed(falls), expected)


@sentence(
    "decay",
    "Weight decay condenses every architecture (fall of that ratio from "
    "none to the strongest "
    "decay at the largest scale; smallest over the architectures).",
    at_least(None),
    kind="observation",
)
def decay(config: Config, tables: Tables) -> Measured:
    """The smallest fall with weight decay."""
    falls = _falls(config, tables, decay=max(config.decays))
    return Measured(min(falls.values()), f"{OPEN}; {_listed(falls)}")


@sentence(
    "layers",
    "Every layer condenses at the smallest scale (share of layers whose "
    "ratio is below 0.9 of "
    "that of their shuffled rows).",
    at_least(None),
    kind="observation",
)
def layers(config: Config, tables: Tables) -> Measured:
    """The share of layers below their shuffled rows."""
    rows = _at_smallest_scale(config, tables)
    below = rows["ratio_70"] < 0.9 * rows["null_70"]
    note = f"{OPEN}; {int(below.sum())} of {len(below)}"
    return Measured(float(below.mean()), note)


@sentence(
    "heads",
    "Attention heads condense too (their effective ratio at the smallest scale).",
    at_most(None),
    kind="observation",
)
def heads(config: Config, tables: Tables) -> Measured:
    """The mean ratio of the heads."""
    rows = _at_smallest_scale(config, tables).select(layer="heads")
    ratio = float(rows["ratio_70"].mean()) if len(rows) else None
    return Measured(ratio, OPEN)


@sentence(
    "accuracy",
    "Condensed networks classify as well (test accuracy at the smallest "
    "scale minus that at "
    "the largest; smallest over the architectures).",
    at_least(None),
    kind="observation",
)
def accuracy(config: Config, tables: Tables) -> Measured:
    """The smallest gain in accuracy with the scale."""
    members = tables["members"].select(**_plain(config))
    gains: dict[str, float] = {}
    for kind in config.kinds:
        runs = members.select(kind=kind)
        small = runs.select(exponent=max(config.exponents))["accuracy"]
        large = runs.select(exponent=min(config.exponents))["accuracy"]
        gains[kind] = float(np.mean(small)) - float(np.mean(large))
    return Measured(min(gains.values()), f"{OPEN}; {_listed(gains)}")


def _plain(config: Config) -> dict[str, float]:
    """Least dropout, least decay."""
    return {"keep": max(config.keeps), "decay": min(config.decays)}


def _at_smallest_scale(config: Config, tables: Tables) -> Table:
    plain = _plain(config)
    return tables["layers"].select(**plain, exponent=max(config.exponents))


def _falls(config: Config, tables: Tables, **changed: float) -> dict[str, float]:
    """Fall of the mean ratio of each architecture's layers when a setting changes."""
    start = {**_plain(config), "exponent": min(config.exponents)}
    end = {**start, **changed}
    falls: dict[str, float] = {}
    for kind in config.kinds:
        rows = tables["layers"].select(kind=kind)
        before = float(np.mean(rows.select(**start)["ratio_70"]))
        after = float(np.mean(rows.select(**end)["ratio_70"]))
        falls[kind] = before - after
    return falls


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{kind} {value:+.2f}" for kind, value in values.items())


judges = (
    small_scale,
    dropout,
    decay,
    layers,
    heads,
    accuracy,
)

"""Statements on networks in five dimensions, and on six layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from condensery.declare import JudgedMeasure, Measured, Tables, at_least, at_most
from condensery.experiments.initial_condensation._config import (
    DEEP,
    Config,
    multiplicity,
)
from condensery.experiments.initial_condensation._sources import (
    ABSENT,
    NO_THEOREM,
    OPEN,
    counted_in_five,
    counted_in_six_layers,
    in_five,
    in_six_layers,
    rows_of,
)
from condensery.records import Table

SHARE, LEAST = 0.95, 0.8


@in_five(
    "five-start",
    "At the start hardly any neurons are aligned (largest share of pairs).",
    at_most(0.01),
    kind="observation",
)
def five_start(config: Config, tables: Tables) -> Measured:
    """The largest share of pairs."""
    starts = [rows_of(tables, "five", name, step=0) for name in config.activations]
    shares = [float(table["pairs"].max()) for table in starts if len(table)]
    if not shares:
        return Measured(None, ABSENT)
    note = f"{len(shares)} activations, {config.draws} draws"
    return Measured(max(shares), note)


def _spread(table: Table) -> str:
    largest = table["largest"]
    return (
        f"{len(table)} draws: least {largest.min():.2f}, median "
        f"{np.median(largest):.2f}"
    )


def share_of_draws(name: str, config: Config, tables: Tables) -> Measured:
    """Share of the draws in which one line holds 95 % of the neurons."""
    table = rows_of(tables, "five", name)
    if not len(table):
        return Measured(None, ABSENT)
    share = np.mean(table["largest"] >= SHARE)
    return Measured(float(share), _spread(table))


def least_of_draws(name: str, config: Config, tables: Tables) -> Measured:
    """The least share of the neurons on the largest line."""
    table = rows_of(tables, "five", name)
    if not len(table):
        return Measured(None, ABSENT)
    note = _spread(table)
    failing, share = table["largest"] < LEAST, table["explained"]
    if failing.any() and multiplicity(name) == 1 and name != "softplus":
        note += (
            f"; the line explains {share[failing].max():.1%} of the target at most in "
            f"the draws that fail, {np.median(share):.1%} in the median draw"
        )
    return Measured(float(table["largest"].min()), note)


five_tanh, five_sigmoid = (
    in_five(
        f"five-{name}",
        f"{name}: one line holds 95 % of the neurons (share of draws).",
        at_least(0.75),
        kind="reproduction",
    )(partial(share_of_draws, name))
    for name in ("tanh", "sigmoid")
)
five_tanh_all, five_sigmoid_all = (
    in_five(
        f"five-{name}-all",
        f"{name}: one line holds 80 % of the neurons (least of all draws).",
        at_least(LEAST),
        kind="observation",
    )(partial(least_of_draws, name))
    for name in ("tanh", "sigmoid")
)
five_softplus = in_five(
    "five-softplus",
    "softplus: one line holds 55 % of the neurons (least of all draws).",
    at_least(0.55),
    kind="observation",
)(partial(least_of_draws, "softplus"))


def lines_in_five(name: str, config: Config, tables: Tables) -> Measured:
    """Mean over draws."""
    table = rows_of(tables, "five", name)
    if not len(table):
        return Measured(None, ABSENT)
    counts, times = np.unique(table["lines"].astype(int), return_counts=True)
    spread = ", ".join(
        f"{count} lines {often}×" for count, often in zip(counts, times, strict=True)
    )
    has_none = "no prediction: it has no multiplicity"
    reason = NO_THEOREM if multiplicity(name) else has_none
    return Measured(float(table["lines"].mean()), f"{reason}; {spread}")


COUNTED = {"xtanh": "x tanh x", "x2tanh": "x² tanh x", "relu": "ReLU"}
counts_in_five = tuple(
    counted_in_five(
        f"five-{name}-count",
        f"{title}: number of lines (mean over draws).",
        OPEN,
        kind="observation",
    )(partial(lines_in_five, name))
    for name, title in COUNTED.items()
)


# Six layers


def share_of_layer(
    layer: int,
    variant: Literal["residual", "plain"],
    config: Config,
    tables: Tables,
) -> Measured:
    """The median over draws."""
    if "deep" not in tables:
        return Measured(None, ABSENT)
    table = tables["deep"].select(layer=layer, residual=variant == "residual")
    quantiles = np.quantile(table["largest"], [0, 0.25, 0.75, 1])
    shares = ", ".join(f"{share:.2f}" for share in quantiles)
    note = f"draws: {shares} (least, quartiles, most of {len(table)})"
    return Measured(float(np.median(table["largest"])), note)


def lines_of_layer(layer: int, config: Config, tables: Tables) -> Measured:
    """The mean over draws."""
    if "deep" not in tables:
        return Measured(None, ABSENT)
    table = tables["deep"].select(layer=layer, residual=True)
    printed = multiplicity(DEEP[layer - 1])
    note = f"{NO_THEOREM}; printed is {printed}"
    return Measured(float(table["lines"].mean()), note)


def _layers(
    make: Callable[[int, str], JudgedMeasure[Config]],
    *,
    several: bool,
) -> tuple[JudgedMeasure[Config], ...]:
    """Claims on the layers whose activation has several lines, or one."""
    numbered = enumerate(DEEP, start=1)
    return tuple(
        make(layer, name)
        for layer, name in numbered
        if (name in {"xtanh", "x2tanh"}) == several
    )


def _with_residuals(layer: int, name: str) -> JudgedMeasure[Config]:
    return in_six_layers(
        f"deep-{layer}",
        f"Layer {layer}, {name}: one line holds 80 % of the neurons (median over "
        "draws).",
        at_least(LEAST),
        kind="observation",
    )(partial(share_of_layer, layer, "residual"))


def _without_residuals(layer: int, name: str) -> JudgedMeasure[Config]:
    return in_six_layers(
        f"deep-{layer}-plain",
        f"Layer {layer}, {name}, no residuals: one line holds 80 % of the neurons "
        "(median over draws).",
        at_least(LEAST),
        kind="observation",
    )(partial(share_of_layer, layer, "plain"))


def _number_of_lines(layer: int, name: str) -> JudgedMeasure[Config]:
    return counted_in_six_layers(
        f"deep-{layer}-count",
        f"Layer {layer}, {name}: number of lines (mean of draws).",
        OPEN,
        kind="observation",
    )(partial(lines_of_layer, layer))


layers_with_residuals = _layers(_with_residuals, several=False)
layers_without_residuals = _layers(_without_residuals, several=False)
lines_of_layers = _layers(_number_of_lines, several=True)

"""Statements on networks in five dimensions, and on six layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from condensery.declare import JudgedMeasure, Measured, Tables, at_least, at_most
from condensery.experiments.initial_condensation._config import (
    DEEP,
    FIVE_FEATURES,
    TAU,
    Config,
    multiplicity,
)
from condensery.experiments.initial_condensation._sources import (
    ABSENT,
    NO_THEOREM,
    OPEN,
    REFERENCE,
    beside_five,
    beside_six_layers,
    in_five,
    in_six_layers,
    rows_of,
    without_residuals,
)
from condensery.experiments.initial_condensation._tables import DESCENT
from condensery.metrics import mean_difference, share
from condensery.theory import aligned_by_chance

SHARE, LEAST = 0.95, 0.8
LONGER = (
    "too few steps, in part: with --set parts=deep --set "
    "deep_steps=1000,900,900,3000,1400 it is .78, with 6000 in place of 3000 .64, for "
    "by then the first stage is over"
)
"""Why layer 4 is less condensed, as other runs show (column largest of table deep)."""
MOST = 0.5
"""In most draws: the lower end of a share's 95 % interval is above this."""


@beside_five(
    "five-start",
    "At the start no more neurons are aligned than by chance (share of pairs over "
    "that of random directions, less 1: lower end of the 95 % interval over draws).",
    at_most(0.0),
    when=REFERENCE,
)
def five_start(config: Config, tables: Tables) -> Measured:
    """What is beyond chance, relative to it."""
    starts = [rows_of(tables, "five", name, step=0) for name in config.activations]
    tables_run = [table for table in starts if len(table)]
    if not tables_run:
        return ABSENT
    # The draws of all activations are the same.
    pairs = tables_run[0]["pairs"]
    chance = aligned_by_chance(FIVE_FEATURES + 1, TAU)
    beyond = mean_difference(pairs / chance, np.ones(len(pairs)))
    note = f"chance {chance:.2g} of the pairs; {len(pairs)} draws: {beyond}"
    return Measured(beyond.low if len(pairs) > 1 else None, note)


def share_of_draws(name: str, config: Config, tables: Tables) -> Measured:
    """Lower end of the share of draws in which one line holds 95 % of the neurons."""
    table = rows_of(tables, "five", name)
    if not len(table):
        return ABSENT
    largest = table["largest"]
    hits = largest >= SHARE
    draws = share(hits)
    start = rows_of(tables, "five", name, step=0)["largest"]
    note = (
        f"{draws}; by chance at most {start.max():.2f} of the neurons, as at the "
        f"start; least {largest.min():.2f}, median {np.median(largest):.2f}"
    )
    descent = rows_of(tables, "five", name, optimiser=DESCENT)
    if len(descent):
        note += f"; by gradient descent {share(descent['largest'] >= SHARE)}"
    explained = table["explained"]
    if name != "softplus" and not hits.all():
        note += (
            f"; the line explains {explained[~hits].max():.1%} of the target at most "
            f"in the draws without, {np.median(explained):.1%} in the median draw"
        )
    return Measured(draws.low, note)


five_tanh, five_sigmoid, five_softplus = (
    in_five(
        f"five-{name}",
        f"{name}: in most draws one line holds 95 % of the neurons (lower end of the "
        "95 % interval of the share of draws).",
        at_least(MOST),
        kind="reproduction",
    )(partial(share_of_draws, name))
    for name in ("tanh", "sigmoid", "softplus")
)


def lines_in_five(name: str, config: Config, tables: Tables) -> Measured:
    """Mean over draws."""
    table = rows_of(tables, "five", name)
    if not len(table):
        return ABSENT
    counts, times = np.unique(table["lines"].astype(int), return_counts=True)
    spread = ", ".join(
        f"{count} lines {often}×" for count, often in zip(counts, times, strict=True)
    )
    has_none = "no prediction: it has no multiplicity"
    reason = NO_THEOREM if multiplicity(name) else has_none
    return Measured(float(table["lines"].mean()), f"{reason}; {spread}")


COUNTED = {"xtanh": "x tanh x", "x2tanh": "x² tanh x", "relu": "ReLU"}
counts_in_five = tuple(
    beside_five(
        f"five-{name}-count",
        f"{title}: number of lines (mean over draws).",
        OPEN,
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
        return ABSENT
    table = tables["deep"].select(layer=layer, residual=variant == "residual")
    quantiles = np.quantile(table["largest"], [0, 0.25, 0.75, 1])
    shares = ", ".join(f"{share:.2f}" for share in quantiles)
    note = f"draws: {shares} (least, quartiles, most of {len(table)})"
    median = float(np.median(table["largest"]))
    if layer == 4 and median < LEAST:
        note += f"; {LONGER}"
    return Measured(median, note)


def lines_of_layer(layer: int, config: Config, tables: Tables) -> Measured:
    """The mean over draws."""
    if "deep" not in tables:
        return ABSENT
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
        kind="reproduction",
    )(partial(share_of_layer, layer, "residual"))


def _without_residuals(layer: int, name: str) -> JudgedMeasure[Config]:
    return without_residuals(
        f"deep-{layer}-plain",
        f"Layer {layer}, {name}, no residuals: one line holds 80 % of the neurons "
        "(median over draws).",
        at_least(LEAST),
        kind="reproduction",
    )(partial(share_of_layer, layer, "plain"))


def _number_of_lines(layer: int, name: str) -> JudgedMeasure[Config]:
    return beside_six_layers(
        f"deep-{layer}-count",
        f"Layer {layer}, {name}: number of lines (mean of draws).",
        OPEN,
    )(partial(lines_of_layer, layer))


layers_with_residuals = _layers(_with_residuals, several=False)
layers_without_residuals = _layers(_without_residuals, several=False)
lines_of_layers = _layers(_number_of_lines, several=True)

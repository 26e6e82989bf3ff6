"""The claims of optimistic-sizes, each on its measure."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Expected,
    JudgedMeasure,
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    equal_to,
)
from condensery.experiments.optimistic_sizes._config import Config
from condensery.records import Table

UNRECOVERED = 1e-2
"""A median test error above this is none of a recovered target."""

sentence = partial(claim, paper="zhang2023optimistic")


@sentence(
    "ranks",
    "The model rank is 2 for the bilinear model at 1 + x₁ and 3 for the linear one, "
    "2rd − r² for a "
    "matrix, and for k kernels s × s on d × d images k(s² + (d + 1 − s)²) with "
    "shared weights, "
    "k(d + 1 − s)²(s² + 1) with local ones and k(d + 1 − s)²(d² + 1) in a dense "
    "net; wider nets of the same output "
    "keep it (largest deviation).",
    equal_to(0.0),
    kind="identity",
    source="optimistic sample sizes of matrices and tanh CNNs",
)
def rank_formulas(config: Config, tables: Tables) -> Measured:
    """The largest deviation of a rank from its formula."""
    ranks = tables["ranks"]
    has_wider = ranks["rank_wide"] >= 0
    narrow = np.abs(ranks["rank"] - ranks["expected"])
    wide = np.abs(ranks["rank_wide"] - ranks["expected"])[has_wider]
    undecided = int((ranks["decided"] == 0).sum())
    note = f"{len(ranks)} models, {undecided} undecided"
    return Measured(float(max([*narrow, *wide])), note)


on_plane = partial(sentence, source="experiment on 1 + x₁")


@on_plane(
    "bilinear-two",
    "From small parameters θ₀ + θ₁x₁ + θ₂θ₃x₂ fits 1 + x₁ from two points (median "
    "test error).",
    at_most(1e-3),
    kind="reproduction",
)
def bilinear_two(config: Config, tables: Tables) -> Measured:
    """The median test error from two points."""
    return _error(config, tables["recovery"].select(model="bilinear", samples=2))


@on_plane(
    "linear-three",
    "θ₀ + θ₁x₁ + θ₂x₂ needs three (least number of points with a recovered median).",
    equal_to(3.0),
    kind="reproduction",
)
def linear_three(config: Config, tables: Tables) -> Measured:
    """The least number of points that recover."""
    linear = tables["recovery"].select(model="linear")
    enough = linear["samples"][linear["test"] < config.recovered]
    return Measured(float(enough.min()) if enough.size else None)


def completion(rank: int) -> JudgedMeasure[Config]:
    """The claim on matrices of one rank."""
    judged = sentence(
        f"completion-{rank}",
        "Gradient descent from small factors recovers matrices of "
        f"rank {rank} from 2rd − r² entries "
        "that hold them locally (median test error).",
        at_most(1e-3),
        kind="reproduction",
        source="experiment on 4 × 4 matrices",
    )
    return judged(partial(completion_error, rank))


def completion_error(rank: int, config: Config, tables: Tables) -> Measured:
    """The median test error from 2rd − r² entries and the smallest factors."""
    small = _from_small(config, tables)
    samples = config.optimistic(rank)
    return _error(config, small.select(rank=rank, samples=samples))


completions = tuple(completion(rank) for rank in (1, 2, 3, 4))


@sentence(
    "one-less",
    "With one entry less it does not (smallest median test error over the ranks).",
    at_least(UNRECOVERED),
    kind="reproduction",
    source="Lemma 1",
)
def one_less(config: Config, tables: Tables) -> Measured:
    """The smallest median test error with one entry less."""
    small = _from_small(config, tables)
    less = small["test"][small["samples"] == small["optimistic"] - 1]
    return Measured(float(less.min()) if less.size else None)


@sentence(
    "small-start",
    "From small factors no fewer matrices are recovered than from large ones at "
    "2rd − r² entries "
    "(share recovered at the smallest initial scale minus that at the largest, "
    "smallest over the ranks).",
    at_least(0.0),
    kind="reproduction",
    source="near-optimism",
)
def small_start(config: Config, tables: Tables) -> Measured:
    """The smallest gain of the smallest initial scale."""
    matrices = tables["recovery"].select(model="matrix")
    gains = []
    for rank in range(1, config.size + 1):
        row = matrices.select(rank=rank, samples=config.optimistic(rank))
        if len(row):
            small = row.select(scale=min(config.scales))["recovered"][0]
            large = row.select(scale=max(config.scales))["recovered"][0]
            gains.append(float(small) - float(large))
    return Measured(min(gains, default=None))


def _from_small(config: Config, tables: Tables) -> Table:
    return tables["recovery"].select(scale=min(config.scales), model="matrix")


def _error(config: Config, row: Table) -> Measured:
    """A median test error; the share of recovered draws is in the note."""
    expected: Expected = at_most(config.recovered)
    if not len(row):
        return Measured(None, expected=expected)
    share = row["recovered"][0]
    note = f"{share:.0%} of {config.masks} below {config.recovered:g}"
    return Measured(float(row["test"][0]), note, expected)


judges = (
    rank_formulas,
    bilinear_two,
    linear_three,
    *completions,
    one_less,
    small_start,
)

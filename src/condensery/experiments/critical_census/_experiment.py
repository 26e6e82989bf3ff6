"""The experiment, declared."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from condensery.data import load
from condensery.declare import Declared, Work
from condensery.experiments.critical_census._claims import JUDGED
from condensery.experiments.critical_census._config import Config
from condensery.experiments.critical_census._tables import (
    classes,
    edges,
    rests,
    searches,
    visits,
)
from condensery.experiments.critical_census._tasks import search
from condensery.experiments.critical_census._trainings import train
from condensery.records import FigureSpec


def work(config: Config) -> Iterator[Work]:
    """Blocks of starts, every width in each, and the trainings of each width."""
    ends = np.linspace(0, config.starts, config.blocks + 1).round().astype(int)
    for first, last in pairwise(ends.tolist()):
        count = last - first
        for width in config.widths:
            yield search.work(
                f"width {width} from {first}",
                float(width**2 * count),
                width=width,
                first=first,
                count=count,
            )
    if config.train_seeds:
        for width in config.widths:
            cost = 1e-4 * width * config.train_steps * config.train_seeds
            yield train.work(f"trainings of width {width}", cost, width=width)


def data_digest(config: Config) -> str:
    """Digest of the samples of the three steps."""
    return load("three-steps").digest


lattice = FigureSpec(
    name="census-lattice",
    plot="condensery.plots.census_lattice",
    caption="Classes of critical points by width and loss. Filled: no narrower net has "
    "this function; hollow: an embedding. A line joins a class to its embeddings; "
    "dashed where it must be by the theorem and no start found it. Colours: directions "
    "of descent; sizes: starts that led to the class. Right: how the searches ended.",
)

critical_census = Declared(
    name="critical-census",
    title="A census of critical points",
    summary="We search for critical points of tanh nets of widths 1, 2 and 3 from "
    "hundreds of random starts, reduce each to the smallest net with its function, and "
    "link classes of equal functions across widths. Those that are no embedding "
    "of a narrower net are counted: how many there are is an open question. Beside it, "
    "nets are trained from the published start, and the classes at which they rest are "
    "counted.",
    papers=("zhang2021embedding", "zhang2022embedding", "condensery"),
    Config=Config,
    presets={
        "quick": {"starts": 512},
        "paper": {
            "starts": 8192,
            "blocks": 8,
            "widths": [1, 2, 3, 4],
            "train_steps": 300_000,
        },
    },
    work=work,
    makes={
        "searches": searches,
        "classes": classes,
        "edges": edges,
        "rests": rests,
    },
    derives={"visits": visits},
    judges=JUDGED,
    draws=(lattice,),
    reads=data_digest,
)

"""Parameters of dropout-images, and which losses are minimised."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from condensery.data import load
from condensery.declare import (
    Condition,
    Exponent,
    Positive,
    Settings,
    exactly,
    needs,
    no_less,
)
from condensery.records import DataPath

Probabilities = tuple[float, ...]
Steps = Annotated[int, Field(ge=4)]
Pair = tuple[np.ndarray, np.ndarray]

CLASSES = 10
PARTS = ("L1", "L2", "L3", "L4")
SMALL = "small-"
"""What the kinds of runs from a small initialisation begin with."""
HELD_OUT = 5000
"""At most so many images after the training images are tested on."""
_SIZES: dict[tuple[str, str], dict[str, Any]] = {
    ("quick", "digits"): {
        "width": 300,
        "samples": 500,
        "steps": 6000,
        "keeps": (0.6, 0.9),
        "seeds": 4,
        "small_steps": 4000,
    },
    ("paper", "digits"): {
        "width": 1000,
        "samples": 1000,
        "steps": 20_000,
        "keeps": (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
        "seeds": 4,
        "small_steps": 8000,
        "part_keeps": (0.8, 0.9, 0.5),
        "part_steps": 10_000,
    },
    ("quick", "images"): {
        "width": 200,
        "samples": 1000,
        "steps": 3000,
        "keeps": (0.8,),
        "seeds": 3,
        "part_keeps": (),
    },
    ("paper", "images"): {
        "width": 1000,
        "samples": 1000,
        "steps": 6000,
        "keeps": (0.6, 0.7, 0.8, 0.9),
        "seeds": 3,
        "part_keeps": (0.8,),
        "part_steps": 3000,
    },
}
_SETTINGS: dict[str, dict[str, float]] = {
    "digits": {
        "rate": 5e-3,
        "exponent": 0.2,
        "descent_rate": 3e-3,
        "part_rate": 4e-3,
    },
    "images": {
        "rate": 5e-4,
        "exponent": 0.5,
        "descent_rate": 5e-4,
        "part_rate": 5e-4,
    },
}
"""The source does not give its initialisation.

Images of 784 pixels, none of them negative, want a smaller one than digits, and a
smaller rate: at the digits' most units are dead after a few steps and R_S + R1 stays
where it is (see ADR 042).
"""


class Config(Settings):
    """Parameters of dropout-images; what has no default follows size and kind of data,
    the number of p too.
    """

    size: Literal["quick", "paper"] = "quick"
    """``quick`` or ``paper``; set by the preset."""
    data: Literal["digits", "fashion-mnist", "mnist"] = "digits"
    """``digits``, ``fashion-mnist`` or ``mnist``."""
    data_path: Annotated[str | None, DataPath()] = None
    """Where the IDX files of fashion-mnist or mnist are: a folder, or the image
    file.
    """
    keeps: Annotated[Probabilities, Field(min_length=1)]
    """Keep probabilities p of R_drop and R_S + R1, each in (0, 1]."""
    part_keeps: Probabilities = (0.8,)
    """p of the losses L1 to L4, in (0, 1]; at the first they are judged, none leaves
    them out.
    """
    part_rate: Positive
    """The learning rate ε in their R2~ (0.05 and 0.005 in the source)."""
    part_steps: Steps = 4000
    """Steps of the losses L1 to L4, by gradient descent with momentum 0.9, since R2 is
    the term of such a step.
    """
    part_exponent: Exponent = 0.25
    """The exponent of the losses L1 to L4."""
    descent_rate: Positive
    """Learning rate of the losses L1 to L4."""
    width: Annotated[int, Field(ge=1, le=100_000)]
    """Hidden units."""
    samples: Annotated[int, Field(ge=2)]
    """Training images, the first of the data; those after them, at most 5000, are
    tested on.
    """
    steps: Steps
    """Full-batch steps, the last quarter at a tenth of the rate."""
    rate: Positive
    """Learning rate of Adam (the source takes gradient descent at 0.005, and many more
    steps).
    """
    exponent: Exponent
    """All parameters start from N(0, std²) with std = width^−exponent."""
    small_steps: Annotated[int, Field(ge=0)] = 0
    """Steps of R_S, R_drop and R_S + R1 from a small initialisation, at the first p; 0
    leaves them out.
    """
    small_exponent: Exponent = 0.5
    """The exponent of that initialisation."""
    small_rate: Positive = 5e-4
    """Learning rate of Adam from there."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many runs of everything, with seeds 0, 1, …."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        kind = _kind(values.get("data", "digits"))
        sizes = _SIZES.get((values.get("size", "quick"), kind), {})
        return {**_SETTINGS[kind], **sizes, **values}

    @field_validator("keeps", "part_keeps")
    @classmethod
    def _probabilities(cls, keeps: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.0 < p <= 1.0 for p in keeps) or len(set(keeps)) < len(keeps):
            raise ValueError("different numbers with 0 < p <= 1")
        return keeps

    @property
    def is_reference(self) -> bool:
        """Whether the statements are judged: at the quick preset's sizes or larger."""
        return REFERENCE(self)


def _lacks(config: Config) -> tuple[str, ...]:
    kind = _kind(config.data)
    least, settings = _SIZES["quick", kind], _SETTINGS[kind]
    sizes = {name: least[name] for name in ("width", "samples", "steps")}
    rates = {name: settings[name] for name in ("rate", "exponent")}
    reference = no_less(**sizes) & exactly(**rates)
    return (reference & _DROPS).lacks(config)


_DROPS = needs("keeps below 1", lambda config: max(config.keeps) < 1)
REFERENCE: Condition[Config] = Condition(_lacks)
"""The quick preset's sizes or larger ones, at its rate and start."""
PART_REFERENCE = (
    exactly(data="digits", part_rate=0.004, part_exponent=0.25, descent_rate=0.003)
    & needs("part_keeps with 0.8 first", lambda config: config.part_keeps[:1] == (0.8,))
    & no_less(width=300, samples=500, part_steps=4000)
)
"""The same for the losses L1 to L4, whose setting was found on the digits."""
SMALL_REFERENCE: Condition[Config] = (
    REFERENCE
    & exactly(data="digits", small_exponent=0.5, small_rate=5e-4)
    & no_less(small_steps=4000)
)
"""The same for the small start, beside the large one of digits."""


def _kind(data: object) -> str:
    return "digits" if data == "digits" else "images"


def runs(config: Config) -> list[tuple[str, float]]:
    """What is minimised, and p: R_S, R_drop and R_S + R1 for every p by Adam, from a
    small initialisation too; R_S and L1 to L4 by gradient descent.
    """
    pairs = [(kind, keep) for keep in config.keeps for kind in ("dropout", "expected")]
    parts = [(part, keep) for keep in config.part_keeps for part in PARTS]
    first = config.keeps[0]
    small = [("small-plain", 1.0), ("small-dropout", first), ("small-expected", first)]
    return [
        ("plain", 1.0),
        *pairs,
        *(small if config.small_steps else []),
        *([("descent", 1.0)] if parts else []),
        *parts,
    ]


def by_descent(kind: str) -> bool:
    """Whether a loss is minimised by gradient descent with momentum rather than by
    Adam.
    """
    return kind == "descent" or kind in PARTS


def load_images(config: Config) -> Any:
    """The data set that data, data_path and samples name, with the images to test
    on.
    """
    count = None if config.data == "digits" else config.samples + HELD_OUT
    return load(config.data, path=config.data_path, samples=count)


def images(config: Config) -> tuple[Pair, Pair]:
    """Training pixels and one-hot labels, and held-out pixels and labels."""
    data, count = load_images(config), config.samples
    labels = np.asarray(data.y, dtype=np.int64).ravel()
    hot = np.eye(CLASSES)[labels]
    tested = slice(count, count + HELD_OUT)
    training = (data.x[:count], hot[:count])
    return training, (data.x[tested], labels[tested])

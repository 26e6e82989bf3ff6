"""The configuration, and which losses are minimised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from condensery.records import DataPath

CLASSES = 10
PARTS = ("L1", "L2", "L3", "L4")
HELD_OUT = 5000
"""At most so many images after the training images are tested on."""
_SIZES: dict[tuple[str, str], dict[str, Any]] = {
    ("quick", "digits"): {"width": 300, "samples": 500, "steps": 3000},
    ("paper", "digits"): {
        "width": 1000,
        "samples": 1000,
        "steps": 6000,
        "keeps": (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
        "part_keeps": (0.8, 0.9, 0.5),
        "part_steps": 10_000,
    },
    ("quick", "images"): {
        "width": 200,
        "samples": 500,
        "steps": 3000,
        "part_keeps": (0.8,),
        "part_steps": 1000,
    },
    ("paper", "images"): {
        "width": 1000,
        "samples": 1000,
        "steps": 6000,
        "keeps": (0.6, 0.7, 0.8, 0.9),
        "part_keeps": (0.8,),
        "part_steps": 3000,
    },
}
_SETTINGS: dict[str, dict[str, float]] = {
    "digits": {
        "rate": 5e-3,
        "init_exponent": 0.2,
        "descent_rate": 3e-3,
        "part_rate": 4e-3,
    },
    "images": {
        "rate": 5e-4,
        "init_exponent": 0.5,
        "descent_rate": 5e-4,
        "part_rate": 5e-4,
    },
}
"""The source does not give its initialisation.

Images of 784 pixels, none of them negative, want a smaller one than digits, and a
smaller rate: at the digits' most units are dead after a few steps and R_S + R1 stays
where it is (see ADR 042).
"""


class Config(BaseModel):
    """What dropout-images can be told; what has no default follows size and kind of
    data, the number of p too.

    Attributes:
        size: ``quick`` or ``paper``; set by the preset.
        data: ``digits``, ``fashion-mnist`` or ``mnist``.
        data_path: Where the IDX files of fashion-mnist or mnist are: a folder, or the
            image file.
        keeps: Keep probabilities p of R_drop and R_S + R1, each in (0, 1].
        part_keeps: p of the losses L1 to L4, in (0, 1]; at the first they are judged.
        part_rate: The learning rate ε in their R2~ (0.05 and 0.005 in the source).
        part_steps: Their steps, by gradient descent with momentum 0.9, since R2 is the
            term of such a step.
        part_exponent: Their init_exponent.
        descent_rate: Their learning rate.
        width: Hidden units.
        samples: Training images, the first of the data; those after them, at most 5000,
            are tested on.
        steps: Full-batch steps, the last quarter at a tenth of the rate.
        rate: Learning rate of Adam (the source takes gradient descent at 0.005, and
            many more steps).
        init_exponent: All parameters start from N(0, std²) with std =
            width^−init_exponent.
        seeds: How many runs of everything, with seeds 0, 1, ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: Literal["quick", "paper"] = "quick"
    data: Literal["digits", "fashion-mnist", "mnist"] = "digits"
    data_path: Annotated[str | None, DataPath()] = None
    keeps: tuple[float, ...] = Field(default=(0.6, 0.8, 0.9), min_length=1)
    part_keeps: tuple[float, ...] = Field(default=(0.8, 0.5), min_length=1)
    part_rate: float = Field(gt=0.0)
    part_steps: int = Field(default=4000, ge=4)
    part_exponent: float = Field(default=0.25, ge=0.0, le=10.0)
    descent_rate: float = Field(gt=0.0)
    width: int = Field(ge=1, le=100_000)
    samples: int = Field(ge=2)
    steps: int = Field(ge=4)
    rate: float = Field(gt=0.0)
    init_exponent: float = Field(ge=0.0, le=10.0)
    seeds: int = Field(default=1, ge=1, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kind = _kind(given.get("data", "digits"))
        return {
            **_SETTINGS[kind],
            **_SIZES.get((given.get("size", "quick"), kind), {}),
            **given,
        }

    @field_validator("keeps", "part_keeps")
    @classmethod
    def _probabilities(cls, keeps: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.0 < p <= 1.0 for p in keeps) or len(set(keeps)) < len(keeps):
            raise ValueError("different numbers with 0 < p <= 1")
        return keeps

    @property
    def is_reference(self) -> bool:
        """Whether the statements are judged: at the quick preset's sizes or larger."""
        least, known = _SIZES["quick", _kind(self.data)], _SETTINGS[_kind(self.data)]
        large = all(
            getattr(self, name) >= least[name] for name in ("width", "samples", "steps")
        )
        setting = (self.rate, self.init_exponent) == (
            known["rate"],
            known["init_exponent"],
        )
        return large and setting and max(self.keeps) < 1

    @property
    def is_part_reference(self) -> bool:
        """The same of the losses L1 to L4, whose setting was found on the digits."""
        setting = (
            self.data,
            self.part_keeps[0],
            self.part_rate,
            self.part_exponent,
            self.descent_rate,
        )
        large = self.width >= 300 and self.samples >= 500 and self.part_steps >= 4000
        return large and setting == ("digits", 0.8, 0.004, 0.25, 0.003)


def _kind(data: object) -> str:
    return "digits" if data == "digits" else "images"


def runs(config: Config) -> list[tuple[str, float]]:
    """What is minimised, and p: R_S, R_drop and R_S + R1 for every p by Adam; R_S and
    L1 to L4 by gradient descent.
    """
    pairs = [(kind, keep) for keep in config.keeps for kind in ("dropout", "expected")]
    parts = [(part, keep) for keep in config.part_keeps for part in PARTS]
    return [("plain", 1.0), *pairs, ("descent", 1.0), *parts]


def by_descent(kind: str) -> bool:
    """Whether a loss is minimised by gradient descent with momentum rather than by
    Adam.
    """
    return kind == "descent" or kind in PARTS


def load_images(source: Mapping[str, Any]) -> Any:
    """The data set that data, data_path and samples name, with the images to test
    on.
    """
    from condensery.data import load

    count = None if source["data"] == "digits" else source["samples"] + HELD_OUT
    return load(source["data"], path=source["data_path"], samples=count)


def images(
    source: Mapping[str, Any],
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training pixels and one-hot labels, and held-out pixels and labels."""
    data, count = load_images(source), source["samples"]
    labels = np.asarray(data.y, dtype=np.int64).ravel()
    hot = np.eye(CLASSES)[labels]
    return (data.x[:count], hot[:count]), (
        data.x[count : count + HELD_OUT],
        labels[count : count + HELD_OUT],
    )

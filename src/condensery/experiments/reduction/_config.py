"""The parameters of reduction."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from condensery.declare import (
    Count,
    Exponent,
    Positive,
    Settings,
    exactly,
)
from condensery.records import DataPath


class Config(Settings):
    """Parameters of reduction."""

    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    """``digits``, or ``mnist`` or ``fashion-mnist`` from the IDX files at
    `data_path`.
    """
    data_path: Annotated[str, DataPath()] = ""
    """A folder of IDX files, or the image file; empty to search (see
    `condensery.data.load`).
    """
    samples: int = Field(default=1000, ge=2, le=60_000)
    """Images to train on."""
    held_out: int = Field(default=797, ge=1, le=60_000)
    """Images on which predictions are compared, those after `samples`."""
    width: int = Field(default=400, ge=1, le=100_000)
    """Hidden units."""
    exponent: Exponent = 3.0
    """Weights and biases start from N(0, std²) with std = width^−exponent."""
    rate: Positive = 3e-5
    """Learning rate of Adam."""
    steps: Count = 2500
    """Full-batch steps."""
    seeds: int = Field(default=3, ge=1, le=1000)
    """How many runs, with seeds 0, 1, …."""
    cosine: float = Field(default=0.9, gt=0.0, lt=1.0)
    """Units of a group have at least this cosine pairwise."""
    retrain: Count = 1000
    """Steps of the merged network, and of the wide one beside it."""
    dtype: Literal["float32", "float64"] = "float32"
    """Arithmetic of the training."""

    @property
    def is_reference(self) -> bool:
        """Whether the setting is the paper's but for the images, the rate, and the
        time.
        """
        return REFERENCE(self)


REFERENCE = exactly(width=400, exponent=3.0, samples=1000, cosine=0.9)

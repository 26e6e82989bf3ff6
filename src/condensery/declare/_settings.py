"""The configuration of an experiment, and the numbers that many have."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ConfigDict, Field

from condensery.records import Record

V = TypeVar("V", bound=tuple[Hashable, ...])

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[
    float,
    Field(
        gt=0.0,
        allow_inf_nan=False,
    ),
]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Exponent = Annotated[float, Field(ge=0.0, le=10.0)]


def _differ(values: V) -> V:
    if len(set(values)) < len(values):
        raise ValueError("values that differ from one another")
    return values


Distinct = AfterValidator(_differ)
"""Beside the type of a tuple: no value stands in it twice."""


class Settings(Record):
    """The parameters of an experiment; the text below a field is its help.

    Example:
        >>> from condensery.declare import Count, Settings
        >>> class Config(Settings):
        ...     width: Count = 100
        ...     '''Number of units.'''
        >>> Config(width=20).width
        20
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

"""Of which configurations a statement speaks, in words that a user can type."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, JsonValue

C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True)
class Condition(Generic[C]):
    """Of which configurations a statement speaks; made by the functions of this module.

    Attributes:
        lacks: ``lacks(config)``: what a configuration lacks, as a user would type it;
            empty where the statement speaks of it.
    """

    lacks: Callable[[C], tuple[str, ...]]

    def __call__(self, config: C) -> bool:
        """Whether the statement speaks of this configuration."""
        return not self.lacks(config)

    def __and__(self, other: Condition[C]) -> Condition[C]:
        def lacks(config: C) -> tuple[str, ...]:
            first = self.lacks(config)
            return first + other.lacks(config)

        return Condition(lacks)


ANY: Condition[Any] = Condition(lambda config: ())
"""The statement speaks of every configuration."""


def needs(text: str, holds: Callable[[C], bool]) -> Condition[C]:
    """A condition in words.

    Args:
        text: What follows "needs": ``"data=line"``, ``"a width above 1000"``.
        holds: Whether a configuration has it.

    Example:
        >>> from condensery.declare import needs
        >>> needs("a short run", lambda steps: steps < 10).lacks(20)
        ('a short run',)
    """

    def lacks(config: C) -> tuple[str, ...]:
        if holds(config):
            return ()
        return (text,)

    return Condition(lacks)


def exactly(**settings: JsonValue | tuple[Any, ...]) -> Condition[Any]:
    """Parameters have these values.

    Example:
        >>> from condensery.declare import Settings, exactly
        >>> class Config(Settings):
        ...     width: int = 50
        ...     steps: int = 100
        >>> exactly(width=1000, steps=100).lacks(Config())
        ('width=1000',)
    """
    condition = ANY
    for name, value in settings.items():
        has = partial(_equals, name, value)
        condition &= needs(f"{name}={_typed(value)}", has)
    return condition


def no_less(**settings: float) -> Condition[Any]:
    """Parameters have these values or larger ones.

    Example:
        >>> from condensery.declare import Settings, no_less
        >>> class Config(Settings):
        ...     steps: int = 100
        >>> no_less(steps=1000).lacks(Config())
        ('steps>=1000',)
    """
    condition = ANY
    for name, value in settings.items():
        has = partial(_reaches, name, value)
        condition &= needs(f"{name}>={value}", has)
    return condition


def _equals(name: str, value: object, config: BaseModel) -> bool:
    setting = getattr(config, name)
    return setting == value


def _reaches(name: str, value: float, config: BaseModel) -> bool:
    setting = getattr(config, name)
    return setting >= value


def _typed(value: Any) -> str:
    """A value as the command line takes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        texts = map(_typed, value)
        return ",".join(texts)
    return json.dumps(value)

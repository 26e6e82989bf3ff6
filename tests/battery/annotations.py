"""The battery `types`: beartype as Python's typing has it, and what counts as refused.

It is the type checker of the import hook and a plugin of pytest at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import pytest
from beartype import BeartypeConf, FrozenDict, beartype
from beartype.roar import BeartypeDecorHintException
from numpy.typing import ArrayLike
from pydantic import JsonValue

_check = beartype(
    conf=BeartypeConf(
        is_pep484_tower=True,
        hint_overrides=FrozenDict(
            {int: int | np.integer, JsonValue: object, ArrayLike: object}
        ),
    )
)
"""A whole number is a float, as PEP 484 has it, and one of NumPy is a whole number;
beartype cannot resolve the names in pydantic's recursive `JsonValue` from where it is
called, nor the nested sequences in NumPy's `ArrayLike`.
"""
_raises = pytest.raises


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its annotations checked at every call.

    What beartype cannot check outside of a class (``Self``) is left as it is.
    """
    try:
        return _check(function)
    except BeartypeDecorHintException:
        return function


def _raises_or_refuses(expected: Any, *arguments: Any, **options: Any) -> Any:
    """`pytest.raises`, to which an input refused by its annotation is refused too."""
    kinds = expected if isinstance(expected, tuple) else (expected,)
    if arguments or not any(map(_is_refusal, kinds)):
        return _raises(expected, *arguments, **options)
    return _Refused(_raises(expected, **options))


def _is_refusal(kind: type[BaseException]) -> bool:
    """By name: the package is not imported before it is armed."""
    names = {ancestor.__name__ for ancestor in kind.__mro__}
    return not names.isdisjoint({"CondenseryError", "ValueError", "TypeError"})


class _Refused:
    """A block that must raise; an error of the annotations ends it as well."""

    def __init__(self, block: Any) -> None:
        self._block = block

    def __enter__(self) -> Any:
        return self._block.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if isinstance(error, jaxtyping.TypeCheckError):
            # Fills the record of the block, for tests that read the error's text.
            self._block.excinfo.fill_unfilled((kind, error, trace))
            return True
        return self._block.__exit__(kind, error, trace)


def pytest_configure() -> None:
    """Before any test is imported."""
    pytest.raises = _raises_or_refuses

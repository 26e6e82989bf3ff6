"""``--set key=value``, as typed, to a parameter and its value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from condensery._errors import InvalidInputError

_OPTIONS = ("experiment", "preset", "runs", "runner", "workers", "progress")


def overrides(settings: Iterable[str]) -> dict[str, Any]:
    """The parameters that ``--set`` gave.

    Raises:
        InvalidInputError: If one is not ``key=value``, a key is given twice, or is an
            option of its own.

    Example:
        >>> from condensery.cli._values import overrides
        >>> overrides(  # doctest: +NORMALIZE_WHITESPACE
        ...     [
        ...         "gammas=0.6,0.8",
        ...         "tolerance=1e-6",
        ...         "data=digits",
        ...         "asi=false",
        ...         "widths=[100, 200]",
        ...     ]
        ... )
        {'gammas': [0.6, 0.8], 'tolerance': 1e-06, 'data': 'digits', 'asi': False,
         'widths': [100, 200]}
    """
    parameters: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.isidentifier():
            raise InvalidInputError(
                "--set",
                given=setting,
                allowed="key=value",
                remedy="write for example --set widths=1000,4000",
            )
        if key in _OPTIONS:
            raise InvalidInputError(
                "--set",
                given=key,
                allowed="a parameter of the experiment",
                remedy=f"use --{key}",
            )
        if key in parameters:
            raise InvalidInputError(
                "--set",
                given=f"{key} twice",
                allowed="each key once",
                remedy="remove one of them",
            )
        parameters[key] = parse(text)
    return parameters


def parse(text: str) -> Any:
    """JSON if it is JSON, else a list if it has commas, else the text.

    Example:
        >>> from condensery.cli._values import parse
        >>> parse("1e-6"), parse(".5,relu"), parse("a b"), parse('{"a": 1}')
        (1e-06, [0.5, 'relu'], 'a b', {'a': 1})
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or brackets without end
        pass
    if "," in text:
        return [parse(word.strip()) for word in text.strip(",").split(",")]
    try:
        # JSON has no ".5" and no "1.", people do; words that float() also takes (nan,
        # inf) stay words here.
        return float(text) if text.strip("+-0123456789.eE") == "" else text
    except ValueError:
        return text

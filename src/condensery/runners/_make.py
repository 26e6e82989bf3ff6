"""From the name of a runner to the runner."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from condensery._errors import InvalidInputError, suggestion
from condensery._reference import load, with_entry_points

if TYPE_CHECKING:
    from condensery.protocols import Runner

ENTRY_POINTS = "condensery.runners"
"""Group under which a package adds runners: a name, and what makes the runner."""

# By reference, so that a runner whose packages are missing harms no other.
BUILT_IN = {"local": "condensery.runners.local:LocalRunner"}


def make(name: str = "local", **options: Any) -> Runner:
    """The runner of that name.

    A package adds a runner under the entry point group ``condensery.runners``; what the
    entry point names is called with the options and returns a
    `condensery.protocols.Runner`.

    Args:
        name: ``local``, or a runner that an installed package has added.
        **options: Options of the runner; an option that is None is left out. Every
            runner takes `workers`.

    Raises:
        InvalidInputError: There is no such runner, it has no such option, it refuses a
            value, or what was made is not a runner.

    Example:
        >>> from condensery import runners
        >>> runners.make("local", workers=2)
        LocalRunner(workers=2)
        >>> runners.make("lokal")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: runner: given lokal; did you mean \
local?; allowed: local
    """
    references = registered()
    if name not in references:
        raise InvalidInputError(
            "runner",
            given=name,
            allowed=", ".join(sorted(references)),
            remedy=suggestion(name, references, otherwise="choose one of these"),
        )
    factory = load(references[name])
    if not callable(factory):
        _refuse(references[name])
    options = {key: value for key, value in options.items() if value is not None}
    _check_options(name, factory, options)
    runner = factory(**options)
    if not callable(getattr(runner, "run", None)):
        _refuse(references[name])
    return runner


def registered() -> dict[str, str]:
    """Names and references of all runners: ours first, then those of other packages."""
    return with_entry_points(BUILT_IN, ENTRY_POINTS)


def _check_options(
    name: str, factory: Callable[..., Any], options: dict[str, Any]
) -> None:
    parameters = inspect.signature(factory).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return
    for option in options:
        if option not in parameters:
            raise InvalidInputError(
                f"option of runner {name}",
                given=option,
                allowed=", ".join(parameters) or "none",
                remedy="leave it out",
            )


def _refuse(reference: str) -> NoReturn:
    raise InvalidInputError(
        "runner",
        given=reference,
        allowed="what makes a condensery.protocols.Runner",
        remedy=f"correct the entry point in the group {ENTRY_POINTS}",
    )

"""The doors of the Python surface: what cannot be used is named in one line.

A public function is called as it is. Only when it fails with an error that nobody
raised on purpose, its arguments are held against their annotations: where one of them
is something else, the error is an `InvalidInputError` with its name; otherwise the
error stays what it is.
"""

from __future__ import annotations

import functools
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any, TypeVar

from condensery._errors import CondenseryError, InvalidInputError, shortened

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "__behind_a_door__"
_CAUSE = 300
"""Characters of the error that a message repeats."""
_SHOWN = ("__repr__", "__str__")
"""A value that cannot be shown is no code of a user that we called."""
_HOME = str(Path(__file__).parent)
_LIBRARIES = tuple(
    sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")
)


def guard(package: MutableMapping[str, Any], names: Iterable[str]) -> None:
    """Put a door before the public functions and classes of a package.

    Args:
        package: The package's ``globals()``.
        names: Its public names.
    """
    for name in names:
        if name in package:
            package[name] = with_door(package[name], package["__name__"])


def door(package: str) -> Callable[[_Function], _Function]:
    """A decorator for a function that is a value as well, such as a target of data.

    Args:
        package: The package that exports it.
    """

    def decorate(function: _Function) -> _Function:
        return with_door(function, package)

    return decorate


def with_door(item: Any, package: str) -> Any:
    """A function with a door before it; a class with one before its making.

    What is neither stays as it is.
    """
    if isinstance(item, FunctionType):
        return _function(item, f"{package}.{item.__name__}")
    if isinstance(item, type) and _makes_itself(item):
        made = _function(vars(item)["__init__"], f"{package}.{item.__name__}")
        type.__setattr__(item, "__init__", made)
    return item


def _makes_itself(item: type) -> bool:
    own = isinstance(vars(item).get("__init__"), FunctionType)
    is_protocol = getattr(item, "_is_protocol", False)
    return own and not is_protocol and not issubclass(item, BaseException)


def _function(function: FunctionType, name: str) -> Any:
    if hasattr(function, _MARK):
        return function

    @functools.wraps(function)
    def behind(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except CondenseryError:
            raise
        except Exception as error:
            if _is_armed(error) or _is_of_a_user(error.__traceback__):
                raise
            refusal = _refusal(function, name, arguments, options, error)
            if refusal is None:
                raise
            raise refusal from error

    setattr(behind, _MARK, True)
    home = sys.modules.get(function.__module__)
    if home is not None and vars(home).get(function.__name__) is function:
        # In its module too, so that it is one object wherever it is looked up.
        setattr(home, function.__name__, behind)
    return behind


def _is_armed(error: Exception) -> bool:
    """Whether annotations are checked at every call, as in tests, and one refused."""
    return type(error).__module__.partition(".")[0] == "jaxtyping"


def _is_of_a_user(trace: TracebackType | None) -> bool:
    """Whether an error comes from code that is neither ours nor of a library.

    The first frame is that of the door.
    """
    while trace is not None:
        code = trace.tb_frame.f_code
        file = code.co_filename
        # Compiled modules name their source by a path that is not absolute.
        is_compiled = not Path(file).is_absolute()
        is_ours = is_compiled or file.startswith((_HOME, *_LIBRARIES))
        is_ours = is_ours or code.co_name in _SHOWN
        if not is_ours:
            return True
        trace = trace.tb_next
    return False


def _refusal(
    function: FunctionType,
    name: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    error: Exception,
) -> InvalidInputError | None:
    """The refusal of the first argument that is not what it should be."""
    said = shortened(f"{type(error).__name__}: {error}", _CAUSE)
    remedy = f"see help({name}) ({said})"
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*arguments, **options)
    except TypeError:
        words = [str(word) for word in signature.parameters if word != "self"]
        return InvalidInputError(
            name,
            given=f"{len(arguments)} values and {', '.join(options) or 'no names'}",
            allowed=f"the arguments {', '.join(words)}",
            remedy=remedy,
        )
    for argument, value, allowed in _problems(function, bound.arguments):
        return InvalidInputError(
            argument,
            given=_given(value),
            allowed=allowed,
            remedy=remedy,
        )
    return None


def _problems(
    function: FunctionType, values: dict[str, Any]
) -> Iterable[tuple[str, Any, str]]:
    """Argument, value and what is allowed: wrong kinds first, then wrong values."""
    from condensery._hints import fault, mismatch

    axes: dict[str, int] = {}
    for argument, value in values.items():
        allowed = mismatch(value, _hint(function, argument), axes)
        if allowed:
            yield argument, value, allowed
    for argument, value in values.items():
        allowed = fault(value)
        if allowed:
            yield argument, value, allowed


def _hint(function: FunctionType, argument: str) -> Any:
    """The annotation of an argument; `Any` if it cannot be evaluated now."""
    text = function.__annotations__.get(argument, Any)
    if not isinstance(text, str):
        return text
    try:
        # ruff: ignore[suspicious-eval-usage] - our own annotation
        return eval(text, inspect.unwrap(function).__globals__)
    except Exception:  # a name that only type checkers import
        return Any


def _given(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is None or not hasattr(value, "dtype"):
        kind = type(value).__name__
        text = shortened(value)
        return text if value is None else f"{text} ({kind})"
    size = "x".join(map(str, shape)) or "a single number"
    return f"an array {size} of {value.dtype}"

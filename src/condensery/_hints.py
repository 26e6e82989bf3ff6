"""Whether a value is what an annotation says, in the words of a message.

Used after something went wrong, to say which argument it was; what cannot be decided
counts as fitting.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import numpy as np
from numpy.typing import ArrayLike

_NUMBERS = "biuf"
_LOOKED_AT = 1000
"""Members of a sequence that are looked at."""
_LARGEST_COUNT = 10**9
_UNIONS = (Union, types.UnionType)
_WORDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    np.ndarray: "an array of numbers",
    object: "anything",
}
Axes = dict[str, int]


def mismatch(value: object, hint: object, axes: Axes) -> str:
    """What an annotation allows, if the value is something else; else empty.

    Args:
        value: The value of an argument.
        hint: Its annotation, evaluated.
        axes: Sizes of axes that other arrays have; those of this array are added.

    Example:
        >>> import jaxtyping
        >>> import numpy as np
        >>> from condensery._hints import mismatch
        >>> mismatch("three", int | None, {})
        'a whole number or None'
        >>> mismatch(np.zeros(3), jaxtyping.Float[np.ndarray, "unit feature"], {})
        'an array of numbers with the axes (unit, feature)'
    """
    return "" if _fits(value, hint, axes) else described(hint)


def fault(value: object) -> str:
    """What makes a value of the right kind unusable for most purposes; else empty.

    Example:
        >>> from condensery._hints import fault
        >>> fault(float("nan")), fault([]), fault(-1), fault(1.5)
        ('finite numbers', 'at least one value', 'a count of 0 to 1000000000', '')
    """
    if isinstance(value, bool | str):
        return "" if value != "" else "a text that is not empty"
    if isinstance(value, int | np.integer):
        is_count = 0 <= value <= _LARGEST_COUNT
        return "" if is_count else f"a count of 0 to {_LARGEST_COUNT}"
    return _fault_of_array(value)


def _fault_of_array(value: object) -> str:
    array = _as_numbers(value)
    if array is None:
        return ""
    if array.size == 0:
        return "at least one value"
    is_finite = array.dtype.kind != "f" or np.isfinite(array).all()
    return "" if is_finite else "finite numbers"


def described(hint: object) -> str:
    """An annotation in words."""
    kind = _kind(hint)
    if kind is not None:
        return kind.words(hint)
    name = getattr(hint, "__name__", str(hint))
    return _WORDS.get(hint, f"a {name}")


class _Kind(NamedTuple):
    """What annotations of one kind have in common."""

    holds: Callable[[Any], bool]
    fits: Callable[[object, Any, Axes], bool]
    words: Callable[[Any], str]


def _kind(hint: object) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.holds(hint)), None)


def _fits(value: object, hint: object, axes: Axes) -> bool:
    kind = _kind(hint)
    if kind is None:
        return _fits_class(value, hint)
    return kind.fits(value, hint, axes)


def _fits_inner(value: object, hint: Any, axes: Axes) -> bool:
    return _fits(value, get_args(hint)[0], axes)


def _inner_words(hint: Any) -> str:
    return described(get_args(hint)[0])


def _fits_any(value: object, hint: Any, axes: Axes) -> bool:
    return any(_fits(value, member, axes) for member in get_args(hint))


def _any_words(hint: Any) -> str:
    return " or ".join(dict.fromkeys(map(described, get_args(hint))))


def _fits_word(value: object, hint: Any, axes: Axes) -> bool:
    words = get_args(hint)
    return any(type(value) is type(word) and value == word for word in words)


def _fits_class(value: object, hint: object) -> bool:
    if hint is int:
        is_truth = isinstance(value, bool | np.bool_)
        return isinstance(value, int | np.integer) and not is_truth
    if hint is float:
        return isinstance(value, int | float | np.number) or _is_scalar(value)
    if hint is np.ndarray:
        return _as_numbers(value) is not None
    try:
        return isinstance(value, hint) if isinstance(hint, type) else True
    except TypeError:  # a protocol that cannot be looked for
        return True


def _fits_mapping(value: object, hint: Any, axes: Axes) -> bool:
    return isinstance(value, Mapping)


def _fits_members(value: object, hint: Any, axes: Axes) -> bool:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return False
    hints = get_args(hint)
    is_ordered = isinstance(value, Sequence) or getattr(value, "ndim", 0) > 0
    if not is_ordered:
        return not issubclass(get_origin(hint), Sequence)
    value = list(value)
    is_fixed = get_origin(hint) is tuple and ... not in hints
    if not is_fixed:
        hints = hints[:1] * min(len(value), _LOOKED_AT)
    elif len(value) != len(hints):
        return False
    pairs = zip(value, hints, strict=False)
    return all(_fits(member, of_member, {}) for member, of_member in pairs)


def _members_words(hint: Any) -> str:
    members = [member for member in get_args(hint) if member is not ...]
    return f"a sequence of: {' and '.join(dict.fromkeys(map(described, members)))}"


def _fits_origin(value: object, hint: Any, axes: Axes) -> bool:
    origin = get_origin(hint)
    return isinstance(value, origin) if isinstance(origin, type) else True


def _fits_numbers(value: object, hint: Any, axes: Axes) -> bool:
    return _as_numbers(value) is not None


def _fits_array(value: object, hint: Any, axes: Axes) -> bool:
    array = _as_numbers(value)
    if array is None:
        return False
    sizes = array.shape
    names = hint.dim_str.split()
    if any(name == "..." or name.startswith("*") for name in names):
        return len(sizes) >= len(names) - 1
    if len(sizes) != len(names):
        return False
    for name, size in zip(names, sizes, strict=True):
        required = int(name) if name.isdigit() else axes.setdefault(name, size)
        if required != size and not name.startswith("_"):
            return False
    return True


def _array_words(hint: Any) -> str:
    axes = ", ".join(hint.dim_str.split())
    return f"an array of numbers with the axes ({axes})"


def _as_numbers(value: object) -> Any:
    """The value as an array of numbers; None if it is none."""
    if isinstance(value, str | bytes | Mapping | set) or value is None:
        return None
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except Exception:  # ragged, or of a class that refuses
        return None
    return array if array.dtype.kind in _NUMBERS else None


def _is_scalar(value: object) -> bool:
    array = _as_numbers(value)
    return array is not None and array.ndim == 0


def _is_array(hint: object) -> bool:
    """Whether an annotation is one of jaxtyping's."""
    return isinstance(getattr(hint, "dim_str", None), str)


def _has_origin(*kinds: Any) -> Callable[[Any], bool]:
    def holds(hint: Any) -> bool:
        origin = get_origin(hint)
        return isinstance(origin, type) and issubclass(origin, kinds)

    return holds


_KINDS = (
    _Kind(
        lambda hint: hint is Any or isinstance(hint, TypeVar | str),
        lambda value, hint, axes: True,
        lambda hint: "anything",
    ),
    _Kind(
        lambda hint: hint is None or hint is type(None),
        lambda value, hint, axes: value is None,
        lambda hint: "None",
    ),
    _Kind(
        lambda hint: hint is ArrayLike,
        _fits_numbers,
        lambda hint: "a number or an array of numbers",
    ),
    _Kind(lambda hint: get_origin(hint) is Annotated, _fits_inner, _inner_words),
    _Kind(
        lambda hint: get_origin(hint) is Literal,
        _fits_word,
        lambda hint: ", ".join(map(str, get_args(hint))),
    ),
    _Kind(lambda hint: get_origin(hint) in _UNIONS, _fits_any, _any_words),
    _Kind(
        _has_origin(get_origin(Callable[[], Any])),
        lambda value, hint, axes: callable(value),
        lambda hint: "a function",
    ),
    _Kind(_is_array, _fits_array, _array_words),
    _Kind(_has_origin(Mapping), _fits_mapping, lambda hint: "a mapping"),
    _Kind(_has_origin(Iterable), _fits_members, _members_words),
    _Kind(
        lambda hint: get_origin(hint) is not None,
        _fits_origin,
        lambda hint: f"a {get_origin(hint).__name__}",
    ),
)
"""The kinds of annotations, the first that holds is taken; the others are classes."""

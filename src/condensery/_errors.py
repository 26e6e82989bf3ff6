"""The errors condensery raises at its edges; inside a batch a failure is a value (see
`condensery.records.Status`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]|"
    r"[\ud800-\udfff]"
)

if TYPE_CHECKING:
    from collections.abc import Iterable


_NEAR = "did you mean"
_MOST = 8


class CondenseryError(Exception):
    """Root of every error that condensery raises on purpose; `exit_status` is what the
    command line returns for it.
    """

    exit_status = 3


ECHOED = 200
"""Characters of what a user gave that a message repeats."""
_ADVICE = 1000
_SCANNED = 8000


class InvalidInputError(CondenseryError):
    """Something a user gave cannot be used.

    The message is one line in three parts: what was given, what is allowed, what to do.
    A near match comes before a list of what is allowed, which may be long.

    Args:
        what: The thing that was given, by the name the user knows it under
            (``"width"``).
        given: The value as given.
        allowed: What would have been accepted.
        remedy: What to do next.

    Example:
        >>> from condensery._errors import InvalidInputError
        >>> print(
        ...     InvalidInputError(
        ...         "width",
        ...         given=0,
        ...         allowed="a whole number >= 1",
        ...         remedy="use --set widths=1000",
        ...     )
        ... )
        width: given 0; allowed: a whole number >= 1; use --set widths=1000
    """

    exit_status = 2

    def __init__(self, what: str, *, given: object, allowed: str, remedy: str) -> None:
        self.what = what
        self.given = given
        self.allowed = allowed
        self.remedy = remedy
        echo = f"{shortened(what)}: given {shortened(given)}"
        advice = shortened(remedy, _ADVICE)
        choice = f"allowed: {shortened(allowed, _ADVICE)}"
        if remedy.startswith(_NEAR):
            super().__init__(f"{echo}; {advice}; {choice}")
        else:
            super().__init__(f"{echo}; {choice}; {advice}")


def shortened(value: object, length: int = ECHOED) -> str:
    r"""A value in one line of at most so many characters, beginning and end.

    Example:
        >>> from condensery._errors import shortened
        >>> shortened("a" * 50 + "z", 20), shortened([1, 2]), shortened("\x1b[2J")
        ('aaaaaaaaaaaa…aaaaaaz', '[1, 2]', '\\x1b[2J')
    """
    text = value if isinstance(value, str) else _repr(value)
    # More than twice as much is not looked at: it may be a whole file.
    if len(text) > _SCANNED:
        text = f"{text[: _SCANNED // 2]} {text[-_SCANNED // 2 :]}"
    line = " ".join(text.split())
    line = "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in line
    )
    if len(line) <= length:
        return line
    end = (length - 1) * 2 // 5
    return f"{line[: length - 1 - end]}…{line[-end:]}"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # of a user's own class
        return f"a {type(value).__name__} ({type(error).__name__} in its repr)"


def printable(text: str) -> str:
    r"""The text with its control characters shown: none is obeyed by a terminal.

    Line breaks and tabs stay. Marks that turn the direction of writing are shown too,
    since they let a text look like another.

    Args:
        text: Anything that was stored, typed or raised.

    Example:
        >>> from condensery._errors import printable
        >>> printable("a\x1b[31mred\u202e")
        'a\\x1b[31mred\\u202e'
    """
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def suggestion(word: str, choices: Iterable[str], *, otherwise: str) -> str:
    """The remedy for a word that is none of the choices: the nearest of them.

    Args:
        word: What was given.
        choices: What is allowed.
        otherwise: The remedy where none is near.

    Example:
        >>> from condensery._errors import suggestion
        >>> suggestion("quik", ["quick", "paper"], otherwise="choose one of these")
        'did you mean quick?'
    """
    from difflib import get_close_matches

    near = get_close_matches(word, list(choices), n=1)
    return f"{_NEAR} {near[0]}?" if near else otherwise


def some_of(names: Iterable[str]) -> str:
    """The first eight names, and how many there are besides.

    Example:
        >>> from condensery._errors import some_of
        >>> some_of("abcdefghij")
        'a, b, c, d, e, f, g, h and 2 more'
    """
    listed = list(names)
    more = len(listed) - _MOST
    text = ", ".join(listed[:_MOST])
    return f"{text} and {more} more" if more > 0 else text


EXTRAS = {
    "PIL": "plots",
    "jax": "experiments",
    "matplotlib": "plots",
    "sklearn": "experiments",
    "torch": "torch",
}
"""Optional packages that several parts need, and the extra that brings each."""


class MissingExtraError(CondenseryError):
    """An optional package is not installed; the message names the extra that brings
    it.
    """

    exit_status = 2

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, not installed here; pip install "
            f"'condensery[{extra}]'"
        )


class StoreBusyError(CondenseryError):
    """Another process writes this run."""

    exit_status = 2


class TaskFailedError(CondenseryError):
    """A task of a run raised; what had finished before is kept and `condensery resume`
    goes on from there.
    """

    exit_status = 3


class DiskError(CondenseryError):
    """The disk is full or broken; no other name or folder is the remedy.

    Args:
        fault: What the disk said, and of what.
        remedy: What to do about the disk.
        again: What to do once it is done.

    Attributes:
        fault: What the disk said, and of what.
        remedy: What to do about the disk.
    """

    exit_status = 3

    def __init__(self, fault: str, *, remedy: str, again: str) -> None:
        self.fault, self.remedy = fault, remedy
        super().__init__(f"{fault}; {remedy}, then {again}")

    def but(self, again: str) -> DiskError:
        """The same with something else to do afterwards."""
        return DiskError(self.fault, remedy=self.remedy, again=again)

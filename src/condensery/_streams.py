"""Standard streams that outlast their readers and take every text.

A program must not die of its display: the terminal may close, the reader of a pipe may
leave, the disk under a log may fill up, the encoding may lack a character.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PLAIN = "condensery.plain"
"""Name of the error handler that writes a character in its plain form."""

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO})
_STANDARD = range(3)
_FORMS = {
    "✓": "+",
    "✗": "x",
    "–": "-",
    "−": "-",
    "…": "...",
    "·": "*",
    "×": "x",
    "‖": "||",
    "√": "sqrt",
    "≥": ">=",
    "≤": "<=",
    "≫": ">>",
    "≠": "!=",
    "≈": "~",
    "∝": "~",
    "±": "+-",
    "∓": "-+",
    "½": "1/2",
    "′": "'",
    "″": "''",
    "∂": "d",
    "∇": "grad ",
    "∞": "inf",
    "∈": "in",
    "∘": "o",
    "⊥": "_|_",
    "°": " deg",
    "→": "->",
    "←": "<-",
    "⟨": "<",
    "⟩": ">",
    "µ": "mu",
}


class Lasting(io.RawIOBase):
    """Writes to a descriptor, and drops what cannot be written.

    Attributes:
        error: The first error of writing; None as long as all went well.

    Args:
        descriptor: Where to write; it stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self.error: OSError | None = None
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Whether the stream can be written: always."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all bytes, or as many as go."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while view and self.error is None:
                view = view[os.write(self._descriptor, view) :]
        except BlockingIOError:
            pass  # a reader that is slow now may read later what comes then
        except OSError as error:
            self.error = error
        return size


class Streams:
    """The two streams of a program while it runs.

    Args:
        out: What stands under standard output; None for a stream of the program that
            called us.
    """

    def __init__(self, out: Lasting | None) -> None:
        self._out = out

    @property
    def lost(self) -> OSError | None:
        """Why standard output could not be written; None if it could."""
        return None if self._out is None else self._out.error

    @property
    def reader_left(self) -> bool:
        """Whether standard output was lost because nobody reads it any more."""
        return self.lost is not None and self.lost.errno in _GONE


@contextmanager
def lasting_streams() -> Generator[Streams]:
    """Put lasting streams in the place of standard output and standard error.

    Streams that are none of the system's (those of a test, of a notebook) stay.
    """
    open_closed()
    before = sys.stdout, sys.stderr
    out, sys.stdout = _lasting(sys.stdout, descriptor=1)
    _, sys.stderr = _lasting(sys.stderr, descriptor=2, at_once=True)
    try:
        yield Streams(out)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def open_closed() -> None:
    """Put the null device in the place of closed standard descriptors (``2>&-``).

    Otherwise the next file that is opened takes the number, a ledger for example, and
    messages go into it.
    """
    for descriptor in _STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            # The system gives the lowest number that is free, which is this one.
            handle = os.open(os.devnull, os.O_RDWR)
            # ruff: ignore[boolean-positional-value-in-call] - has no name
            os.set_inheritable(handle, True)


def _lasting(
    stream: TextIO | None, *, descriptor: int, at_once: bool = False
) -> tuple[Lasting | None, TextIO]:
    encoding = "utf-8"
    if stream is not None:
        try:
            stream.flush()
            descriptor, encoding = stream.fileno(), stream.encoding
        except (OSError, ValueError):
            return None, stream
    raw = Lasting(descriptor)
    buffered = io.BufferedWriter(raw)
    text = io.TextIOWrapper(
        buffered,
        encoding=encoding,
        errors=PLAIN,
        line_buffering=at_once or raw.isatty(),
    )
    return raw, text


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream takes every character as it is."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Plain forms of the characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(plain_form, lacking)), error.end


def plain_form(character: str) -> str:
    r"""A character in ASCII.

    Example:
        >>> from condensery._streams import plain_form
        >>> [plain_form(character) for character in "✓γΣ²₁é凝"]
        ['+', 'gamma', 'Sigma', '^2', '_1', 'e', '\\u51dd']
    """
    if character in _FORMS:
        return _FORMS[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK") and " LETTER " in name:
        word = name.rpartition(" ")[2].replace("LAMDA", "LAMBDA").lower()
        return word.capitalize() if "CAPITAL" in name else word
    if unicodedata.combining(character):
        return ""
    parts = unicodedata.normalize("NFKD", character)
    letters = "".join(_FORMS.get(letter, letter) for letter in parts)
    base = letters.encode("ascii", "ignore").decode("ascii")
    if not base:
        return character.encode("ascii", "backslashreplace").decode("ascii")
    mark = {"SUPERSCRIPT": "^", "SUBSCRIPT": "_"}.get(name.partition(" ")[0], "")
    return mark + base


codecs.register_error(PLAIN, _plain)

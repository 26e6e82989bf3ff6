"""Forty bad values, and what becomes of them behind a door."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np

_LONG = "x" * 10_000


class Hostile:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Shapeless:
    """Says that it has a shape, and no values."""

    shape, dtype = (3, 4), "float64"


VALUES: dict[str, Callable[[], object]] = {
    "None": lambda: None,
    "True": lambda: True,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "a huge count": lambda: 10**12,
    "beyond 64 bits": lambda: 10**30,
    "half": lambda: 0.5,
    "a tiny number": lambda: 5e-324,
    "a huge number": lambda: 1e308,
    "nan": lambda: math.nan,
    "infinity": lambda: math.inf,
    "a complex number": lambda: 1 + 2j,
    "a fraction": lambda: Fraction(1, 3),
    "a decimal": lambda: Decimal("0.1"),
    "no text": lambda: "",
    "a text": lambda: "text",
    "a long text": lambda: _LONG,
    "lines": lambda: "two\nlines\n\x1b[2J",
    "a null byte": lambda: "a\0b",
    "half a surrogate": lambda: "a\udcffb",
    "bytes": lambda: b"bytes",
    "no list": list,
    "a ragged list": lambda: [[1.0, 2.0], [3.0]],
    "a list of texts": lambda: ["a", "b"],
    "a list of none": lambda: [None, None],
    "a mapping": lambda: {"a": 1},
    "a set": lambda: {1, 2},
    "an object": object,
    "a hostile object": Hostile,
    "a shapeless object": Shapeless,
    "a class": lambda: dict,
    "a function": lambda: lambda *arguments: None,
    "no array": lambda: np.zeros((0,)),
    "no rows": lambda: np.zeros((0, 3)),
    "an array of nan": lambda: np.full((3, 2), np.nan),
    "an array of infinities": lambda: np.full(4, np.inf),
    "an array of texts": lambda: np.array(["a", "b"]),
    "an array of objects": lambda: np.array([{}, None], dtype=object),
    "a complex array": lambda: np.ones((2, 2), dtype=complex),
    "an array of seven axes": lambda: np.ones((1,) * 7),
    "a path that is long": lambda: Path("y" * 300),
}

WORDS: dict[str, str] = {
    "no text": "",
    "a space": " ",
    "zero": "0",
    "minus one": "-1",
    "half": "0.5",
    "a huge count": str(10**12),
    "beyond 64 bits": str(10**30),
    "nan": "nan",
    "infinity": "inf",
    "1e400": "1e400",
    "hexadecimal": "0x10",
    "digits of elsewhere": "١٢",
    "a superscript": "²",
    "None": "None",
    "true": "true",
    "a word": "word",
    "letters of elsewhere": "凝聚 ✓",
    "a long text": _LONG,
    "lines": "two\nlines",
    "an escape": "\x1b[2J\x1b]0;title\x07",
    "bytes that are no text": "a\udcffb",
    "a percent sign": "%s%n%d",
    "braces": "{0.__class__}",
    "quotes": "'; DROP TABLE runs; --",
    "a dash": "-",
    "two dashes": "--",
    "an option": "--nothing",
    "a list": "1,2,3",
    "a JSON list": "[1, [2, null]]",
    "a JSON object": '{"a": {"b": []}}',
    "deep brackets": "[" * 5000,
    "an equals sign": "=",
    "a key": "a=b",
    "a name that is too long": "y" * 300,
    "a folder": ".",
    "a folder above": "../..",
    "nobody's home": "~nobody-of-this-name/x",
    "a device": "/dev/full",
    "an endless device": "/dev/zero",
    "a closed folder": "/proc/1/root/x",
    "a module": "os:system",
    "a file and a name": "nothing.py:Nothing",
}


def peak_bytes() -> int:
    """The largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

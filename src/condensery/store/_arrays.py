"""Arrays and tables as safetensors files that carry the checksum of their own
content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from pydantic import ConfigDict, Field, ValidationError
from safetensors import SafetensorError

from condensery._errors import InvalidInputError
from condensery.records import Record
from condensery.store._reading import LARGEST_ARRAYS, DamagedError

_KEY = "condensery"
_DTYPES = frozenset(
    [
        "bool",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        "float16",
        "float32",
        "float64",
    ]
)


def encode(
    arrays: Mapping[str, np.ndarray],
    *,
    identity: str,
    units: Mapping[str, str] | None = None,
) -> bytes:
    """One safetensors file: the same arrays always give the same bytes.

    Text is stored as numbers of entries in a list that stands in the file's metadata,
    together with the order of the columns, their units, what the file is (`identity`)
    and a SHA-256 of it all.

    Raises:
        InvalidInputError: If an array has a dtype that cannot be stored, or the arrays
            are too large.
    """
    _check_size(arrays)
    numbers: dict[str, np.ndarray] = {}
    texts: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        if array.dtype.kind == "U":
            entries, codes = np.unique(array, return_inverse=True)
            numbers[name] = codes.reshape(array.shape).astype(np.int32)
            texts[name] = {
                "dtype": array.dtype.newbyteorder("<").str,
                "entries": entries.tolist(),
            }
            continue
        if array.dtype.name not in _DTYPES or name == "__metadata__":
            raise InvalidInputError(
                "array",
                given=f"{name!r} of dtype {array.dtype}",
                allowed="bool, integer, float (16 to 64 bits) or text",
                remedy="convert it; store a complex array as its real and imaginary "
                "parts",
            )
        # safetensors writes the memory as it lies: an array in column order, or a
        # strided one, would come back wrong.
        numbers[name] = np.asarray(
            array, dtype=array.dtype.newbyteorder("<"), order="C"
        )
    about: dict[str, Any] = {
        "identity": identity,
        "columns": list(arrays),
        "texts": texts,
        "units": dict(units or {}),
    }
    about["sha256"] = _digest(numbers, about)
    # One key only: the order of several is not fixed.
    return safetensors.numpy.save(numbers, metadata={_KEY: json.dumps(about)})


def decode(
    content: bytes, *, identity: str
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and units of a file that `encode` wrote with this identity.

    Raises:
        DamagedError: If the file is torn, altered, or another than the one asked for.
    """
    numbers, about = _parsed(content)
    written = about.pop("sha256", None)
    if written != _digest(numbers, about):
        raise DamagedError("is not what was written (its checksum differs)")
    # Whoever makes a file can give it the right checksum: its form is not trusted.
    header = _header(about)
    if header.identity != identity:
        raise DamagedError(f"belongs to {header.identity[:99]}, not to {identity}")
    if sorted(header.columns) != sorted(numbers) or not header.texts.keys() <= set(
        numbers
    ):
        raise DamagedError("has other columns than it says")
    size = sum(array.nbytes for array in numbers.values())
    for name, text in header.texts.items():
        size += numbers[name].size * text.itemsize
    if size > LARGEST_ARRAYS:
        raise DamagedError(f"becomes {size} bytes, allowed are {LARGEST_ARRAYS}")
    arrays = {name: numbers[name] for name in header.columns}
    for name, text in header.texts.items():
        arrays[name] = _decoded(text, numbers[name])
    return arrays, header.units


class _Text(Record):
    """How a column of text is stored: entries that its codes count."""

    dtype: str = Field(pattern=r"^<U[0-9]{1,9}$")
    entries: list[str]

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return np.dtype(self.dtype).itemsize


class _Header(Record):
    """What a file says of its arrays."""

    model_config = ConfigDict(strict=True)

    identity: str
    columns: list[str]
    texts: dict[str, _Text]
    units: dict[str, str]


def _header(about: Mapping[str, Any]) -> _Header:
    try:
        return _Header.model_validate(about)
    except ValidationError as error:
        fields = error.errors()[0]["loc"]
        name = ".".join(map(str, fields))
        raise DamagedError(f"has no proper header ({name[:80]!r})") from error


def _parsed(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        numbers = safetensors.numpy.load(content)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header["__metadata__"][_KEY])
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise DamagedError(f"cannot be read ({error})") from error
    strange = [array for array in numbers.values() if array.dtype.name not in _DTYPES]
    if strange or not isinstance(about, dict):
        raise DamagedError("cannot be read (no arrays of ours)")
    return numbers, about


def _decoded(text: _Text, codes: np.ndarray) -> np.ndarray:
    count = len(text.entries)
    is_code = codes.dtype == np.int32
    if not is_code or np.any(codes < 0) or np.any(codes >= count):
        raise DamagedError("has codes of no text")
    longest = max(map(len, text.entries), default=0)
    if 4 * longest > text.itemsize:
        raise DamagedError("has texts longer than it says")
    if not count:
        return np.empty(codes.shape, dtype=text.dtype)
    entries = np.array(text.entries, dtype=text.dtype)
    return entries[codes.reshape(-1)].reshape(codes.shape)


def _check_size(arrays: Mapping[str, np.ndarray]) -> None:
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST_ARRAYS:
        raise InvalidInputError(
            "arrays",
            given=f"{size} bytes",
            allowed=f"at most {LARGEST_ARRAYS} in one file",
            remedy="return fewer numbers, or split the task",
        )


def _digest(numbers: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> str:
    """SHA-256 of names, dtypes, shapes, bytes and metadata."""
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(numbers):
        array = numbers[name]
        total.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()

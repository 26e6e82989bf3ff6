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
from safetensors import SafetensorError

from condensery._errors import InvalidInputError

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


class DamagedError(Exception):
    """A file is not what was written."""


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
        InvalidInputError: If an array has a dtype that cannot be stored.
    """
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
    try:
        numbers = safetensors.numpy.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = json.loads(header["__metadata__"][_KEY])
        written = about.pop("sha256")
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"cannot be read ({error})") from error
    if written != _digest(numbers, about):
        raise DamagedError("is not what was written (its checksum differs)")
    if about["identity"] != identity:
        raise DamagedError(f"belongs to {about['identity']}, not to {identity}")
    arrays = {name: numbers[name] for name in about["columns"]}
    for name, text in about["texts"].items():
        entries, codes = np.array(text["entries"], dtype=text["dtype"]), arrays[name]
        arrays[name] = entries[codes.reshape(-1)].reshape(codes.shape)
    return arrays, about["units"]


def _digest(numbers: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> str:
    """SHA-256 of names, dtypes, shapes, bytes and metadata."""
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(numbers):
        array = numbers[name]
        total.update(json.dumps([name, array.dtype.str, list(array.shape)]).encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()

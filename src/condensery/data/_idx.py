"""Strict and bounded reading of IDX files, the format of MNIST, gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from condensery._errors import InvalidInputError
from condensery.data._dataset import MOST_VALUES

_GZIP = b"\x1f\x8b"
_BEST_DEFLATE = 1032
"""No deflate stream expands by more than this factor."""
_MOST_INFLATED = 2**31
_CHUNK = 2**20


@runtime_checkable
class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class IdxItems(NamedTuple):
    """The first items of an IDX file, and how many it holds in all."""

    items: UInt8[np.ndarray, " sample *shape"]
    count: int


def read_idx(path: Path, *, what: str, dimensions: int, limit: int | None) -> IdxItems:
    """The first `limit` items of an IDX file of unsigned bytes; the whole file is
    checked.

    Nothing is allocated on the word of a header: a plain file's size must be exactly
    what its header says before a byte of data is read, and a gzip stream is refused if
    its header promises more than deflate can hold in the file, read in chunks, and left
    as soon as it exceeds its promise.

    Args:
        path: The file. Its first bytes say whether it is gzipped, not its name.
        what: What an error calls it.
        dimensions: 3 for images, 1 for labels.
        limit: How many items to keep; None for all.

    Every fault of the file ends in `InvalidInputError`: missing, truncated, too long,
    damaged, of another kind.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream: _Stream = gzip.GzipFile(fileobj=raw) if packed else raw
            shape = _shape(stream, path, what, dimensions)
            _check_size(shape, size, path, what, packed=packed)
            kept = shape[0] if limit is None else min(limit, shape[0])
            item = math.prod(shape[1:])
            _check_kept(kept * item, path, what)
            content = _read(stream, kept * item, path, what)
            if packed:
                _drain(stream, (shape[0] - kept) * item, path, what)
    except (gzip.BadGzipFile, zlib.error) as error:
        _refuse(
            path,
            what,
            f"a damaged gzip file ({error})",
            "an undamaged gzip file",
            "download it again",
        )
    except EOFError:
        _refuse_truncated(path, what)
    except OSError as error:
        _refuse(
            path,
            what,
            f"a file that cannot be read ({error.strerror})",
            "a readable file",
            "check its permissions",
        )
    return IdxItems(
        np.frombuffer(content, dtype=np.uint8).reshape(kept, *shape[1:]), shape[0]
    )


def _shape(stream: _Stream, path: Path, what: str, dimensions: int) -> tuple[int, ...]:
    magic = stream.read(4)
    kinds = {
        b"\x00\x00\x08\x01": "an IDX file of labels",
        b"\x00\x00\x08\x03": "an IDX file of images",
    }
    expected = bytes([0, 0, 8, dimensions])
    if magic != expected:
        content = kinds.get(
            magic, f"a file that begins with {magic.hex(' ') or 'nothing'}"
        )
        _refuse(
            path,
            what,
            content,
            f"{kinds[expected]} of bytes, which begins with {expected.hex(' ')}",
            "give an IDX, .csv, .npy or .npz file",
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        _refuse_truncated(path, what)
    return struct.unpack(f">{dimensions}I", header)


def _check_size(
    shape: tuple[int, ...], size: int, path: Path, what: str, *, packed: bool
) -> None:
    promised = 4 + 4 * len(shape) + math.prod(shape)
    by_header = f"{' x '.join(map(str, shape))} bytes"
    if packed:
        if promised > min(_MOST_INFLATED, _BEST_DEFLATE * size):
            _refuse(
                path,
                what,
                f"a header of {by_header} in a gzip file of {size} bytes",
                "a header that the file can hold",
                "download it again",
            )
    elif promised != size:
        fault = "truncated" if size < promised else "too long"
        _refuse(
            path,
            what,
            f"a {fault} file: {size} bytes where its header ({by_header}) needs "
            f"{promised}",
            "a file exactly as long as its header says",
            "download it again",
        )


def _check_kept(values: int, path: Path, what: str) -> None:
    if values > MOST_VALUES:
        _refuse(
            path,
            what,
            f"{values} pixels",
            f"at most {MOST_VALUES} at a time",
            "take fewer samples",
        )


def _read(stream: _Stream, length: int, path: Path, what: str) -> bytearray:
    content = bytearray()
    while len(content) < length:
        chunk = stream.read(min(_CHUNK, length - len(content)))
        if not chunk:
            _refuse_truncated(path, what)
        content += chunk
    return content


def _drain(stream: _Stream, length: int, path: Path, what: str) -> None:
    """Read to the end without keeping: only the end of a gzip stream tells its length
    and checksum.
    """
    while length > 0:
        chunk = stream.read(min(_CHUNK, length))
        if not chunk:
            _refuse_truncated(path, what)
        length -= len(chunk)
    if stream.read(1):
        _refuse(
            path,
            what,
            "a file that goes on after what its header says",
            "a file exactly as long as its header says",
            "download it again",
        )


def _refuse_truncated(path: Path, what: str) -> NoReturn:
    _refuse(path, what, "a truncated file", "a whole IDX file", "download it again")


def _refuse(path: Path, what: str, content: str, allowed: str, remedy: str) -> NoReturn:
    raise InvalidInputError(
        f"{what} {path}", given=content, allowed=allowed, remedy=remedy
    ) from None

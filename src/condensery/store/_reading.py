"""Reading below a runs folder that somebody else may have made: regular files of a
bounded size, reached through no link.
"""

from __future__ import annotations

import os
import stat
from os import open as _open_handle
from pathlib import Path
from typing import BinaryIO

LARGEST_ARRAYS = 2 * 2**30
"""Bytes of a shard or a table, as a file and as arrays."""
LARGEST_DOCUMENT = 64 * 2**20
"""Bytes of a configuration, of claims, of a record."""
LARGEST_PAGE = 512 * 2**20
"""Bytes of a report or a figure."""

_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISREG, "a file"),
)


class DamagedError(Exception):
    """A file is not what was written."""


def read_file(root: Path, name: str, *, most: int) -> bytes:
    """The content of a regular file.

    A pipe is not opened, since that would wait for its writer, and the size is looked
    at before anything is read.

    Args:
        root: A folder of the user's, who may have named it through a link.
        name: Of the file below it, folders separated by ``/``.
        most: Bytes that it may have.

    Raises:
        DamagedError: If it or a folder above it is a link, it is no regular file, or
            too large.
        FileNotFoundError: If it is not there.
        OSError: If it cannot be read.
    """
    path = linkless(root, name)
    mode = os.lstat(path).st_mode
    if not stat.S_ISREG(mode):
        raise DamagedError(f"is {_kind(mode)}, not a regular file")
    with open(path, "rb", opener=_opener, buffering=0) as file:  # ruff: ignore[builtin-open]
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise DamagedError("is not a regular file")
        if status.st_size > most:
            raise DamagedError(f"has {status.st_size} bytes, allowed are {most}")
        return _content(file, status.st_size)


def linkless(root: Path, name: str) -> Path:
    """The path of a name below a folder, if no folder on the way is a link.

    Raises:
        DamagedError: If one is a link or no folder.
    """
    path = root
    for segment in Path(name).parts[:-1]:
        path /= segment
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            break  # so the file is not there either
        is_junction = getattr(status, "st_reparse_tag", 0) != 0
        if not stat.S_ISDIR(status.st_mode) or is_junction:
            kind = _kind(status.st_mode)
            raise DamagedError(f"is below {path.name}, which is {kind}")
    return root / name


def is_foreign(path: Path) -> bool:
    """Whether something is there that is no regular file, as a link or a pipe."""
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _kind(mode: int) -> str:
    kinds = (name for matches, name in _KINDS if matches(mode))
    return next(kinds, "a device")


def _opener(path: str, flags: int) -> int:
    # Neither waits for a pipe nor follows a link that came since the look at it.
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return _open_handle(path, flags | careful)


def _content(file: BinaryIO, size: int) -> bytes:
    chunks = []
    while size > 0:
        chunk = file.read(size)
        if not chunk:
            break  # it has become shorter: its checksum will differ
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)

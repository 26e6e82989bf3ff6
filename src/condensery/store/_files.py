"""Folders and files of a store, and names that cannot leave a folder."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from condensery._errors import InvalidInputError
from condensery._whole import UNFINISHED, sync_folder
from condensery._whole import write_whole as write_whole

DAY = 86400.0
"""Seconds after which what is unfinished has no writer any more."""
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=-]{0,199}")


def read_plain(path: Path, *, largest: int) -> bytes:
    """The content of a regular file; no link is followed, no pipe or device opened.

    Raises:
        OSError: If it is another kind of file, larger than `largest` bytes, or cannot
            be read.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file")
    if status.st_size > largest:
        raise OSError(errno.EINVAL, f"has more than {largest} bytes")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        return file.read(largest)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def set_aside(path: Path) -> Path | None:
    """Move a damaged file out of the way, keeping it for whoever wants to look; None if
    there is no file.
    """
    for number in range(1, 1000):
        aside = path.with_name(
            f"{path.name}.set-aside" + (f"-{number}" if number > 1 else "")
        )
        if not aside.exists():
            break
    try:
        path.replace(aside)
    except FileNotFoundError:
        return None
    sync_folder(path.parent)
    return aside


def clear_unfinished(folder: Path, *, seconds: float | None = None) -> None:
    """Remove what a killed writer left half written.

    Args:
        folder: With all below it.
        seconds: Age from which it is taken for left; by default any.
    """
    latest = time.time() - (seconds or 0.0)
    for path in folder.rglob(f".*{UNFINISHED}"):
        with suppress(FileNotFoundError):
            if seconds is None or path.lstat().st_mtime < latest:
                path.unlink()


def checked_name(
    name: str, *, reserved: Sequence[str] = (), folders: bool = False
) -> str:
    """The name, if it is a plain one that stays inside its folder.

    Args:
        name: The name as given; with `folders`, segments are separated by ``/``.
        reserved: First segments that are not to be written through this door.
        folders: Whether the name may have folders in it.

    Raises:
        InvalidInputError: If the name is absolute, has ``..``, or characters that some
            file system does not take.
    """
    segments = name.split("/") if folders else [name]
    is_plain = all(_SEGMENT.fullmatch(segment) for segment in segments)
    if not is_plain or segments[0] in reserved:
        allowed = "letters, digits and . _ + = - (not first), 200 characters at most"
        raise InvalidInputError(
            "file name",
            given=name,
            allowed=f"{allowed}, folders separated by /" if folders else allowed,
            remedy="choose another name"
            + (f" (taken: {', '.join(reserved)})" if reserved else ""),
        )
    return name

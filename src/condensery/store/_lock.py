"""Locks of the operating system, which are released however their holder ends, and
whether a folder has any that can be trusted.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from condensery._errors import CondenseryError, StoreBusyError
from condensery._paths import unwritable as refusal

NAME = ".writer.lock"
NO_LOCKS = ".no-locks"
"""File that stands in a runs folder without locks."""
VARIABLE = "CONDENSERY_LOCKS"
"""Set to ``no`` where locks cannot be trusted."""
_LOCKED_BYTE = 1 << 30
"""Windows locks bytes, which nobody can read then: one beyond what is written."""
_LARGEST = 2**16
_ABSENT = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class WriterLock:
    """Held from construction to `release`; the file tells whoever is refused who holds
    it.

    Args:
        folder: Folder of a run.

    Raises:
        StoreBusyError: If another process (or another store of this one) holds it.
        InvalidInputError: If the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._handle: int | None = _open(folder / NAME)
        except OSError as error:
            raise unwritable(folder, error) from error
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._holder = {"pid": os.getpid(), "host": platform.node(), "since": since}
        try:
            try_lock(self._handle)
            self._write({})
        except BlockingIOError:
            holder = _described(read_holder(folder))
            self.release()
            raise StoreBusyError(
                f"run {folder.name} in {folder.parent} is being written by {holder}; "
                "wait until it has ended; reading goes on meanwhile (condensery runs, "
                "show, claims)"
            ) from None
        except OSError as error:
            self.release()
            raise unwritable(folder, error) from error

    def announce(self, progress: Mapping[str, Any]) -> None:
        """Say in the file how far the run is; a disk that refuses is no matter."""
        with suppress(OSError):
            self._write(progress)

    def release(self) -> None:
        """Let the next writer in; nothing happens the second time."""
        if self._handle is not None:
            # The file stays: removing it would let two processes hold locks on two
            # files of the same name.
            os.close(self._handle)
            self._handle = None

    def _write(self, progress: Mapping[str, Any]) -> None:
        if self._handle is None:
            return
        content = json.dumps({**self._holder, "progress": dict(progress)}).encode()
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, content)


def read_holder(folder: Path) -> dict[str, Any]:
    """What the last holder of a run's lock wrote: pid, host, since and progress.

    Empty where it cannot be read, for instance while it is being written.
    """
    with suppress(OSError, ValueError, RecursionError):
        handle = _open(folder / NAME, make=False)
        try:
            document = json.loads(os.read(handle, _LARGEST))
        finally:
            os.close(handle)
        if isinstance(document, dict):
            return document
    return {}


def has_locks(root: Path, *, probe: bool) -> bool:
    """Whether locks can be trusted in a runs folder.

    They cannot where the folder or the environment says so, or the file system has
    none; then the folder says so from now on, so that all its processes agree.

    Args:
        root: The runs folder.
        probe: Whether to try, which writes.

    Raises:
        OSError: If the folder cannot be written.
    """
    if (root / NO_LOCKS).exists():
        return False
    refused = os.environ.get(VARIABLE, "").lower() in {"no", "none", "0", "off"}
    if not probe:
        return not refused
    is_trusted = not refused and _can_lock(root)
    if not is_trusted:
        os.close(_open(root / NO_LOCKS))
    return is_trusted


def unwritable(root: Path, error: OSError) -> CondenseryError:
    """The error for a runs folder in which nothing can be written."""
    return refusal(
        "runs folder",
        root,
        error,
        allowed="a folder that this process may write to",
        remedy="choose another with --runs DIR",
        again="start the same again",
    )


def _can_lock(root: Path) -> bool:
    handle = _open(root / NAME)
    try:
        try_lock(handle)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    finally:
        os.close(handle)
    return True


def _open(path: Path, *, make: bool = True) -> int:
    """Open a regular file; no link is followed, no pipe waited for.

    Raises:
        OSError: If it is another kind of file.
    """
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags = os.O_RDWR | os.O_CREAT if make else os.O_RDONLY
    handle = os.open(path, flags | safe, 0o666)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, f"{path.name} is not a regular file")


def _described(holder: Mapping[str, Any]) -> str:
    with suppress(KeyError):
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> None:
        """Lock an open file until it is closed.

        Raises:
            BlockingIOError: If it is locked.
        """
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def try_lock(handle: int) -> None:
        """Lock an open file until it is closed.

        Raises:
            BlockingIOError: If it is locked.
        """
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

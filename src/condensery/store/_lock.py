"""One writer per runs folder: a lock of the operating system, which is released however
its holder ends.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from condensery._errors import CondenseryError, StoreBusyError
from condensery._paths import unwritable as refusal

NAME = ".writer.lock"
_LOCKED_BYTE = 1 << 30
"""Windows locks bytes, which nobody can read then: one beyond what is written."""


class WriterLock:
    """Held from construction to `release`; the file tells whoever is refused who holds
    it.

    Raises:
        StoreBusyError: If another process (or another store of this one) holds it.
        InvalidInputError: If the folder cannot be written or its file system has no
            locks.
    """

    def __init__(self, root: Path) -> None:
        path = root / NAME
        try:
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(root, error) from error
        try:
            _lock(self._handle)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            text = json.dumps(
                {"pid": os.getpid(), "host": platform.node(), "since": since}
            )
            os.ftruncate(self._handle, 0)
            os.write(self._handle, text.encode())
        except BlockingIOError:
            holder = _holder(self._handle)
            self.release()
            raise StoreBusyError(
                f"runs folder {root} is being written by {holder}; wait until it "
                "has ended, or use another folder "
                "(--runs DIR); reading goes on meanwhile (condensery runs, show, "
                "claims)"
            ) from None
        except OSError as error:
            self.release()
            raise unwritable(root, error) from error

    def release(self) -> None:
        """Let the next writer in; nothing happens the second time."""
        if self._handle is not None:
            # The file stays: removing it would let two processes hold locks on two
            # files of the same name.
            os.close(self._handle)
            self._handle = None


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


def _holder(handle: int) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        os.lseek(handle, 0, os.SEEK_SET)
        holder = json.loads(os.read(handle, 4096))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

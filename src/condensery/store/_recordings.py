"""What a recorder writes beside its run: a line a step, so that a kill loses none.

The file is locked by its recorder as long as that lives. The next writer of the folder
makes the table of a recorder that was killed, or that another writer kept waiting.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from condensery._errors import StoreBusyError
from condensery.protocols import Store
from condensery.records import RunConfig, Table
from condensery.store._collector import has_ended
from condensery.store._files import (
    DAY,
    make_folder,
    read_plain,
    set_aside,
    write_whole,
)
from condensery.store._lock import try_lock, unwritable
from condensery.store._spool import FOLDER

_ENDING = ".steps"
_LARGEST = 2**31
_END = "end"
_ATTEMPTS, _PAUSE = 100, 0.02
TABLE = "monitor"
"""Name of the table of a recorded run."""
_log = logging.getLogger("condensery.store")

History = list[tuple[int, dict[str, float]]]
"""Pairs of a step and its values."""


class Recording:
    """The file of one recorder; made with its first line.

    Args:
        root: The runs folder.
        config: Configuration of the recorded run.
    """

    def __init__(self, root: Path, config: RunConfig) -> None:
        self._path = root / FOLDER / f"{config.run_id}{_ENDING}"
        self._config = config
        self._begun = time.monotonic()
        self._handle: int | None = None
        self._waiting = b""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append one step; what the disk refuses is kept for the next time.

        It is refused as by every writer: `DiskError`, or `InvalidInputError`.
        """
        elapsed = time.monotonic() - self._begun
        self._append([step, dict(values), elapsed])

    def end(self) -> None:
        """Append that the training came to its end."""
        self._append(_END)

    def close(self, *, keep: bool) -> None:
        """Let the next writer take the file in, or remove it.

        Args:
            keep: Whether it holds something that the run does not.
        """
        if self._handle is None:
            return
        os.close(self._handle)
        self._handle = None
        if not keep:
            self._path.unlink(missing_ok=True)

    def _append(self, line: Any) -> None:
        self._waiting += f"{json.dumps(line)}\n".encode()
        try:
            if self._handle is None:
                self._handle = self._make()
            while self._waiting:
                written = os.write(self._handle, self._waiting)
                self._waiting = self._waiting[written:]
        except OSError as error:
            root = self._path.parent.parent
            raise unwritable(root, error) from error

    def _make(self) -> int:
        """Make the file with its first line, and lock it."""
        holder = {"pid": os.getpid(), "host": platform.node()}
        head = {**holder, "config": self._config.model_dump(mode="json")}
        make_folder(self._path.parent)
        write_whole(self._path, f"{json.dumps(head)}\n".encode())
        handle = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        _insist(handle)
        os.lseek(handle, 0, os.SEEK_END)
        return handle


class Recorded:
    """What a recorder left.

    Args:
        content: Of its file.
        run: Id of its run.

    Attributes:
        config: Configuration of its run.
        history: Pairs of a step and its values.
        seconds: From its beginning to its last step.
        is_complete: Whether the training came to its end.

    Raises:
        ValueError: If it is no such file.
    """

    def __init__(self, content: bytes, run: str) -> None:
        head, *lines = content.split(b"\n")
        self.config = RunConfig.model_validate(json.loads(head)["config"])
        if self.config.run_id != run:
            raise ValueError("it is that of another run")
        self.history: History = []
        self.seconds, self.is_complete = 0.0, False
        # What follows the last newline was torn by a kill inside of the call.
        for line in lines[:-1]:
            document = json.loads(line)
            if document == _END:
                self.is_complete = True
                continue
            step, values, elapsed = document
            numbers = {str(name): float(value) for name, value in values.items()}
            self.history.append((int(step), numbers))
            self.seconds = float(elapsed)


class Left:
    """The file of a recorder that has ended, held while it is taken in.

    Args:
        path: Where it is.
        has_locks: Whether locks can be trusted there.
    """

    def __init__(self, path: Path, *, has_locks: bool) -> None:
        self.path, self._has_locks = path, has_locks
        self._handle: int | None = None

    def take(self) -> Recorded | None:
        """What it holds; None if its recorder lives, or it cannot be read."""
        try:
            if not self._is_left():
                return None
            content = read_plain(self.path, largest=_LARGEST)
            recorded = Recorded(content, self.path.stem)
            if not recorded.history:
                return None  # just begun; or killed before its first step
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            aside = set_aside(self.path)
            kept = f"; kept as {aside.name}" if aside else ""
            _log.warning("%s cannot be taken in (%s)%s", self.path, error, kept)
            return None
        return recorded

    def remove(self) -> None:
        """Remove it: the run has all of it."""
        self.release()
        self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _is_left(self) -> bool:
        content = read_plain(self.path, largest=_LARGEST)
        head = json.loads(content.partition(b"\n")[0])
        if not self._has_locks:
            age = time.time() - self.path.lstat().st_mtime
            return has_ended(head) or age > DAY
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
        self._handle = os.open(self.path, flags)
        try:
            try_lock(self._handle)
        except BlockingIOError:
            return False
        return self.path.exists()


def _insist(handle: int) -> None:
    """Lock a file that the next writer may be looking at in this moment."""
    for _ in range(_ATTEMPTS):
        try:
            try_lock(handle)
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:
            return  # without locks the pid has to do
        else:
            return


def has_recordings(root: Path) -> bool:
    """Whether there is a file of a recorder, alive or not.

    Args:
        root: The runs folder.
    """
    return bool(_files(root))


def take_in_recordings(store: Store, *, has_locks: bool) -> None:
    """Make the tables of recorders that were killed, or kept waiting at their end.

    Args:
        store: Open for writing.
        has_locks: Whether locks can be trusted in its folder.
    """
    for path in _files(store.root):
        left = Left(path, has_locks=has_locks)
        try:
            recorded = left.take()
            if recorded is not None:
                _enter(store, recorded)
                left.remove()
        except StoreBusyError:
            continue  # the next one will
        finally:
            left.release()


def _files(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob(f"*{_ENDING}"))


def _enter(store: Store, recorded: Recorded) -> None:
    run = recorded.config.run_id
    store.create_run(recorded.config, [])
    (summary,) = (row for row in store.runs() if row.run == run)
    store.put_table(run, TABLE, Table.of_history(recorded.history))
    store.put_claims(run, [])
    status = "done" if recorded.is_complete else "interrupted"
    missing = max(recorded.seconds - summary.seconds, 0.0)
    store.set_status(run, status, seconds=missing)

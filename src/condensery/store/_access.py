"""What a store may do in its folder: read, or write, each run as its one writer."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from condensery._errors import (
    CondenseryError,
    InvalidInputError,
    StoreBusyError,
    printable,
)
from condensery.store._collector import NAME as COLLECTOR
from condensery.store._collector import elected
from condensery.store._files import make_folder, set_aside, write_whole
from condensery.store._lock import WriterLock, has_locks, unwritable
from condensery.store._reading import DamagedError, linkless
from condensery.store._spool import FOLDER as SPOOL

_log = logging.getLogger("condensery.store")


class Access:
    """Reading for anyone; writing from construction to `release`, if it was asked for.

    A run's lock is taken when the run is first written, and held until `release`.
    Without locks that can be trusted nobody waits: shards are the same whoever writes
    them, and every file is replaced whole.

    Args:
        root: The runs folder.
        write: Whether to write; the folder is made where there is none.

    Attributes:
        may_write: Whether this store writes.
        has_locks: Whether locks can be trusted in the folder.

    Raises:
        InvalidInputError: If the folder cannot be made or written.
    """

    def __init__(self, root: Path, *, write: bool) -> None:
        self.root = root
        self.may_write = write
        self._held: dict[str, WriterLock] = {}
        for name in (SPOOL, COLLECTOR):
            self.path(f"{name}/file")
        try:
            if write:
                make_folder(root)
            self.has_locks = has_locks(root, probe=write)
        except OSError as error:
            raise self._refused(error) from error

    def release(self) -> None:
        """Let the next writers in; nothing happens the second time."""
        self.may_write = False
        for lock in self._held.values():
            lock.release()
        self._held.clear()

    def hold(self, run: str) -> None:
        """Become the one writer of a run.

        Raises:
            StoreBusyError: If another is.
            InvalidInputError: If this store only reads, or the disk refuses.
        """
        with self._writing():
            if run in self._held or not self.has_locks:
                return
            self._folder(run)
            self._held[run] = WriterLock(self.root / run)

    def announce(self, run: str, progress: Mapping[str, Any]) -> None:
        """Say how far a run is that this store holds."""
        if run in self._held:
            self._held[run].announce(progress)

    @contextmanager
    def writing(self, run: str) -> Generator[None, None, None]:
        """A block that writes a run; what the disk refuses becomes one line.

        Raises:
            StoreBusyError: If another process writes the run.
            InvalidInputError: If this store only reads, or the disk refuses.
        """
        self.hold(run)
        with self._writing():
            yield

    @contextmanager
    def collecting(self) -> Generator[None, None, None]:
        """A block that takes in the spool, alone where there are no locks.

        Raises:
            StoreBusyError: If another process takes it in.
            InvalidInputError: If this store only reads, or the disk refuses.
        """
        with self._writing():
            if self.has_locks:
                yield
                return
            with elected(self.root):
                yield

    def may_mend(self, run: str) -> bool:
        """Whether this store may write a run: not if another process does."""
        if not self.may_write:
            return False
        try:
            self.hold(run)
        except StoreBusyError:
            return False
        return True

    def set_aside(self, run: str, path: Path, problem: str) -> None:
        """Name a damaged file in a warning; the writer also moves it out of the way."""
        problem = printable(problem)
        if not self.may_mend(run):
            _log.warning(
                "%s: %s; it will be set aside and computed again by condensery resume",
                problem,
                path,
            )
            return
        with self.writing(run):
            aside = set_aside(path) if self._is_below(path) else None
        kept = f" (kept as {aside.name})" if aside else ""
        _log.warning("%s: %s; it is computed again%s", problem, path, kept)

    def path(self, name: str) -> Path:
        """The path of a file below the runs folder that no link leads to.

        Args:
            name: Of the file, folders separated by ``/``.

        Raises:
            InvalidInputError: If a folder on the way is a link.
        """
        try:
            return linkless(self.root, name)
        except DamagedError as error:
            raise InvalidInputError(
                "runs folder",
                given=f"{self.root / name}, which {error}",
                allowed="folders of its own: no link is followed",
                remedy="move it away; what was in it is made again",
            ) from error

    def write(self, run: str, name: str, content: bytes) -> Path:
        """Write a whole file of a run; what the disk refuses is one line.

        Args:
            run: The full id.
            name: Of the file, folders separated by ``/``.
            content: Of the file.
        """
        with self.writing(run):
            path = self.path(f"{run}/{name}")
            self._folder(str(path.parent.relative_to(self.root)))
            write_whole(path, content)
        return path

    def make(self, run: str, name: str) -> None:
        """Make a folder of a run."""
        with self.writing(run):
            self._folder(f"{run}/{name}")

    def _folder(self, name: str) -> None:
        folder = self.path(f"{name}/file").parent
        if not folder.is_dir():
            make_folder(folder)

    def _is_below(self, path: Path) -> bool:
        """Whether no link leads to a path below the runs folder."""
        try:
            linkless(self.root, str(path.relative_to(self.root)))
        except DamagedError:
            return False
        return True

    @contextmanager
    def _writing(self) -> Generator[None, None, None]:
        if not self.may_write:
            raise InvalidInputError(
                "store",
                given=f"{self.root}, opened for reading",
                allowed="writing by a writer",
                remedy="open it with open_store(root, write=True)",
            )
        try:
            yield
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> CondenseryError:
        return unwritable(self.root, error)

"""What a store may do in its folder: read, or write as its one writer."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from condensery._errors import CondenseryError, InvalidInputError
from condensery.store._files import make_folder, set_aside
from condensery.store._lock import WriterLock, unwritable

_log = logging.getLogger("condensery.store")


class Access:
    """Reading for anyone; writing from construction to `release`, if it was asked for.

    Args:
        root: The runs folder.
        write: Whether to become its writer; the folder is made where there is none.

    Raises:
        InvalidInputError: If the folder cannot be made or written.
    """

    def __init__(self, root: Path, *, write: bool) -> None:
        self.root = root
        self._lock: WriterLock | None = None
        if write:
            try:
                make_folder(root)
            except OSError as error:
                raise self._refused(error) from error
            self._lock = WriterLock(root)

    @property
    def may_write(self) -> bool:
        """Whether this store is the writer."""
        return self._lock is not None

    def release(self) -> None:
        """Let the next writer in; nothing happens the second time."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """A block that writes; what the disk refuses becomes one line.

        Raises:
            InvalidInputError: If this store only reads, or the disk refuses.
        """
        if self._lock is None:
            raise InvalidInputError(
                "store",
                given=f"{self.root}, opened for reading",
                allowed="writing by its one writer",
                remedy="open it with open_store(root, write=True)",
            )
        try:
            yield
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> CondenseryError:
        return unwritable(self.root, error)

    def set_aside(self, path: Path, problem: str) -> None:
        """Name a damaged file in a warning; the writer also moves it out of the way."""
        if not self.may_write:
            _log.warning(
                "%s: %s; it will be set aside and computed again by condensery resume",
                problem,
                path,
            )
            return
        with self.writing():
            aside = set_aside(path)
        kept = f" (kept as {aside.name})" if aside else ""
        _log.warning("%s: %s; it is computed again%s", problem, path, kept)

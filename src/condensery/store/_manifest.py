"""The manifest: names and checksums of all files of a run but its shards."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from condensery.store._access import Access
from condensery.store._ledger import Ledger
from condensery.store._reading import LARGEST_ARRAYS, DamagedError, read_file

_ATTEMPTS = 5


class FileRow(NamedTuple):
    """A content that a file may have.

    Attributes:
        sha256: Of the content.
        bytes: Its size.
        placed: Whether it is in place; otherwise it was about to be.
    """

    sha256: str
    bytes: int
    placed: bool


class Manifest:
    """Files of the runs by the full id of their run.

    A file's new checksum is entered before the file is put in place and its old one
    removed afterwards, so that after any crash the file has one that is entered. A
    checksum shows damage; whoever can write the folder can write the ledger too.

    Args:
        access: To the runs folder.
        ledger: Its ledger.
    """

    def __init__(self, access: Access, ledger: Ledger) -> None:
        self._access = access
        self._ledger = ledger

    def rows(self, run: str) -> dict[str, list[FileRow]]:
        """What is entered, by the files' names."""
        rows: dict[str, list[FileRow]] = defaultdict(list)
        for name, sha256, size, placed in self._ledger.files(run):
            row = FileRow(sha256, size, bool(placed))
            rows[str(name)].append(row)
        return dict(rows)

    def write(self, run: str, name: str, content: bytes) -> Path:
        """Write a file in place of an earlier one, and enter it."""
        with self._access.writing(run):
            self._access.path(f"{run}/{name}")
            self._enter(run, name, content, placed=False)
            path = self._access.write(run, name, content)
            self.enter(run, name, content)
        return path

    def enter(self, run: str, name: str, content: bytes) -> None:
        """Enter a file that is in place; what was entered of it before goes."""
        self._enter(run, name, content, placed=True)

    def forget(self, run: str, name: str) -> None:
        """Forget a file that is gone."""
        self._ledger.forget_file(run, name)

    def _enter(
        self,
        run: str,
        name: str,
        content: bytes,
        *,
        placed: bool,
    ) -> None:
        sha256 = hashlib.sha256(content).hexdigest()
        size = len(content)
        self._ledger.enter_file(
            run,
            name,
            sha256=sha256,
            size=size,
            placed=placed,
        )

    def read(self, run: str, name: str, *, most: int) -> bytes:
        """The content of a file, compared with its checksum if one is entered.

        Args:
            run: The full id.
            name: Of the file in the run's folder.
            most: Bytes that it may have.

        Raises:
            DamagedError: If it is another than what was written, or is gone.
            FileNotFoundError: If it was never written.
            OSError: If it cannot be read.
        """
        rows = self.rows(run).get(name, [])
        for _ in range(_ATTEMPTS):
            problem = ""
            content = b""
            try:
                content = read_file(self._access.root, f"{run}/{name}", most=most)
            except FileNotFoundError:
                if not any(row.placed for row in rows):
                    raise
                problem = "is missing"
            accepted = {row.sha256 for row in rows}
            sha256 = hashlib.sha256(content).hexdigest()
            if not problem and (sha256 in accepted or not rows):
                return content
            # A writer may have put another in place between the two looks.
            before, rows = rows, self.rows(run).get(name, [])
            if rows == before:
                break
        altered = "is not what was written (its checksum differs)"
        raise DamagedError(problem or altered)

    def damaged(self, run: str) -> dict[str, str]:
        """Files that are not as entered, with what is wrong; every file is read."""
        problems = {}
        for name in self.rows(run):
            try:
                self.read(run, name, most=LARGEST_ARRAYS)
            except FileNotFoundError:
                continue  # it was about to be written
            except (DamagedError, OSError) as error:
                problems[name] = str(error)
        return problems

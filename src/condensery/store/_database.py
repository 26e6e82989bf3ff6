"""The ledger's file: short transactions, and readers that write nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from condensery._errors import CondenseryError, InvalidInputError
from condensery.store._files import write_whole
from condensery.store._lock import VARIABLE, unwritable
from condensery.store._reading import is_foreign

NAME = "ledger.sqlite"
VERSION = 4
"""1: the first. 2: configurations that carry a format. 3: spools. 4: a manifest of all
files, and which runs are not verified.

A program of an earlier version cannot read these, and refuses the ledger in one line.
"""
_WAIT = 30.0  # seconds a reader waits for a commit, and a commit for readers
_ATTEMPTS = 5
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, experiment TEXT NOT NULL, preset TEXT NOT NULL,
    config TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL,
    created TEXT NOT NULL, turn INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tasks (
    run TEXT NOT NULL, task TEXT NOT NULL, PRIMARY KEY (run, task)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shards (
    run TEXT NOT NULL, task TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, task)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spools (
    name TEXT PRIMARY KEY, entries INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    run TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, placed INTEGER NOT NULL,
    PRIMARY KEY (run, name, sha256)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unverified (run TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_NO_LOCKS = ("SQLITE_PROTOCOL", "SQLITE_NOLFS")
_REFUSALS = {
    "SQLITE_READONLY": errno.EACCES,
    "SQLITE_CANTOPEN": errno.EACCES,
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_IOERR": errno.EIO,
}
"""What the disk says, by what SQLite makes of it."""
_Result = TypeVar("_Result")


class LedgerBusyError(CondenseryError):
    """The ledger cannot be locked: others hold it, or its file system has no locks."""


class DamagedLedgerError(InvalidInputError):
    """The ledger is not what was written."""


class Database:
    """``ledger.sqlite``; a connection lives as long as what it is for.

    Rollback journal and full sync: what was committed survives a loss of power, and a
    reader waits for one commit at most. No write-ahead log: SQLite 3.40, which Debian
    12 brings, can corrupt the database when it resets the log.

    Args:
        root: The runs folder.
        has_locks: Whether locks can be trusted there; without them the file is read
            whole and replaced whole.
    """

    def __init__(self, root: Path, *, has_locks: bool) -> None:
        self.path = root / NAME
        self._has_locks = has_locks

    def make(self) -> None:
        """Make the ledger where it is missing, and its tables where they are."""
        if self.read(self._check_version) == VERSION:
            return
        with self.transaction() as database:
            self._make_tables(database)

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection, None, None]:
        """A transaction; others wait for its end."""
        self._is_there()
        with (
            self._explained(),
            closing(
                sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
            ) as database,
        ):
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("PRAGMA synchronous = FULL")
            self._check_version(database)
            with _committed(database):
                yield database

    def query(self, statement: str, *values: object, since: int = 1) -> list[tuple]:
        """Rows of the ledger as it stands; none where there is no ledger yet, or one of
        a version before `since`.
        """

        def rows(database: sqlite3.Connection) -> list[tuple]:
            if self._check_version(database) < since:
                return []  # a writer is about to make it, or was killed before it had
            return database.execute(statement, values).fetchall()

        return self.read(rows) or []

    def copy(self) -> sqlite3.Connection:
        """The ledger in memory, with all its tables."""
        memory = sqlite3.connect(":memory:", isolation_level=None)
        try:
            if self._has_locks:
                self.read(lambda database: database.backup(memory))
            else:
                self._copy_without_locks(memory)
            with self._explained(), _committed(memory):
                self._make_tables(memory)
        except BaseException:
            memory.close()
            raise
        return memory

    def replace(self, memory: sqlite3.Connection) -> None:
        """Put what is in memory in place of the ledger, by one rename.

        For the one process that may, where locks cannot be trusted.
        """
        with self._explained():
            if self._journal.exists():
                # Undone in the file: it must not meet the journal of another.
                address = f"{self.path.resolve().as_uri()}?nolock=1"
                with closing(sqlite3.connect(address, uri=True)) as database:
                    self._check_version(database)
            for left in self.path.parent.glob(f".{NAME}.*"):  # by one that was killed
                left.unlink(missing_ok=True)
            write_whole(self.path, memory.serialize())

    def read(self, action: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        """What an action finds in the ledger; None where there is no file.

        Raises:
            CondenseryError: If it was being repaired at every attempt.
            OperationalError: Never; it becomes one of ours.
        """
        with self._explained():
            for _ in range(_ATTEMPTS):
                if not self._is_there():
                    return None
                try:
                    return self._read_from(self.path, action)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
                        raise
                # A killed writer left a commit half done. Undoing it means writing,
                # which is for the next writer to do: a reader undoes it in a copy.
                with tempfile.TemporaryDirectory(prefix="condensery-") as folder:
                    copy = Path(folder, NAME)
                    if self._copy_with_journal(copy):
                        return self._read_from(copy, action)
        raise CondenseryError(
            f"ledger {self.path} is being repaired by a writer; try again in a moment"
        )

    @property
    def _journal(self) -> Path:
        return self.path.with_name(f"{NAME}-journal")

    def _copy_with_journal(self, copy: Path) -> bool:
        """Copy the ledger and undo the half commit; False if a writer came first and
        removed the journal meanwhile.
        """
        try:
            before = self._journal.stat()
            shutil.copyfile(self._journal, copy.with_name(self._journal.name))
            shutil.copyfile(self.path, copy)
            after = self._journal.stat()
        except FileNotFoundError:
            return False
        # The journal holds every page as it was, so a ledger half undone with its whole
        # journal is as good as one not undone at all; only without its journal would it
        # be worth nothing.
        if _identity(before) != _identity(after):
            return False
        with closing(sqlite3.connect(copy)) as database:
            database.execute("PRAGMA user_version").fetchone()
        return True

    def _copy_without_locks(self, memory: sqlite3.Connection) -> None:
        if self._journal.exists():
            with tempfile.TemporaryDirectory(prefix="condensery-") as folder:
                copy = Path(folder, NAME)
                if self._copy_with_journal(copy):
                    self._read_from(copy, lambda database: database.backup(memory))
                    return
        content = self.path.read_bytes() if self._is_there() else b""
        if content:
            with self._explained():
                memory.deserialize(content)
                self._check_version(memory)

    def _read_from(
        self, path: Path, action: Callable[[sqlite3.Connection], _Result]
    ) -> _Result:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT)) as database:
            self._check_version(database)
            return action(database)

    def _make_tables(self, database: sqlite3.Connection) -> None:
        if self._check_version(database) == VERSION:
            return
        for statement in _SCHEMA.split(";\n"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")

    def _is_there(self) -> bool:
        """Whether there is a ledger that SQLite may open.

        Raises:
            InvalidInputError: If it or its journal is a link, a pipe or the like.
        """
        for path in (self.path, self._journal):
            if is_foreign(path):
                raise InvalidInputError(
                    "ledger",
                    given=f"{path}, a link or no file",
                    allowed="a file of its own: no link is followed",
                    remedy="move it away and run the same again",
                )
        return self.path.exists()

    def _check_version(self, database: sqlite3.Connection) -> int:
        # Views and triggers would be code that a folder brings.
        database.execute("PRAGMA trusted_schema = OFF")
        foreign = "SELECT count(*) FROM sqlite_master WHERE type NOT IN (?, ?)"
        (count,) = database.execute(foreign, ("table", "index")).fetchone()
        if count:
            raise sqlite3.DatabaseError("it has views or triggers")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise InvalidInputError(
                "runs folder",
                given=f"{self.path} of version {version}",
                allowed=f"version {VERSION}, which this condensery writes",
                remedy="upgrade condensery (pip install -U condensery) or use "
                "another folder (--runs DIR)",
            )
        return version

    @contextmanager
    def _explained(self) -> Generator[None, None, None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith(("SQLITE_BUSY", *_NO_LOCKS)) or "LOCK" in name:
                raise LedgerBusyError(
                    f"ledger {self.path} could not be locked for {_WAIT:.0f} s; "
                    f"try again, or set {VARIABLE}=no where locks do not work"
                ) from error
            if name.startswith(tuple(_REFUSALS)):
                kind = name.split("_", 2)[1]
                cause = OSError(_REFUSALS[f"SQLITE_{kind}"], str(error))
                raise unwritable(self.path.parent, cause) from error
            raise DamagedLedgerError(
                "ledger",
                given=str(self.path),
                allowed="the ledger as condensery wrote it",
                remedy=f"it is damaged ({error}): move it away and run the same again; "
                "finished shards are kept",
            ) from error


@contextmanager
def _committed(database: sqlite3.Connection) -> Generator[None, None, None]:
    """A block whose statements are committed together, or not at all."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    """What changes if a file is replaced or written."""
    return status.st_ino, status.st_mtime_ns, status.st_size

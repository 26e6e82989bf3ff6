"""The ledger: one SQLite file that knows the runs, their tasks and the checksums of
their shards.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from condensery._errors import CondenseryError, InvalidInputError
from condensery.records import RunStatus
from condensery.store._lock import unwritable

NAME = "ledger.sqlite"
VERSION = 2
"""1: the first. 2: the tables of 1, configurations that carry a format.

A program of version 1 cannot read these, and refuses the ledger in one line.
"""
_WAIT = 30.0  # seconds a reader waits for a commit, and a commit for readers
_ATTEMPTS = 5
_SCHEMA = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, experiment TEXT NOT NULL, preset TEXT NOT NULL,
    config TEXT NOT NULL, status TEXT NOT NULL, seconds REAL NOT NULL,
    created TEXT NOT NULL, turn INTEGER NOT NULL
);
CREATE TABLE tasks (
    run TEXT NOT NULL, task TEXT NOT NULL, PRIMARY KEY (run, task)
) WITHOUT ROWID;
CREATE TABLE shards (
    run TEXT NOT NULL, task TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, task)
) WITHOUT ROWID;
"""
_SUMMARY = """
SELECT run, experiment, preset, status, seconds, created,
    (SELECT count(*) FROM tasks WHERE tasks.run = runs.run),
    (SELECT count(*) FROM tasks JOIN shards USING (run, task)
        WHERE tasks.run = runs.run)
FROM runs
"""


class RunRow(NamedTuple):
    """What the ledger knows of one run, in the order of `_SUMMARY`.

    Attributes:
        run: Its id.
        experiment: Name of the experiment.
        preset: The preset.
        status: How the run stands.
        seconds: What it has cost.
        created: When it began.
        tasks: Number of its tasks.
        finished: Number of those with a shard.
    """

    run: str
    experiment: str
    preset: str
    status: RunStatus
    seconds: float
    created: str
    tasks: int
    finished: int


class Ledger:
    """Short transactions on ``ledger.sqlite``; a connection lives as long as one of
    them.

    Rollback journal and full sync: what was committed survives a loss of power, and a
    reader waits for one commit at most. No write-ahead log: SQLite 3.40, which Debian
    12 brings, can corrupt the database when it resets the log.

    Args:
        root: The runs folder.
        write: Whether to make the ledger where it is missing.

    Raises:
        InvalidInputError: If the file is not a ledger, is damaged, or was written by a
            newer version.
    """

    def __init__(self, root: Path, *, write: bool) -> None:
        self.path = root / NAME
        if write:
            with self._transaction() as database:
                version = self._check_version(database)
                if version == 0:
                    for statement in _SCHEMA.split(";\n"):
                        database.execute(statement)
                if version < VERSION:
                    database.execute(f"PRAGMA user_version = {VERSION}")

    def add_run(
        self,
        *,
        run: str,
        experiment: str,
        preset: str,
        config: str,
        created: str,
        tasks: Iterable[str],
    ) -> None:
        """Add a run (one that is there keeps its row and becomes the latest) and set
        the list of its tasks.
        """
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, 'unfinished', 0, ?, 0)",
                (run, experiment, preset, config, created),
            )
            self._latest(database, run)
            database.execute("DELETE FROM tasks WHERE run = ?", (run,))
            database.executemany(
                "INSERT OR IGNORE INTO tasks VALUES (?, ?)",
                [(run, task) for task in tasks],
            )

    def set_status(self, run: str, status: str, seconds: float) -> None:
        """Set the status, add to the cost, make the run the latest."""
        with self._transaction() as database:
            database.execute(
                "UPDATE runs SET status = ?, seconds = seconds + ? WHERE run = ?",
                (status, seconds, run),
            )
            self._latest(database, run)

    def set_shard(
        self, run: str, task: str, *, sha256: str, size: int, seconds: float
    ) -> None:
        """Enter a shard whose file is in place."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?)",
                (run, task, sha256, size, seconds),
            )

    def drop_shard(self, run: str, task: str) -> None:
        """Forget a shard whose file is gone or damaged."""
        with self._transaction() as database:
            database.execute(
                "DELETE FROM shards WHERE run = ? AND task = ?", (run, task)
            )

    def runs(self) -> list[str]:
        """Run ids, the latest first."""
        return [run for (run,) in self._read("SELECT run FROM runs ORDER BY turn DESC")]

    def config(self, run: str) -> str | None:
        """The configuration of a run as JSON."""
        rows = self._read("SELECT config FROM runs WHERE run = ?", run)
        return next((config for (config,) in rows), None)

    def tasks(self, run: str) -> set[str]:
        """Hashes of the tasks of a run."""
        rows = self._read("SELECT task FROM tasks WHERE run = ?", run)
        return {task for (task,) in rows}

    def shards(self, run: str) -> list[tuple[str, str, int, float]]:
        """Task hash, SHA-256 of the file, its bytes and the task's seconds, for every
        shard of a run.
        """
        return self._read(
            "SELECT task, sha256, bytes, seconds FROM shards WHERE run = ? ORDER BY "
            "task",
            run,
        )

    def shard(self, run: str, task: str) -> tuple[str, int, float] | None:
        """SHA-256, bytes and seconds of one shard."""
        rows = self._read(
            "SELECT sha256, bytes, seconds FROM shards WHERE run = ? AND task = ?",
            run,
            task,
        )
        return next(iter(rows), None)

    def summaries(self, run: str | None = None) -> list[RunRow]:
        """What is entered of all runs, or of one; the latest first."""
        if run is None:
            rows = self._read(f"{_SUMMARY} ORDER BY turn DESC")
        else:
            rows = self._read(f"{_SUMMARY} WHERE run = ?", run)
        return [RunRow(*row) for row in rows]

    def last_cost(self, experiment: str, preset: str) -> float | None:
        """Seconds of the latest run of this experiment and preset that reached its
        end.
        """
        rows = self._read(
            "SELECT seconds FROM runs WHERE experiment = ? AND preset = ? AND "
            "status IN ('done', 'claim failed') "
            "ORDER BY turn DESC LIMIT 1",
            experiment,
            preset,
        )
        return next((seconds for (seconds,) in rows), None)

    @staticmethod
    def _latest(database: sqlite3.Connection, run: str) -> None:
        database.execute(
            "UPDATE runs SET turn = (SELECT max(turn) + 1 FROM runs) WHERE run = ?",
            (run,),
        )

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        with (
            self._explained(),
            closing(
                sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)
            ) as database,
        ):
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("PRAGMA synchronous = FULL")
            self._check_version(database)
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    def _read(self, statement: str, *values: object) -> list[tuple]:
        with self._explained():
            for _ in range(_ATTEMPTS):
                if not self.path.exists():
                    return []
                try:
                    return self._read_from(self.path, statement, values)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
                        raise
                # A killed writer left a commit half done. Undoing it means writing,
                # which is for the next writer to do: a reader undoes it in a copy.
                with tempfile.TemporaryDirectory(prefix="condensery-") as folder:
                    copy = Path(folder, NAME)
                    if self._copy_with_journal(copy):
                        return self._read_from(copy, statement, values)
        raise CondenseryError(
            f"ledger {self.path} is being repaired by a writer; try again in a moment"
        )

    def _copy_with_journal(self, copy: Path) -> bool:
        """Copy the ledger and undo the half commit; False if a writer came first and
        removed the journal meanwhile.
        """
        journal = self.path.with_name(f"{NAME}-journal")
        try:
            before = journal.stat()
            shutil.copyfile(journal, copy.with_name(journal.name))
            shutil.copyfile(self.path, copy)
            after = journal.stat()
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

    def _read_from(
        self, path: Path, statement: str, values: tuple[object, ...]
    ) -> list[tuple]:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT)) as database:
            if self._check_version(database) == 0:
                return []  # a writer is about to make it, or was killed before it had
            return database.execute(statement, values).fetchall()

    def _check_version(self, database: sqlite3.Connection) -> int:
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
            if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                raise InvalidInputError(
                    "ledger",
                    given=str(self.path),
                    allowed="the ledger as condensery wrote it",
                    remedy=f"it is damaged ({error}): move it away and run the same "
                    "again; finished shards are kept",
                ) from error
            if name.startswith(tuple(_REFUSALS)):
                kind = name.split("_", 2)[1]
                cause = OSError(_REFUSALS[f"SQLITE_{kind}"], str(error))
                raise unwritable(self.path.parent, cause) from error
            if name.startswith("SQLITE_BUSY"):
                raise CondenseryError(
                    f"ledger {self.path} was busy for {_WAIT:.0f} s; try again"
                ) from error
            raise


_REFUSALS = {
    "SQLITE_READONLY": errno.EACCES,
    "SQLITE_CANTOPEN": errno.EACCES,
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_IOERR": errno.EIO,
}
"""What the disk says, by what SQLite makes of it."""


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    """What changes if a file is replaced or written."""
    return status.st_ino, status.st_mtime_ns, status.st_size

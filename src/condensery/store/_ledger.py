"""The ledger: one SQLite file that knows the runs, their tasks and the checksums of
their shards.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from condensery.records import RunStatus
from condensery.store._database import Database, LedgerBusyError
from condensery.store._entries import Entry, apply
from condensery.store._spool import Spool, Spooled

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
    """Entries and questions, each a transaction of its own.

    An entry for which the ledger cannot be locked waits in the spool. The next
    transaction of any process takes in what waits there; readers see it before.

    Args:
        root: The runs folder.
        write: Whether to make the ledger where it is missing.
        has_locks: Whether locks can be trusted in the folder. Without them nothing but
            `collect` changes the ledger.

    Raises:
        InvalidInputError: If the file is not a ledger, is damaged, or was written by a
            newer version.
    """

    def __init__(self, root: Path, *, write: bool, has_locks: bool) -> None:
        self._database = Database(root, has_locks=has_locks)
        self._spool = Spool(root)
        self._has_locks = has_locks
        if write and has_locks:
            self._database.make()

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
        self._enter(
            "run",
            run=run,
            experiment=experiment,
            preset=preset,
            config=config,
            created=created,
            tasks=json.dumps(list(tasks)),
        )

    def set_status(self, run: str, status: str, seconds: float) -> None:
        """Set the status, add to the cost, make the run the latest."""
        self._enter("status", run=run, status=status, seconds=float(seconds))

    def set_shard(
        self, run: str, task: str, *, sha256: str, size: int, seconds: float
    ) -> None:
        """Enter a shard whose file is in place."""
        self._enter(
            "shard",
            run=run,
            task=task,
            sha256=sha256,
            size=size,
            seconds=float(seconds),
        )

    def drop_shard(self, run: str, task: str) -> None:
        """Forget a shard whose file is gone or damaged."""
        self._enter("drop", run=run, task=task)

    def enter_file(
        self, run: str, name: str, *, sha256: str, size: int, placed: bool
    ) -> None:
        """Enter a file that is about to be put in place, or is."""
        kind = "place" if placed else "intend"
        self._enter(kind, run=run, name=name, sha256=sha256, size=size)

    def forget_file(self, run: str, name: str) -> None:
        """Forget a file that is gone."""
        self._enter("forget", run=run, name=name)

    def files(self, run: str) -> list[tuple[str, str, int, int]]:
        """Name, SHA-256, size and whether it is in place, for the files of a run."""
        statement = "SELECT name, sha256, bytes, placed FROM files WHERE run = ?"
        return self._read(statement, run, since=4)

    def set_verified(self, run: str, *, verified: bool) -> None:
        """Set whether a run's shards are what its tasks give."""
        self._enter("verify" if verified else "doubt", run=run)

    def unverified(self) -> set[str]:
        """Runs whose shards were taken over from a folder without a ledger."""
        return {run for (run,) in self._read("SELECT run FROM unverified", since=4)}

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

    def collect(self) -> int:
        """Take in what waits in the spool; returns how many entries that were.

        Without locks this is for one process at a time, which the caller sees to.
        """
        self._spool.clear()
        if not self._spool.waiting():
            return 0
        if self._has_locks:
            with self._transaction() as (_, number):
                return number
        with closing(self._database.copy()) as memory:
            claimed = self._spool.claim()
            number = _take_in(memory, claimed)
            self._database.replace(memory)
        self._spool.discard(claimed)
        return number

    def _enter(self, kind: str, **values: str | float) -> None:
        entry = Entry(kind, values)
        if self._has_locks:
            try:
                with self._transaction() as (database, _):
                    apply(database, entry)
            except LedgerBusyError:
                pass
            else:
                return
        self._spool.add(entry)

    @contextmanager
    def _transaction(self) -> Generator[tuple[sqlite3.Connection, int], None, None]:
        """A transaction that begins by taking in what waits, and how much that was."""
        with self._database.transaction() as database:
            claimed = self._spool.claim()
            yield database, _take_in(database, claimed)
        self._spool.discard(claimed)

    def _read(self, statement: str, *values: object, since: int = 1) -> list[tuple]:
        # Before the ledger: what is taken in meanwhile is then seen twice, not never.
        waiting = self._spool.waiting()
        if self._has_locks and not waiting:
            return self._database.query(statement, *values, since=since)
        with closing(self._database.copy()) as memory:
            _take_in(memory, waiting)
            return memory.execute(statement, values).fetchall()


def _take_in(database: sqlite3.Connection, files: Sequence[Spooled]) -> int:
    """Enter what the ledger does not have yet of each file; returns how many entries.

    The ledger counts the entries that it has of each name.
    """
    number = 0
    for spooled in files:
        rows = database.execute(
            "SELECT entries FROM spools WHERE name = ?", (spooled.name,)
        )
        (begin,) = rows.fetchone() or (0,)
        fresh = spooled.entries[begin:]
        for entry in fresh:
            apply(database, entry)
        database.execute(
            "INSERT OR REPLACE INTO spools VALUES (?, ?)",
            (spooled.name, max(begin, len(spooled.entries))),
        )
        number += len(fresh)
    return number

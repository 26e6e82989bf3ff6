"""The local store: run folders and their ledger."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from condensery._errors import CondenseryError, InvalidInputError
from condensery.protocols import Arrays, Task
from condensery.records import Claim, Record, RunConfig, RunStatus, RunSummary, Table
from condensery.store._arrays import DamagedError, decode, encode
from condensery.store._files import (
    checked_name,
    clear_unfinished,
    make_folder,
    set_aside,
    write_whole,
)
from condensery.store._ledger import Ledger
from condensery.store._lock import WriterLock, unwritable

_log = logging.getLogger("condensery.store")
_PREFIX = re.compile(r"[0-9a-f]{4,16}")
_CLAIMS = TypeAdapter(list[Claim])
_OWN = ("config.json", "claims.json", "shards", "tables")


class ShardRow(Record):
    """What the ledger knows of one shard: the task's hash, the SHA-256 of the file, its
    size, the task's seconds.
    """

    task: str
    sha256: str
    bytes: int
    seconds: float


def open_store(root: str | Path, *, write: bool = False) -> LocalStore:
    """Open a runs folder.

    Opened for reading, nothing is ever written, not even the folder where there is
    none; any number of processes may read while one writes. Opened for writing, the
    folder is made and this process is its one writer until `close`.

    A folder that another process writes is refused with `StoreBusyError`, which names
    the holder; one that cannot be written, or whose ledger is damaged or from a newer
    version, with `InvalidInputError`.

    Args:
        root: The runs folder.
        write: Whether to become its writer.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from condensery.protocols import Task
        >>> from condensery.records import RunConfig
        >>> from condensery.store import open_store
        >>> config = RunConfig(experiment="demo", preset="quick", parameters={})
        >>> task = Task(function="demo:task", parameters={})
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     open_store(folder, write=True) as store,
        ... ):
        ...     store.create_run(config, [task])
        ...     store.put_shard(
        ...         config.run_id, task, {"loss": np.array([1.0, 0.5])}, seconds=2.0
        ...     )
        ...     open_store(folder).shard("last", task)["loss"]
        array([1. , 0.5])
    """
    return LocalStore(root, write=write)


class LocalStore:
    """Runs in a local folder; implements `condensery.protocols.Store`.

    Use `open_store`.

    Every file is written to a temporary one in its folder, synced, renamed, and the
    folder synced. A shard's SHA-256 enters the ledger after its file is in place, and
    is checked whenever the shard is read. A shard whose ledger row is missing (a kill
    between the two, or a lost ledger) is adopted by `create_run` if the checksum that
    it carries inside proves it whole. A damaged one is named in a warning on the logger
    ``condensery.store``; a writer also moves it aside (``<name>.set-aside``, never
    deleted) and drops its row, so that its task is run again. Tables carry their
    checksum inside.

    Wherever a method takes a run, a unique prefix of at least four digits of its id or
    ``last`` will do; for a run that does not exist, and for writing in a store that was
    opened for reading, it raises `InvalidInputError`.

    Attributes:
        root: The runs folder.
    """

    def __init__(self, root: str | Path, *, write: bool = False) -> None:
        self.root = Path(root).expanduser()
        self._lock: WriterLock | None = None
        if write:
            try:
                make_folder(self.root)
            except OSError as error:
                raise unwritable(self.root, error) from error
            self._lock = WriterLock(self.root)
        try:
            self._ledger = Ledger(self.root, write=write)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the writer's lock."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def create_run(self, config: RunConfig, tasks: Sequence[Task]) -> None:
        """Make the run's folder and ledger rows, and adopt whole shards that the ledger
        does not know.

        What is there already stays as it is, but the run becomes the latest.
        """
        run, folder = config.run_id, self.root / config.run_id
        with self._writing():
            for name in ("shards", "tables", "figures"):
                make_folder(folder / name)
            clear_unfinished(folder)
            if not (folder / "config.json").exists():
                write_whole(
                    folder / "config.json", config.model_dump_json(indent=2).encode()
                )
            self._ledger.add_run(
                run=run,
                experiment=config.experiment,
                preset=config.preset,
                config=config.model_dump_json(),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                tasks=[task.hash for task in tasks],
            )
            known = {task for task, *_ in self._ledger.shards(run)}
            for task in {task.hash for task in tasks} - known:
                if self._shard_path(run, task).exists():
                    self._adopt(run, task)

    def config(self, run: str) -> RunConfig:
        """The configuration of a run."""
        run = self.resolve(run)
        config = self._ledger.config(run)
        if config is None:
            raise self._unknown(run)
        return RunConfig.model_validate_json(config)

    def runs(self) -> list[RunSummary]:
        """All runs, the one that was worked on last first."""
        return [self._summary(row) for row in self._ledger.summaries()]

    def summary(self, run: str) -> RunSummary:
        """What the ledger knows of one run."""
        (row,) = self._ledger.summaries(self.resolve(run))
        return self._summary(row)

    def resolve(self, run: str) -> str:
        """The full run id that a unique prefix of at least four digits or ``last``
        names.

        Raises:
            InvalidInputError: If no run or more than one has this prefix.
        """
        known = self._ledger.runs()
        if run == "last" and known:
            return known[0]
        found = (
            [candidate for candidate in known if candidate.startswith(run)]
            if _PREFIX.fullmatch(run)
            else []
        )
        if len(found) > 1:
            raise InvalidInputError(
                "run",
                given=run,
                allowed="a prefix that only one run id has",
                remedy=f"give more digits: {', '.join(sorted(found)[:4])}",
            )
        if not found:
            raise self._unknown(run)
        return found[0]

    def put_shard(
        self, run: str, task: Task, arrays: Arrays, *, seconds: float
    ) -> None:
        """Store a task's arrays; if they are stored already, what is there stays."""
        run, key = self.resolve(run), task.hash
        with self._writing():
            if self._shard_content(run, key) is not None:
                return
            content = encode(arrays, identity=_shard_identity(run, key))
            write_whole(self._shard_path(run, key), content)
            self._ledger.set_shard(
                run, key, sha256=_sha256(content), size=len(content), seconds=seconds
            )

    def shard(self, run: str, task: Task) -> dict[str, np.ndarray] | None:
        """A finished task's arrays, or None; a torn or altered shard is named in a
        warning, set aside, and None.
        """
        return self._read_shard(self.resolve(run), task.hash)

    def finished(self, run: str) -> set[str]:
        """Hashes of the tasks whose shards are whole; every one is read and its
        checksum compared.
        """
        run = self.resolve(run)
        tasks = self._ledger.tasks(run)
        return {
            row.task
            for row in self.shard_rows(run)
            if row.task in tasks and self._shard_content(run, row.task)
        }

    def shard_rows(self, run: str) -> list[ShardRow]:
        """The ledger's rows of a run's shards, as they stand (nothing is checked)."""
        rows = self._ledger.shards(self.resolve(run))
        return [
            ShardRow(task=task, sha256=sha256, bytes=size, seconds=s)
            for task, sha256, size, s in rows
        ]

    def put_table(self, run: str, name: str, table: Table) -> None:
        """Store one table; one of the same name is replaced."""
        run, name = self.resolve(run), checked_name(name)
        content = encode(
            table.columns, identity=_table_identity(run, name), units=table.units
        )
        with self._writing():
            write_whole(self._table_path(run, name), content)

    def tables(self, run: str) -> dict[str, Table]:
        """All tables of a run, by name.

        A damaged table is named in a warning; a writer sets it aside and leaves it out,
        for it to be computed anew.

        Raises:
            InvalidInputError: If there is no such run, or, in a store opened for
                reading, a table is damaged.
        """
        run = self.resolve(run)
        tables = {}
        for path in sorted((self.root / run / "tables").glob("*.safetensors")):
            name = path.name.removesuffix(".safetensors")
            try:
                columns, units = decode(
                    path.read_bytes(), identity=_table_identity(run, name)
                )
            except FileNotFoundError:
                continue  # set aside by a writer just now
            except DamagedError as error:
                self._set_aside(path, f"table {name} of run {run} {error}")
                if self._lock is None:
                    raise InvalidInputError(
                        f"table {name} of run {run}",
                        given=f"a file that {error}",
                        allowed="the file as it was written",
                        remedy=f"condensery resume {run} computes it again",
                    ) from error
                continue
            tables[name] = Table(columns=columns, units=units)
        return tables

    def put_claims(self, run: str, claims: Sequence[Claim]) -> None:
        """Store the claims, replacing those of before."""
        run = self.resolve(run)
        with self._writing():
            # One by one: dumped as a list, an infinite bound would become null.
            lines = ",\n".join(claim.model_dump_json() for claim in claims)
            write_whole(self.root / run / "claims.json", f"[\n{lines}\n]\n".encode())

    def claims(self, run: str) -> list[Claim]:
        """The claims of a run, none if it has not come so far.

        Raises:
            InvalidInputError: If there is no such run, or the file was altered so that
                it cannot be read.
        """
        run = self.resolve(run)
        path = self.root / run / "claims.json"
        try:
            return _CLAIMS.validate_json(path.read_bytes())
        except FileNotFoundError:
            return []
        except ValidationError as error:
            raise InvalidInputError(
                "claims",
                given=str(path),
                allowed="the file as it was written",
                remedy=f"condensery resume {run} judges the claims again",
            ) from error

    def put_file(self, run: str, name: str, content: bytes) -> Path:
        """Store a report or a figure (``figures/x.png``), replacing one of the same
        name.
        """
        run = self.resolve(run)
        path = self.root / run / checked_name(name, reserved=_OWN, folders=True)
        with self._writing():
            make_folder(path.parent)
            write_whole(path, content)
        return path

    def set_status(self, run: str, status: RunStatus, *, seconds: float) -> None:
        """Record how the run stands, adding `seconds` to what it has cost so far."""
        run = self.resolve(run)
        with self._writing():
            self._ledger.set_status(run, status, seconds)

    def last_cost(self, experiment: str, preset: str) -> float | None:
        """Seconds that the latest finished run of this experiment and preset has cost
        here, or None.
        """
        return self._ledger.last_cost(experiment, preset)

    def _shard_path(self, run: str, task: str) -> Path:
        return self.root / run / "shards" / f"{task}.safetensors"

    def _table_path(self, run: str, name: str) -> Path:
        return self.root / run / "tables" / f"{name}.safetensors"

    def _read_shard(self, run: str, task: str) -> dict[str, np.ndarray] | None:
        content = self._shard_content(run, task)
        return (
            None
            if content is None
            else decode(content, identity=_shard_identity(run, task))[0]
        )

    def _shard_content(self, run: str, task: str) -> bytes | None:
        """The bytes of a shard if they are those that the ledger has the checksum
        of.
        """
        row = self._ledger.shard(run, task)
        if row is None:
            return None
        path = self._shard_path(run, task)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            problem = "is missing"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        else:
            if _sha256(content) == row[0]:
                return content
            problem = (
                "is torn"
                if len(content) < row[1]
                else "is not what was written (its checksum differs)"
            )
        self._set_aside(path, f"shard {task} of run {run} {problem}")
        if self._lock is not None:
            self._ledger.drop_shard(run, task)
        return None

    def _adopt(self, run: str, task: str) -> None:
        path = self._shard_path(run, task)
        content = path.read_bytes()
        try:
            decode(content, identity=_shard_identity(run, task))
        except DamagedError as error:
            self._set_aside(path, f"shard {task} of run {run} {error}")
        else:
            self._ledger.set_shard(
                run, task, sha256=_sha256(content), size=len(content), seconds=0.0
            )

    def _set_aside(self, path: Path, problem: str) -> None:
        if self._lock is None:
            _log.warning(
                "%s: %s; it will be set aside and computed again by condensery resume",
                problem,
                path,
            )
            return
        with self._writing():
            aside = set_aside(path)
        _log.warning(
            "%s: %s; it is computed again%s",
            problem,
            path,
            f" (kept as {aside.name})" if aside else "",
        )

    def _summary(self, row: tuple) -> RunSummary:
        run, experiment, preset, status, seconds, created, tasks, finished = row
        try:
            passed = [claim.passed for claim in self.claims(run)]
        except CondenseryError as error:
            _log.warning("%s", error)
            passed = []
        return RunSummary(
            run=run,
            experiment=experiment,
            preset=preset,
            status=status,
            seconds=seconds,
            created=created,
            tasks=tasks,
            finished=finished,
            claims_passed=passed.count(True),
            claims_failed=passed.count(False),
            claims_open=passed.count(None),
        )

    def _unknown(self, run: str) -> InvalidInputError:
        known = self._ledger.runs()
        shown = (
            f"one of {', '.join(known[:3])}{', ...' if len(known) > 3 else ''}, "
            if known
            else ""
        )
        return InvalidInputError(
            "run",
            given=run,
            allowed=f"{shown}a unique prefix of at least 4 digits, or last"
            if known
            else "a run that exists",
            remedy=f"condensery runs --runs {self.root} lists them"
            if known
            else f"there are no runs in {self.root} yet",
        )

    @contextmanager
    def _writing(self) -> Generator[None, None, None]:
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
            raise unwritable(self.root, error) from error


def _shard_identity(run: str, task: str) -> str:
    return f"shard {run}/{task}"


def _table_identity(run: str, name: str) -> str:
    return f"table {run}/{name}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

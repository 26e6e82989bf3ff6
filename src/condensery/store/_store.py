"""The local store: run folders and their ledger."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from condensery._errors import InvalidInputError
from condensery._paths import user_folder
from condensery.protocols import Arrays, Task
from condensery.records import Claim, RunConfig, RunStatus, RunSummary, Table
from condensery.store._access import Access
from condensery.store._configs import CONFIG, Configs
from condensery.store._files import DAY, checked_name, clear_unfinished
from condensery.store._formats import NewerFormatError, read_claims
from condensery.store._ledger import Ledger
from condensery.store._lock import read_holder
from condensery.store._manifest import Manifest
from condensery.store._reading import LARGEST_DOCUMENT, LARGEST_PAGE, DamagedError
from condensery.store._recordings import has_recordings, take_in_recordings
from condensery.store._shards import ShardRow, Shards
from condensery.store._summaries import Summaries
from condensery.store._tables import Tables

_log = logging.getLogger("condensery.store")
_PREFIX = re.compile(r"[0-9a-f]{4,16}")
_RUN = re.compile(r"[0-9a-f]{16}")
_CLAIMS = "claims.json"
_RESERVED = (CONFIG, _CLAIMS, "shards", "tables")


def open_store(root: str | Path, *, write: bool = False) -> LocalStore:
    """Open a runs folder.

    Opened for reading, nothing is ever written, not even the folder where there is
    none; any number of processes may read while others write. Opened for writing, the
    folder is made; this process becomes the one writer of each run that it writes,
    until `close`.

    A run that another process writes is refused with `StoreBusyError`, which names
    the holder; a folder that cannot be written, or whose ledger is damaged or from a
    newer version, with `InvalidInputError`.

    Args:
        root: The runs folder.
        write: Whether to write.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from condensery.protocols import Task
        >>> from condensery.records import RunConfig
        >>> from condensery.store import open_store
        >>> config = RunConfig(experiment="demo", preset="quick", parameters={})
        >>> task = Task(function="demo:task", parameters={})
        >>> arrays = {"loss": np.array([1.0, 0.5])}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open_store(folder, write=True) as store:
        ...         store.create_run(config, [task])
        ...         store.put_shard(config.run_id, task, arrays, seconds=2.0)
        ...     open_store(folder).shard("last", task)["loss"]
        array([1. , 0.5])
    """
    store = LocalStore(root, write=write)
    if write and has_recordings(store.root):
        # By a store of its own, which lets go of the runs at once.
        with LocalStore(root, write=True) as taking:
            take_in_recordings(taking, has_locks=taking.has_locks)
    return store


class LocalStore:
    """Runs in a local folder; implements `condensery.protocols.Store`.

    Every file is written to a temporary one in its folder, synced, renamed, and the
    folder synced. A shard's SHA-256 enters the ledger after its file is in place, and
    is checked whenever the shard is read. A shard whose ledger row is missing (a kill
    between the two, or a lost ledger) is adopted by `create_run` if the checksum that
    it carries inside proves it whole. A damaged one is named in a warning on the logger
    ``condensery.store``; a writer also moves it aside (``<name>.set-aside``, never
    deleted) and drops its row, so that its task is run again. Tables carry their
    checksum inside.

    Wherever a method takes a run, a unique prefix of at least four digits of its id or
    ``last`` will do; for a run that does not exist or is of a newer format, and for
    writing in a store that was opened for reading, it raises `InvalidInputError`.

    Attributes:
        root: The runs folder.
        has_locks: Whether locks can be trusted in the folder. Without them entries wait
            in the spool until `collect`.
    """

    def __init__(self, root: str | Path, *, write: bool = False) -> None:
        self.root = user_folder(root)
        self._access = Access(self.root, write=write)
        self.has_locks = self._access.has_locks
        try:
            self._ledger = Ledger(
                self.root, write=write, has_locks=self._access.has_locks
            )
        except BaseException:
            self.close()
            raise
        self._shards = Shards(self._access, self._ledger)
        self._manifest = Manifest(self._access, self._ledger)
        self._configs = Configs(self._access, self._manifest)
        self._tables = Tables(self._access, self._manifest)
        self._summaries = Summaries(self._ledger, self.claims)

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
        """Release the locks of the runs that were written."""
        self._access.release()

    def hold(self, run: str) -> None:
        """Become the one writer of a run until `close`; writing it does the same.

        Raises:
            StoreBusyError: If another process (or another store of this one) is.
            InvalidInputError: If this store only reads, or the disk refuses.
        """
        self._access.hold(run)

    def announce(self, run: str, progress: Mapping[str, Any]) -> None:
        """Say how far a run is, for whoever follows it; nothing of it is kept."""
        self._access.announce(run, progress)

    def announced(self, run: str) -> Mapping[str, Any]:
        """What the writer of a run announced last, with its pid and host."""
        return read_holder(self._access.path(f"{run}/file").parent)

    def collect(self) -> int:
        """Take what waits in the spool into the ledger; returns how many entries.

        Every transaction does so too, but where locks cannot be trusted: there this is
        the only one, and for one process at a time.
        """
        with self._access.collecting():
            return self._ledger.collect()

    def create_run(self, config: RunConfig, tasks: Sequence[Task]) -> None:
        """Make the run's folder and rows, and adopt shards that the ledger lacks.

        What is there already stays as it is, but the run becomes the latest.
        """
        run = config.run_id
        hashes = [task.hash for task in tasks]
        self._configs.check_format(run)
        with self._access.writing(run):
            for name in ("shards", "tables", "figures"):
                self._access.make(run, name)
            # Without locks it may be that of a process which is writing.
            seconds = None if self.has_locks else DAY
            clear_unfinished(self.root / run, seconds=seconds)
            self._configs.keep(run, config)
            is_new = run not in self._ids()
            self._ledger.add_run(
                run=run,
                experiment=config.experiment,
                preset=config.preset,
                config=config.model_dump_json(),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                tasks=hashes,
            )
            adopted = self._shards.adopt(run, hashes)
            if is_new and adopted:
                self.set_verified(run, verified=False)

    def config(self, run: str) -> RunConfig:
        """The configuration of a run."""
        run = self.resolve(run)
        return self._configs.read(run, self._ledger.config(run))

    def runs(self) -> list[RunSummary]:
        """All runs, the one that was worked on last first."""
        return self._summaries.all()

    def readable(self) -> list[tuple[RunSummary, RunConfig]]:
        """The runs that this program can read, with their configurations.

        Those of a newer format are named in one warning, damaged ones in one each.
        """
        runs, newer = [], []
        for summary in self.runs():
            try:
                config = self.config(summary.run)
            except NewerFormatError:
                newer.append(summary.run)
            except InvalidInputError as error:
                _log.warning("left out: %s", error)
            else:
                runs.append((summary, config))
        if newer:
            names = ", ".join(newer)
            _log.warning("left out, of a newer format: %s; upgrade condensery", names)
        return runs

    def summary(self, run: str) -> RunSummary:
        """What the ledger knows of one run.

        Raises:
            InvalidInputError: If there is no such run, or its row cannot be read.
        """
        return self._summaries.read(self.resolve(run))

    def resolve(self, run: str) -> str:
        """The full run id that a unique prefix of at least four digits names.

        ``last`` names the run that was worked on last.

        Raises:
            InvalidInputError: If no run or more than one has this prefix.
        """
        ids = self._ids()
        if run == "last" and ids:
            return ids[0]
        is_prefix = _PREFIX.fullmatch(run) is not None
        matches = [full for full in ids if is_prefix and full.startswith(run)]
        if len(matches) > 1:
            raise InvalidInputError(
                "run",
                given=run,
                allowed="a prefix that only one run id has",
                remedy=f"give more digits: {', '.join(sorted(matches)[:4])}",
            )
        if not matches:
            raise self._unknown(run)
        return matches[0]

    def put_shard(
        self, run: str, task: Task, arrays: Arrays, *, seconds: float
    ) -> None:
        """Store a task's arrays; if they are stored already, what is there stays."""
        self._shards.put(self.resolve(run), task.hash, arrays, seconds=seconds)

    def shard(self, run: str, task: Task) -> dict[str, np.ndarray] | None:
        """A finished task's arrays, or None.

        A torn or altered shard is named in a warning, set aside, and None.
        """
        return self._shards.read(self.resolve(run), task.hash)

    def finished(self, run: str) -> set[str]:
        """Hashes of the tasks whose shards are whole.

        Every shard is read and its checksum compared.
        """
        return self._shards.finished(self.resolve(run))

    def shard_rows(self, run: str) -> list[ShardRow]:
        """The ledger's rows of a run's shards, as they stand (nothing is checked)."""
        return self._shards.rows(self.resolve(run))

    def put_table(
        self,
        run: str,
        name: str,
        table: Table,
    ) -> None:
        """Store one table; one of the same name is replaced."""
        run = self.resolve(run)
        self._tables.put(run, checked_name(name), table)

    def tables(self, run: str) -> dict[str, Table]:
        """All tables of a run, by name.

        A damaged table is named in a warning; a writer sets it aside and leaves it out,
        for it to be computed anew.

        Raises:
            InvalidInputError: If there is no such run, or, in a store opened for
                reading, a table is damaged.
        """
        run = self.resolve(run)
        return self._tables.read(run)

    def put_claims(self, run: str, claims: Sequence[Claim]) -> None:
        """Store the claims, replacing those of before."""
        run = self.resolve(run)
        # Each by itself: dumped as a list, an infinite bound would become null.
        lines = ",\n".join(claim.model_dump_json() for claim in claims)
        self._manifest.write(run, _CLAIMS, f"[\n{lines}\n]\n".encode())

    def claims(self, run: str) -> list[Claim]:
        """The claims of a run, none if it has not come so far.

        Raises:
            InvalidInputError: If there is no such run, or the file was altered so that
                it cannot be read.
        """
        run = self.resolve(run)
        try:
            return read_claims(self._manifest.read(run, _CLAIMS, most=LARGEST_DOCUMENT))
        except FileNotFoundError:
            return []
        except (DamagedError, ValueError, RecursionError) as error:
            path = self.root / run / _CLAIMS
            raise self._damaged("claims", path, run, error) from error

    def put_file(self, run: str, name: str, content: bytes) -> Path:
        """Store a report or a figure (``figures/x.png``) in place of an earlier one."""
        run = self.resolve(run)
        checked = checked_name(name, reserved=_RESERVED, folders=True)
        return self._manifest.write(run, checked, content)

    def file(self, run: str, name: str) -> bytes | None:
        """The content of a report, a record or a figure; None where there is none.

        Raises:
            InvalidInputError: If there is no such run, or the file is damaged.
        """
        run = self.resolve(run)
        checked = checked_name(name, reserved=_RESERVED, folders=True)
        try:
            return self._manifest.read(run, checked, most=LARGEST_PAGE)
        except FileNotFoundError:
            return None
        except (DamagedError, OSError) as error:
            path = self.root / run / checked
            raise self._damaged(checked, path, run, error) from error

    def damaged(self, run: str) -> dict[str, str]:
        """Files of a run that are not as entered, with what is wrong."""
        return self._manifest.damaged(self.resolve(run))

    def set_verified(self, run: str, *, verified: bool) -> None:
        """Record whether the shards of a run are what its tasks give."""
        run = self.resolve(run)
        with self._access.writing(run):
            self._ledger.set_verified(run, verified=verified)

    def set_status(
        self,
        run: str,
        status: RunStatus,
        *,
        seconds: float,
    ) -> None:
        """Record how the run stands, adding `seconds` to what it has cost so far."""
        run = self.resolve(run)
        with self._access.writing(run):
            self._ledger.set_status(run, status, seconds)

    def last_cost(self, experiment: str, preset: str) -> float | None:
        """Seconds that the latest finished run of a preset has cost here, or None."""
        return self._ledger.last_cost(experiment, preset)

    def _ids(self) -> list[str]:
        """Ids of all runs, the latest first; they are parts of paths."""
        ids = map(str, self._ledger.runs())
        return [run for run in ids if _RUN.fullmatch(run)]

    def _damaged(
        self, name: str, path: Path, run: str, error: Exception
    ) -> InvalidInputError:
        problem = f" that {error}" if isinstance(error, DamagedError) else ""
        return InvalidInputError(
            name,
            given=f"{path}, a file{problem}",
            allowed="the file as it was written",
            remedy=f"condensery resume {run} makes it again",
        )

    def _unknown(self, run: str) -> InvalidInputError:
        ids = self._ids()
        if not ids:
            return InvalidInputError(
                "run",
                given=run,
                allowed="a run that exists",
                remedy=f"there are no runs in {self.root} yet",
            )
        latest = ", ".join(ids[:3])
        more = ", ..." if len(ids) > 3 else ""
        return InvalidInputError(
            "run",
            given=run,
            allowed=f"one of {latest}{more}, a unique prefix of at least 4 digits, "
            "or last",
            remedy=f"condensery runs --runs {self.root} lists them",
        )

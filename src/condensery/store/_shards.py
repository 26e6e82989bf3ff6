"""The shards of the runs: immutable files whose checksums are in the ledger."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from condensery.protocols import Arrays
from condensery.records import Record
from condensery.store._access import Access
from condensery.store._arrays import decode, encode
from condensery.store._ledger import Ledger
from condensery.store._reading import LARGEST_ARRAYS, DamagedError, read_file

_TASK = re.compile(r"[0-9a-f]{4,64}")


class ShardRow(Record):
    """What the ledger knows of one shard.

    Attributes:
        task: Hash of the task that made it.
        sha256: Of the file.
        bytes: Size of the file.
        seconds: What the task has cost.
    """

    task: str
    sha256: str
    bytes: int
    seconds: float


class Shards:
    """Shards by the full id of their run and the hash of their task.

    Args:
        access: To the runs folder.
        ledger: Its ledger.
    """

    def __init__(self, access: Access, ledger: Ledger) -> None:
        self._access = access
        self._ledger = ledger

    def rows(self, run: str) -> list[ShardRow]:
        """The ledger's rows, as they stand (nothing is checked)."""
        rows = []
        for task, sha256, size, seconds in self._ledger.shards(run):
            # Task hashes are parts of paths, and a ledger may be anybody's.
            if _TASK.fullmatch(str(task)):
                row = ShardRow(task=task, sha256=sha256, bytes=size, seconds=seconds)
                rows.append(row)
        return rows

    def put(
        self,
        run: str,
        task: str,
        arrays: Arrays,
        *,
        seconds: float,
    ) -> None:
        """Store arrays; if they are stored already, what is there stays."""
        with self._access.writing(run):
            if self._content(run, task) is not None:
                return
            content = encode(arrays, identity=_identity(run, task))
            self._access.write(run, _file(task), content)
            self._enter(run, task, content, seconds=seconds)

    def read(self, run: str, task: str) -> dict[str, np.ndarray] | None:
        """The arrays; a torn or altered file is named, set aside, and gives None."""
        content = self._content(run, task)
        if content is None:
            return None
        try:
            arrays, _ = decode(content, identity=_identity(run, task))
        except DamagedError as error:
            self._set_aside(run, task, str(error))
            return None
        return arrays

    def finished(self, run: str) -> set[str]:
        """Hashes of the run's tasks whose shards are whole; every file is read."""
        tasks = self._ledger.tasks(run)
        return {
            row.task
            for row in self.rows(run)
            if row.task in tasks and self._content(run, row.task) is not None
        }

    def adopt(self, run: str, tasks: Sequence[str]) -> int:
        """Enter whole shards that the ledger does not know; set damaged ones aside.

        Returns:
            How many were entered.
        """
        entered = {row.task for row in self.rows(run)}
        return sum(self._adopt(run, task) for task in set(tasks) - entered)

    def _adopt(self, run: str, task: str) -> bool:
        try:
            content = self._read(run, task)
            decode(content, identity=_identity(run, task))
        except FileNotFoundError:
            return False
        except DamagedError as error:
            path = self._path(run, task)
            self._access.set_aside(run, path, f"shard {task} of run {run} {error}")
            return False
        self._enter(run, task, content, seconds=0.0)
        return True

    def _read(self, run: str, task: str) -> bytes:
        return read_file(self._access.root, _name(run, task), most=LARGEST_ARRAYS)

    def _enter(
        self,
        run: str,
        task: str,
        content: bytes,
        *,
        seconds: float,
    ) -> None:
        self._ledger.set_shard(
            run, task, sha256=_sha256(content), size=len(content), seconds=seconds
        )

    def _content(self, run: str, task: str) -> bytes | None:
        """The bytes of a shard, if the ledger has their checksum."""
        row = self._ledger.shard(run, task)
        if row is None:
            return None
        sha256, size, _ = row
        try:
            content = self._read(run, task)
        except FileNotFoundError:
            problem = "is missing"
        except DamagedError as error:
            problem = str(error)
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        else:
            if _sha256(content) == sha256:
                return content
            torn = len(content) < size
            altered = "is not what was written (its checksum differs)"
            problem = "is torn" if torn else altered
        self._set_aside(run, task, problem)
        return None

    def _set_aside(self, run: str, task: str, problem: str) -> None:
        path = self._path(run, task)
        self._access.set_aside(run, path, f"shard {task} of run {run} {problem}")
        if self._access.may_mend(run):
            self._ledger.drop_shard(run, task)

    def _path(self, run: str, task: str) -> Path:
        return self._access.root / _name(run, task)


def _name(run: str, task: str) -> str:
    return f"{run}/{_file(task)}"


def _file(task: str) -> str:
    return f"shards/{task}.safetensors"


def _identity(run: str, task: str) -> str:
    return f"shard {run}/{task}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

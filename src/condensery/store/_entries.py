"""Entries of the ledger: what changes it, as values that a file can carry."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from condensery.records import RunStatus
from condensery.store._reading import DamagedError

_LATEST = "UPDATE runs SET turn = (SELECT max(turn) + 1 FROM runs) WHERE run = :run"
_INTEND = "INSERT OR IGNORE INTO files VALUES (:run, :name, :sha256, :size, 0)"
_STATEMENTS: Mapping[str, tuple[str, ...]] = {
    "run": (
        "INSERT OR IGNORE INTO runs VALUES "
        "(:run, :experiment, :preset, :config, 'unfinished', 0, :created, 0)",
        _LATEST,
        "DELETE FROM tasks WHERE run = :run",
        "INSERT OR IGNORE INTO tasks SELECT :run, value FROM json_each(:tasks)",
    ),
    "status": (
        "UPDATE runs SET status = :status, seconds = seconds + :seconds "
        "WHERE run = :run",
        _LATEST,
    ),
    "shard": (
        "INSERT OR REPLACE INTO shards VALUES (:run, :task, :sha256, :size, :seconds)",
    ),
    "drop": ("DELETE FROM shards WHERE run = :run AND task = :task",),
    "intend": (_INTEND,),
    "place": (
        _INTEND,
        "DELETE FROM files WHERE run = :run AND name = :name AND sha256 != :sha256",
        "UPDATE files SET placed = 1 "
        "WHERE run = :run AND name = :name AND sha256 = :sha256",
    ),
    "forget": ("DELETE FROM files WHERE run = :run AND name = :name",),
    "doubt": ("INSERT OR IGNORE INTO unverified VALUES (:run)",),
    "verify": ("DELETE FROM unverified WHERE run = :run",),
}
_FILE = {"run": str, "name": str, "sha256": str, "size": int}
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "run": {
        "run": str,
        "experiment": str,
        "preset": str,
        "config": str,
        "created": str,
        "tasks": str,
    },
    "status": {"run": str, "status": str, "seconds": float},
    "shard": {"run": str, "task": str, "sha256": str, "size": int, "seconds": float},
    "drop": {"run": str, "task": str},
    "intend": _FILE,
    "place": _FILE,
    "forget": {"run": str, "name": str},
    "doubt": {"run": str},
    "verify": {"run": str},
}
_HASH = re.compile(r"[0-9a-f]{16}")


class Entry(NamedTuple):
    """One change of the ledger.

    Attributes:
        kind: Key of `_STATEMENTS`.
        values: What its statements are bound to.
    """

    kind: str
    values: Mapping[str, str | int | float]


def apply(database: sqlite3.Connection, entry: Entry) -> None:
    """Carry out one entry; called inside a transaction."""
    for statement in _STATEMENTS[entry.kind]:
        database.execute(statement, dict(entry.values))


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """A line with the checksum of the rest, then one line an entry."""
    lines = (json.dumps([entry.kind, entry.values]) for entry in entries)
    body = "".join(f"{line}\n" for line in lines).encode()
    return f"{hashlib.sha256(body).hexdigest()}\n".encode() + body


def decode_entries(content: bytes) -> list[Entry]:
    """What `encode_entries` wrote; nothing else is taken for an entry.

    Raises:
        DamagedError: If the file is torn or altered, or holds something else.
    """
    digest, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise DamagedError("is not what was written (its checksum differs)")
    try:
        return [_checked(json.loads(line)) for line in body.splitlines()]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedError(f"holds no entries of a ledger ({error})") from error


def _checked(document: Any) -> Entry:
    """An entry of a known kind, with its fields, of their types.

    Raises:
        ValueError: If it is none.
    """
    kind, values = document
    fields = _FIELDS[kind]
    has_fields = values.keys() == fields.keys()
    if not has_fields or any(type(values[key]) is not fields[key] for key in fields):
        raise ValueError(f"fields of {kind!r}")
    if not _HASH.fullmatch(values["run"]):
        raise ValueError(f"run {values['run']!r}")
    if "task" in values and not _HASH.fullmatch(values["task"]):
        raise ValueError(f"task {values['task']!r}")
    if values.get("status", "done") not in get_args(RunStatus):
        raise ValueError(f"status {values['status']!r}")
    return Entry(kind, values)

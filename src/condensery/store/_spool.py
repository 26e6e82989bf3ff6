"""The spool: entries that wait for the ledger, one file a process, by rename only.

A process rewrites its file whole, with every entry so far, under one name. Whoever
takes it in claims it by renaming it, enters what the ledger does not have yet of this
name, and removes it. So each entry is entered once, wherever either is killed.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from condensery._errors import DiskError
from condensery.store._entries import Entry, decode_entries, encode_entries
from condensery.store._files import (
    DAY,
    clear_unfinished,
    make_folder,
    read_plain,
    set_aside,
    write_whole,
)
from condensery.store._lock import unwritable
from condensery.store._reading import DamagedError

FOLDER = ".spool"
_WAITING, _CLAIMED = ".entries", ".claimed"
_MOST_ENTRIES = 200
"""In one file, because each entry rewrites it."""
_LARGEST = 2**26
"""Bytes of a spool file that is read."""
_log = logging.getLogger("condensery.store")


class Spooled(NamedTuple):
    """A spool file.

    Attributes:
        name: Its name without the ending, under which the ledger counts its entries.
        path: Where it is.
        entries: All that it holds, also what the ledger has already.
    """

    name: str
    path: Path
    entries: Sequence[Entry]


class Spool:
    """The spool of a runs folder, and this process's file in it.

    Args:
        root: The runs folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._path: Path | None = None
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Add an entry, durably."""
        path, entries = self._path, self._entries
        if path is None or len(entries) >= _MOST_ENTRIES or not path.exists():
            make_folder(self._folder)
            path, entries = self._folder / f"{_new_name()}{_WAITING}", []
        entries = [*entries, entry]
        write_whole(path, encode_entries(entries))
        self._path, self._entries = path, entries

    def waiting(self) -> list[Spooled]:
        """Every file in the order of their beginnings; nothing is changed."""
        files: dict[str, Spooled] = {}
        for name in self._names():
            for ending in (_WAITING, _CLAIMED):  # the first has all of the second
                spooled = self._read(name, ending)
                if spooled is not None:
                    files.setdefault(name, spooled)
        return list(files.values())

    def claim(self) -> list[Spooled]:
        """Every file, claimed: its process goes on with another one."""
        for name in self._names():
            path = self._folder / f"{name}{_WAITING}"
            try:
                path.replace(path.with_suffix(_CLAIMED))
            except FileNotFoundError:
                continue  # claimed before, or just now
        claimed = (self._read(name, _CLAIMED, mend=True) for name in self._names())
        return [spooled for spooled in claimed if spooled is not None]

    def clear(self) -> None:
        """Remove what killed processes left half written."""
        if self._folder.is_dir():
            clear_unfinished(self._folder, seconds=DAY)

    def discard(self, claimed: Sequence[Spooled]) -> None:
        """Remove files whose entries are all in the ledger."""
        for spooled in claimed:
            spooled.path.unlink(missing_ok=True)

    def _names(self) -> list[str]:
        try:
            files = list(self._folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        endings = {_WAITING, _CLAIMED}
        return sorted({path.stem for path in files if path.suffix in endings})

    def _read(self, name: str, ending: str, *, mend: bool = False) -> Spooled | None:
        path = self._folder / f"{name}{ending}"
        try:
            content = read_plain(path, largest=_LARGEST)
            return Spooled(name, path, decode_entries(content))
        except FileNotFoundError:
            return None
        except DamagedError as error:
            aside = set_aside(path) if mend else None
            kept = f" (kept as {aside.name})" if aside else ""
            _log.warning("spool file %s %s; it is left out%s", path, error, kept)
            return None
        except OSError as error:
            refusal = unwritable(self._folder.parent, error)
            if isinstance(refusal, DiskError):
                raise refusal from error
            # It stays where it is, for whoever can read it.
            problem = error.strerror
            _log.warning("spool file %s: %s; it is left out", path, problem)
            return None


def _new_name() -> str:
    """A name that sorts by time, and tells whose it is."""
    host = re.sub(r"[^A-Za-z0-9]", "-", platform.node())[:40]
    return f"{time.time_ns():020d}-{host}-{os.getpid()}-{secrets.token_hex(4)}"

"""Who takes in the spool where locks cannot be trusted: one process, by one rename."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from condensery._errors import StoreBusyError
from condensery.store._files import DAY, read_plain, write_whole

NAME = ".collector"
_HOLDER = "holder.json"
_LARGEST = 2**16
_INSIDE: set[str] = set()
"""Names of the folders of this process that are in use."""


@contextmanager
def elected(root: Path) -> Generator[None, None, None]:
    """A block that one process at a time enters.

    A folder with its holder's name inside gets the common name: renaming it fails while
    another folder has that name. What a killed process of this machine left is removed.

    Args:
        root: The runs folder.

    Raises:
        StoreBusyError: If another process is inside, or was killed inside on another
            machine.
        OSError: If nothing can be written.
    """
    common = root / NAME
    private = root / f"{NAME}-{secrets.token_hex(4)}"
    holder = {"pid": os.getpid(), "host": platform.node(), "token": private.name}
    private.mkdir()
    _INSIDE.add(private.name)
    try:
        write_whole(private / _HOLDER, json.dumps(holder).encode())
        _remove_left(common)
        _take(private, common)
    except BaseException:
        _INSIDE.discard(private.name)
        shutil.rmtree(private, ignore_errors=True)
        raise
    try:
        yield
    finally:
        _INSIDE.discard(private.name)
        # Gone from the common name in one step, however this process ends.
        common.replace(private)
        shutil.rmtree(private, ignore_errors=True)


def has_ended(holder: Mapping[str, Any]) -> bool:
    """Whether a process is known to have ended; of another machine's nothing is known.

    Args:
        holder: Its pid and host.
    """
    pid = holder.get("pid")
    if holder.get("host") != platform.node() or not isinstance(pid, int) or pid <= 0:
        return False
    if pid == os.getpid() and "token" in holder:
        return holder["token"] not in _INSIDE
    if sys.platform == "win32":
        return False  # signal 0 would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _take(private: Path, common: Path) -> None:
    try:
        private.rename(common)
    except OSError as error:
        if not common.exists():
            raise
        holder = _holder(common)
        who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
        raise StoreBusyError(
            f"the spool of {common.parent} is being taken in by {who}; wait until it "
            f"has ended; if it has, remove {common}"
        ) from error


def _remove_left(common: Path) -> None:
    """Remove what killed processes of this machine left."""
    for folder in common.parent.glob(f"{NAME}-*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)
    holder = _holder(common)
    if not has_ended(holder):
        return
    aside = common.with_name(f"{NAME}-{secrets.token_hex(4)}")
    with suppress(OSError):
        common.rename(aside)
        if _holder(aside) == holder:
            shutil.rmtree(aside, ignore_errors=True)
        else:  # another was quicker, and that is its folder
            aside.rename(common)


def _is_left(folder: Path) -> bool:
    """Whether nobody is about to rename a folder to the common name."""
    holder = _holder(folder)
    if holder:
        return has_ended(holder)
    with suppress(OSError):  # killed before its holder was written
        return folder.lstat().st_mtime < time.time() - DAY
    return False


def _holder(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        document = json.loads(read_plain(folder / _HOLDER, largest=_LARGEST))
        if isinstance(document, dict):
            return document
    return {}

"""A disk that is full in the middle of a run: status 3, what to do, and no loss."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import DiskError
from condensery.cli import main
from condensery.store import open_store

WRITES = [1, 2, 4, 8, 11, 14]
"""Writes of a whole run before the disk is full: shards, tables, figures, report."""


class Disk:
    """Takes some writes of files in a runs folder, then none."""

    def __init__(self, root: Path, free: int, number: int) -> None:
        self.root, self.free, self.number = root, free, number
        self.write = os.write

    def __call__(self, handle: int, data: bytes) -> int:
        file = Path(f"/proc/self/fd/{handle}").resolve()
        if file.suffix != ".part" or not file.is_relative_to(self.root):
            return self.write(handle, data)
        self.free -= 1
        if self.free < 0:
            raise OSError(self.number, os.strerror(self.number))
        return self.write(handle, data)


@pytest.fixture
def full(monkeypatch, tmp_path) -> Callable[..., None]:
    """Fill the disk after some more writes."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("looks into /proc")

    def fill(after: int, number: int = errno.ENOSPC) -> None:
        monkeypatch.setattr(os, "write", Disk(tmp_path, after, number))

    return fill


@pytest.mark.parametrize("writes", WRITES)
def test_a_full_disk_is_status_3_and_the_run_resumes(
    tmp_path, capsys, monkeypatch, tiny, full, writes
):
    words = ["--runs", str(tmp_path), "--workers", "2"]
    full(after=writes)
    status = main(["run", tiny, *words])
    err = capsys.readouterr().err
    monkeypatch.undo()
    assert status == 3, err
    last = err.splitlines()[-1]
    assert (
        "No space left on device (ENOSPC); free space, then condensery resume" in last
    )
    assert "choose another" not in last
    assert "Traceback" not in err
    assert main(["resume", "last", *words]) == 0, capsys.readouterr().err
    assert workbench.open("last", tmp_path).status == "done"


def test_a_disk_that_is_full_before_there_is_a_run(tmp_path, capsys, tiny, full):
    full(after=0)
    assert main(["run", tiny, "--runs", str(tmp_path)]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert "(ENOSPC); free space, then start the same again" in last


def test_a_disk_that_is_broken_is_not_to_be_freed(tmp_path, capsys, tiny, full):
    full(after=3, number=errno.EIO)
    assert main(["run", tiny, "--runs", str(tmp_path)]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert "(EIO); check the disk, then condensery resume" in last


def test_a_ledger_on_a_full_disk_says_so(tmp_path):
    with open_store(tmp_path, write=True):
        pass

    class Full(sqlite3.OperationalError):
        sqlite_errorname = "SQLITE_FULL"

    with (
        open_store(tmp_path) as store,
        pytest.raises(DiskError, match=r"disk is full \(ENOSPC\)") as caught,
        store._ledger._database._explained(),
    ):
        raise Full("database or disk is full")
    assert caught.value.exit_status == 3

"""Twenty processes write one folder whose file system has no locks."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
import traceback
from pathlib import Path

import pytest
from tests.workbench.test_run import TINY

from condensery import workbench
from condensery.cli import main
from condensery.store import _lock

PROCESSES = 20
ALONE = "CONDENSERY_TEST_ALONE"
"""Set where a test that forks runs by itself: the threads of JAX, which other tests
have loaded, do not survive a fork.
"""
REFUSED = """
import errno, fcntl, os, sqlite3, sys
def refuse(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = fcntl.lockf = refuse
real = sqlite3.connect
def connect(database, *arguments, **options):
    assert database == ":memory:", database
    return real(database, *arguments, **options)
sqlite3.connect = connect
from condensery.cli import main
sys.exit(main())
"""


@pytest.fixture
def without_locks(monkeypatch):
    """Locking fails, and SQLite opens no file."""
    real = sqlite3.connect

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def connect(database, *arguments, **options):
        assert database == ":memory:"
        return real(database, *arguments, **options)

    monkeypatch.setattr(_lock, "try_lock", refuse)
    monkeypatch.setattr(sqlite3, "connect", connect)


def forked(job):
    """A process of its own, which ends with 0 if the job does."""
    child = os.fork()
    if child:
        return child
    try:
        job()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def check(root, number):
    """So many whole runs, before the spool is taken in and after."""
    summaries = {summary.run: summary for summary in workbench.runs(root)}
    assert len(summaries) == number
    for summary in summaries.values():
        assert (summary.tasks, summary.finished) == (2, 2)
        assert summary.status in {"done", "claim failed"}
        run = workbench.open(summary.run, root)
        (value,) = run.config.parameters["values"]
        assert run.tables["squares"]["square"].tolist() == [value**2] * 2
        assert list(run.folder.glob("shards/*.set-aside*")) == []
    return summaries


@pytest.mark.parametrize(
    "name", ["test_twenty_processes_without_locks", "test_a_hundred_jobs_with_locks"]
)
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_in_an_interpreter_of_its_own(name):
    options = ["-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"{__file__}::{name}"],
        env=os.environ | {ALONE: "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    assert b"skipped" not in done.stdout


@pytest.mark.skipif(ALONE not in os.environ, reason="runs in an interpreter of its own")
def test_twenty_processes_without_locks(tmp_path, runner, without_locks, capsys):
    def job(number):
        workbench.run(TINY, runs=tmp_path, drawn=False, values=[float(number)])

    children = [forked(lambda number=n: job(number)) for n in range(PROCESSES)]
    collected = 0
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
        collected += workbench.collect(tmp_path)  # while the others write
    before = check(tmp_path, PROCESSES)
    assert collected > PROCESSES * 4
    assert main(["collect", "--runs", str(tmp_path)]) == 0
    assert "0 entries taken into the ledger" in capsys.readouterr().out
    assert check(tmp_path, PROCESSES) == before
    assert list(tmp_path.glob(".spool/*")) == []


@pytest.mark.slow
def test_eight_jobs_without_locks(tmp_path, capsys):
    def begin(number):
        words = ["run", TINY, "--runs", tmp_path, "--workers", "1"]
        options = ["--set", f"values={number}", "--set", "drawn=false"]
        command = [sys.executable, "-c", REFUSED, *words, *options]
        return subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, text=True
        )

    jobs = [begin(number) for number in range(8)]
    for job in jobs:
        job.communicate(timeout=300)
        assert job.returncode in {0, 1}
    before = check(tmp_path, len(jobs))
    assert Path(tmp_path, ".no-locks").exists()
    assert main(["collect", "--runs", str(tmp_path)]) == 0
    assert not capsys.readouterr().out.startswith("0 entries")
    assert check(tmp_path, len(jobs)) == before


@pytest.mark.skipif(ALONE not in os.environ, reason="runs in an interpreter of its own")
def test_a_hundred_jobs_with_locks(tmp_path, runner):
    def job(number):
        workbench.run(TINY, runs=tmp_path, drawn=False, seeds=1, values=[number])

    children = [forked(lambda number=n: job(float(number))) for n in range(100)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 100
    summaries = workbench.runs(tmp_path)
    assert len(summaries) == 100
    assert all((row.tasks, row.finished) == (1, 1) for row in summaries)
    assert list(tmp_path.glob(".spool/*")) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["collect", "--runs", str(tmp_path / "nowhere")]) == 2
    assert "runs folder: given" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()

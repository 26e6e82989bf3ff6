"""Folders without locks: entries wait in the spool; none is lost or entered twice."""

import errno
import hashlib
import json
import os
import sqlite3
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to be killed
import sys
from pathlib import Path

import pytest

from condensery._errors import CondenseryError, StoreBusyError
from condensery._reference import load
from condensery.protocols import Task
from condensery.records import RunConfig
from condensery.store import _collector, _database, _spool, _store, open_store
from condensery.store._collector import elected
from condensery.store._lock import VARIABLE
from condensery.testing import StoreContract

fcntl = pytest.importorskip("fcntl")
SPOOLING = Path(__file__).with_name("spooling.py")
SCENARIO = Path(__file__).with_name("scenario.py")
CONFIG = RunConfig(
    experiment="demo",
    preset="quick",
    parameters={},
)
RUN = CONFIG.run_id
TASKS = [
    Task(
        function="demo:task",
        parameters={"x": x},
    )
    for x in range(3)
]


def scenario(name):
    return load(f"{SCENARIO}:{name}")


@pytest.fixture
def without_locks(monkeypatch):
    """A file system without locks: of the system, and of SQLite."""
    real = sqlite3.connect

    def no_lock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def connect(database, *arguments, **options):
        assert database == ":memory:", "a file was opened that SQLite would lock"
        return real(database, *arguments, **options)

    monkeypatch.setattr(fcntl, "flock", no_lock)
    monkeypatch.setattr(sqlite3, "connect", connect)


class TestWithoutLocks(StoreContract):
    @pytest.fixture
    def open_it(self, tmp_path, without_locks):
        return lambda write: open_store(tmp_path / "runs", write=write)

    def test_one_writer_and_many_readers(self, open_it, config, tasks):
        """Two writers of one run are in nobody's way."""
        first, second = open_it(write=True), open_it(write=True)
        reader, run = open_it(write=False), config.run_id
        for writer in (first, second):
            writer.create_run(config, tasks)
            for task in tasks:
                writer.put_shard(run, task, {}, seconds=1.0)
        assert reader.finished(run) == {task.hash for task in tasks}
        first.set_status(run, "done", seconds=1.0)
        assert reader.summary(run).seconds == pytest.approx(1.0)


def entries(root):
    return sorted(path.suffix for path in Path(root, ".spool").glob("*"))


def lines(root):
    """How many entries wait."""
    files = Path(root, ".spool").glob("*.entries")
    return sum(len(path.read_bytes().splitlines()) - 1 for path in files)


def write_one(root, config=CONFIG):
    run = config.run_id
    with open_store(root, write=True) as store:
        store.create_run(config, TASKS)
        for task in TASKS:
            store.put_shard(run, task, {}, seconds=1.0)
        store.set_status(run, "done", seconds=3.0)


def test_the_spool_is_seen_and_then_collected_once(root, without_locks):
    for number in range(3):
        write_one(root, CONFIG.model_copy(update={"preset": f"p{number}"}))
    before, number = open_store(root).runs(), lines(root)
    assert entries(root) == [".entries"] * 3
    assert not (root / "ledger.sqlite").exists()
    with open_store(root, write=True) as store:
        assert store.collect() == number > 12
        assert store.collect() == 0
    assert entries(root) == []
    assert open_store(root).runs() == before
    assert [summary.seconds for summary in before] == pytest.approx([3.0] * 3)


def test_an_entry_is_entered_once_whoever_is_killed(root, without_locks, monkeypatch):
    write_one(root)
    before, number = open_store(root).runs(), lines(root)
    with monkeypatch.context() as patch, open_store(root, write=True) as store:
        patch.setattr(_spool.Spool, "discard", lambda *_: None)
        assert store.collect() == number
    assert entries(root) == [".claimed"]  # as if killed before it was removed
    assert open_store(root).runs() == before
    with open_store(root, write=True) as store:
        assert store.collect() == 0
    assert open_store(root).runs() == before
    assert entries(root) == []


def test_a_process_goes_on_after_its_spool_was_claimed(root, without_locks):
    with open_store(root, write=True) as writer, open_store(root, write=True) as other:
        writer.create_run(CONFIG, TASKS)
        writer.put_shard(RUN, TASKS[0], {}, seconds=1.0)
        assert other.collect() > 1
        writer.put_shard(RUN, TASKS[1], {}, seconds=1.0)
        assert open_store(root).finished(RUN) == {task.hash for task in TASKS[:2]}
        assert other.collect() == 1
    assert open_store(root).summary(RUN).finished == 2


def test_a_long_run_begins_new_spool_files(root, without_locks, monkeypatch):
    monkeypatch.setattr(_spool, "_MOST_ENTRIES", 2)
    write_one(root)
    assert entries(root) == [".entries"] * (-(-lines(root) // 2))
    assert len(entries(root)) > 2
    assert open_store(root).summary(RUN).finished == 3
    assert open_store(root).summary(RUN).status == "done"


def test_a_ledger_that_stays_busy_loses_no_entry(root, monkeypatch):
    open_store(root, write=True).close()
    monkeypatch.setattr(_database, "_WAIT", 0.01)
    holder = sqlite3.connect(root / "ledger.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    write_one(root)
    assert entries(root) == [".entries"]
    (summary,) = open_store(root).runs()
    assert (summary.status, summary.finished) == ("done", 3)
    holder.execute("ROLLBACK")
    holder.close()
    other = CONFIG.model_copy(update={"preset": "paper"})
    with open_store(root, write=True) as store:
        store.create_run(other, [])  # the next writer takes them in
    assert entries(root) == []
    assert open_store(root).summary(RUN) == summary


def test_the_folder_says_that_it_has_no_locks(root, monkeypatch):
    monkeypatch.setenv(VARIABLE, "no")
    write_one(root)
    monkeypatch.delenv(VARIABLE)
    with open_store(root, write=True) as store:
        assert not store.has_locks
    assert open_store(root).summary(RUN).finished == 3


def test_one_process_collects(root, without_locks):
    write_one(root)
    with open_store(root, write=True) as store:
        with (
            elected(root),
            pytest.raises(StoreBusyError, match=f"process {os.getpid()} on"),
        ):
            store.collect()
        assert store.collect() > 4
    assert not list(root.glob(".collector*"))


def test_what_a_killed_collector_left_stands_in_nobodys_way(root, without_locks):
    write_one(root)
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    left = root / ".collector"
    left.mkdir()
    holder = {
        "pid": done.pid,
        "host": os.uname().nodename,
        "token": "t",
    }
    (left / "holder.json").write_text(json.dumps(holder))
    with open_store(root, write=True) as store:
        assert store.collect() > 4
    (root / ".collector").mkdir()
    holder["host"] = "elsewhere"
    (root / ".collector" / "holder.json").write_text(json.dumps(holder))
    with (
        open_store(root, write=True) as store,
        pytest.raises(StoreBusyError, match=r"on elsewhere; wait until.*remove"),
    ):
        store.collect()


BAD_LINES = [
    ["drop", {"run": RUN}],
    ["attach", {"run": RUN}],
    ["drop", {"run": "../..", "task": TASKS[0].hash}],
    [
        "status",
        {
            "run": RUN,
            "status": "perfect",
            "seconds": 1.0,
        },
    ],
    [
        "status",
        {
            "run": RUN,
            "status": "done",
            "seconds": "1; DROP TABLE runs",
        },
    ],
    "drop",
    7,
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_spool_file_of_somebody_else_is_set_aside(root, without_locks, line, caplog):
    write_one(root)
    body = f"{json.dumps(line)}\n".encode()
    content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    (root / ".spool" / "0-crafted.entries").write_bytes(content)
    assert open_store(root).summary(RUN).status == "done"
    with open_store(root, write=True) as store:
        assert store.collect() > 4
    assert open_store(root).summary(RUN).status == "done"
    assert "holds no entries of a ledger" in caplog.text
    assert (root / ".spool" / "0-crafted.claimed.set-aside").exists()


def test_every_flipped_bit_of_a_spool_file_is_found(root, without_locks, caplog):
    write_one(root)
    (path,) = (root / ".spool").glob("*.entries")
    content = path.read_bytes()
    for index in range(0, len(content), 7):
        changed = bytearray(content)
        changed[index] ^= 1 << index % 8
        path.write_bytes(changed)
        assert open_store(root).runs() == [], index
    path.write_bytes(content)
    assert len(open_store(root).runs()) == 1


@pytest.mark.slow
def test_killed_at_every_system_call_without_locks(folder):
    done = subprocess.run(
        [sys.executable, SPOOLING, "nth", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] > 100


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_every_system_call_fails_without_locks(folder, monkeypatch, lasting):
    monkeypatch.setenv(VARIABLE, "no")
    for module in (_store, _spool, _collector):
        monkeypatch.setattr(module, "DAY", -1.0)
    work = load(f"{SPOOLING}:work_and_collect")
    check, countdown = scenario("check"), scenario("Countdown")
    monkeypatch.setitem(check.__globals__, "work", work)

    class Failing(countdown):
        NAMES = ("open", "write", "fsync", "replace", "mkdir")

        def tick(self, *_):
            self.left -= 1
            if self.left == 0 or (lasting and self.left < 0):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for n in range(1, 1000):
        root = folder / str(n)
        message = ""
        try:
            with Failing(n, None):
                work(root)
        except CondenseryError as error:
            message = str(error)
        check(root)
        if not message:
            break
        assert "No space left" in message, n
    assert n > 30

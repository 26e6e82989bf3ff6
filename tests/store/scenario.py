"""What a run does to a store, and what must be true of the store wherever the run was
cut short; also a program.

``python scenario.py nth ROOT`` forks a child for each n, kills it at its n-th system
call and checks what is left. ``loop`` writes one run after the other until it is
killed, ``half`` dies in the middle of a commit, ``hold`` becomes the writer and waits.
"""

import itertools
import json
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np

from condensery.protocols import Task
from condensery.records import RunConfig, Statement, Table
from condensery.store import open_store

CONFIG = RunConfig(experiment="demo", preset="quick", parameters={"x": 1})
RUN = CONFIG.run_id
TASKS = [Task(function="demo:task", parameters={"x": x}) for x in range(3)]
TABLE = Table(columns={"gamma": [0.5, 1.0], "regime": ["linear", "critical"]})
CLAIMS = [
    Statement(
        id="a", paper="p", statement="s", relation="<=", source="Fig. 1", kind="aim"
    ).check(1.0, 2.0)
]


def arrays(task):
    return {"y": np.random.default_rng(int(task.parameters["x"])).normal(size=(20, 3))}


def numbered(number):
    return CONFIG.model_copy(update={"parameters": {"x": number}})


def work(root, config=CONFIG):
    """A whole run: it goes on from whatever is there, as `condensery resume` does."""
    run = config.run_id
    with open_store(root, write=True) as store:
        store.create_run(config, TASKS)
        done = store.finished(run)
        for task in TASKS:
            if task.hash not in done:
                store.put_shard(run, task, arrays(task), seconds=1.0)
        store.put_table(run, "slope", TABLE)
        store.put_claims(run, CLAIMS)
        store.put_file(run, "report.html", b"report")
        store.set_status(run, "done", seconds=1.0)


def check(root, numbers=(1,)):
    """A reader sees only whole things; then the same runs again come to their end."""
    before = sorted(path for path in Path(root).rglob("*"))
    reader = open_store(root)
    for summary in reader.runs():
        run = summary.run
        assert reader.config(run).run_id == run
        finished = reader.finished(run)
        assert len(finished) == summary.finished, "a reader found a damaged shard"
        for task in TASKS:
            if task.hash in finished:
                assert_whole(reader, run, task)
            else:
                assert reader.shard(run, task) is None
        assert all(
            table["regime"].tolist() == ["linear", "critical"]
            for table in reader.tables(run).values()
        )
        assert reader.claims(run) in ([], CLAIMS)
        if summary.status == "done":
            assert (summary.finished, reader.claims(run), list(reader.tables(run))) == (
                3,
                CLAIMS,
                ["slope"],
            )
    assert sorted(path for path in Path(root).rglob("*")) == before, "a reader wrote"
    for number in numbers:
        check_end(root, numbered(number))
    left = [
        path.name
        for path in Path(root).rglob("*")
        if path.name.endswith((".part", "-journal"))
    ]
    assert not left, left
    assert not list(Path(root).rglob("*.set-aside*")), "a crash alone damages no file"


def check_end(root, config):
    run = config.run_id
    work(root, config)
    reader = open_store(root)
    assert reader.finished(run) == {task.hash for task in TASKS}
    for task in TASKS:
        assert_whole(reader, run, task)
    assert (Path(root) / run / "report.html").read_bytes() == b"report"
    assert (
        RunConfig.model_validate_json((Path(root) / run / "config.json").read_bytes())
        == config
    )


def assert_whole(store, run, task):
    got = store.shard(run, task)
    assert got is not None
    assert got["y"].tobytes() == arrays(task)["y"].tobytes()


class Countdown:
    """Calls `at_zero` at the n-th of the system calls that a store makes, before it
    takes place.
    """

    NAMES = ("open", "write", "fsync", "replace", "mkdir", "close")

    def __init__(self, n, at_zero):
        self.left, self.at_zero, self.real = (
            n,
            at_zero,
            {name: getattr(os, name) for name in self.NAMES},
        )

    def __enter__(self):
        for name in self.NAMES:
            setattr(os, name, self.counted(self.real[name]))
        return self

    def __exit__(self, *_):
        for name in self.NAMES:
            setattr(os, name, self.real[name])

    def tick(self, *_):
        self.left -= 1
        if self.left == 0:
            self.at_zero()

    def counted(self, call):
        def counting(*arguments, **options):
            self.tick()
            return call(*arguments, **options)

        return counting


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def every_kill(root):
    """Kill the run at its n-th system call or SQLite statement, for every n; print how
    many there were.
    """
    real_connect = sqlite3.connect
    for n in itertools.count(1):
        folder = Path(root, str(n))
        child = os.fork()
        if child == 0:
            with Countdown(n, kill_self) as countdown:

                def connect(*arguments, **options):
                    database = real_connect(*arguments, **options)
                    database.set_trace_callback(countdown.tick)
                    return database

                sqlite3.connect = connect
                work(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        check(folder)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            print(json.dumps({"kills": n - 1}))
            return


def loop(root):
    """One run after the other, for as long as it takes; prints the number of each
    before it begins.
    """
    for number in itertools.count():
        print(number, flush=True)
        work(root, numbered(number))


def hold(root):
    """Be the writer."""
    with open_store(root, write=True) as store:
        store.create_run(CONFIG, TASKS)
        print("ready", flush=True)
        time.sleep(60)


def half_commit(root):
    """Die in the middle of a commit that has outgrown SQLite's cache, so that the
    ledger on disk is half new.
    """
    database = sqlite3.connect(Path(root, "ledger.sqlite"), isolation_level=None)
    database.execute("PRAGMA cache_size = 1")
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE runs SET status = 'half'")
    for number in range(500):
        database.execute("INSERT INTO tasks VALUES (?, ?)", (RUN, f"{number:0500d}"))
    kill_self()


if __name__ == "__main__":
    {"nth": every_kill, "loop": loop, "hold": hold, "half": half_commit}[sys.argv[1]](
        sys.argv[2]
    )

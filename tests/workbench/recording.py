"""A training that is recorded and killed; also a program.

``python recording.py written ROOT`` records ten steps and kills itself; ``nth ROOT``
forks a child for each n, kills it at its n-th system call and checks what is left.
"""

import itertools
import json
import os
import sqlite3
import sys
from pathlib import Path

from tests.store.scenario import Countdown, kill_self

import condensery
from condensery.store import open_store
from condensery.workbench import _record

STEPS = 4


def values(step):
    return {"0/ratio": 1 / (1 + step), "norm": float(step)}


def train(root, tell):
    """Record some steps; `tell` is called after each call that came back."""
    sink = condensery.record("mine", runs=root, flush_seconds=1e9)
    for step in range(STEPS):
        sink.write(step, values(step))
        tell(step)
    sink.close()


def written(root):
    """Be killed when ten steps are written, of which the table has one."""
    sink = condensery.record("mine", runs=root, flush_seconds=1e9)
    for step in range(10):
        sink.write(step, values(step))
    kill_self()


def check(root, told):
    """The next writer has every step of which the recorder was told that it is kept."""
    open_store(root, write=True).close()
    reader = open_store(root)
    rows = [reader.tables(summary.run)["monitor"] for summary in reader.runs()]
    steps = [sorted(set(table["step"].tolist())) for table in rows]
    (kept,) = steps or [[]]
    assert kept == list(range(len(kept)))
    assert told <= len(kept) <= told + 1, (told, kept)
    for table in rows:
        model = table.select(layer="")
        assert model["norm"].tolist() == kept
    assert not list(Path(root).rglob("*.set-aside*"))


def train_and_die(root, n, pipe):
    """The child: a training that is killed at its n-th call, or comes to its end."""
    real_connect, real_write = sqlite3.connect, os.write
    with Countdown(n, kill_self) as countdown:

        def connect(*arguments, **options):
            database = real_connect(*arguments, **options)
            database.set_trace_callback(countdown.tick)
            return database

        sqlite3.connect = connect
        train(root, lambda step: real_write(pipe, b"."))
    os._exit(0)


def every_kill(root):
    """Kill the recorder at its n-th system call or SQLite statement, for every n."""
    # They take as long as all the rest.
    _record.draw = lambda *_: None
    _record.provenance = lambda _: {}
    for n in itertools.count(1):
        folder = Path(root, str(n))
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            train_and_die(folder, n, writes)
        os.close(writes)
        _, status = os.waitpid(child, 0)
        told = len(os.read(reads, STEPS + 1))
        os.close(reads)
        check(folder, told)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            assert told == STEPS
            print(json.dumps({"kills": n - 1}))
            return


if __name__ == "__main__":
    {"written": written, "nth": every_kill}[sys.argv[1]](sys.argv[2])

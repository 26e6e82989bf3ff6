"""Whatever a run dies of, the store opens, shows only whole things, and the run can be
finished.
"""

import errno
import itertools
import json
import os
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from condensery._errors import DiskError
from condensery._reference import load
from condensery.store import open_store

PROGRAM = Path(__file__).with_name("scenario.py")
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="needs fork and SIGKILL"
)


def scenario(name):
    return load(f"{PROGRAM}:{name}")


def start(what, root):
    return subprocess.Popen(
        [sys.executable, PROGRAM, what, root],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_killed_at_every_system_call(folder):
    done = subprocess.run(
        [sys.executable, PROGRAM, "nth", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] > 100


def what_is_told(work, root, failing):
    try:
        with failing:
            work(root)
    except DiskError as error:
        return str(error)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_every_system_call_fails(folder, lasting):
    work, check, countdown = scenario("work"), scenario("check"), scenario("Countdown")

    class Failing(countdown):
        NAMES = ("open", "write", "fsync", "replace", "mkdir")

        def tick(self, *_):
            self.left -= 1
            if self.left == 0 or (lasting and self.left < 0):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for n in itertools.count(1):
        root = folder / str(n)
        message = what_is_told(work, root, Failing(n, None))
        check(root)
        if message is None:
            break
        assert "No space left" in message, n
    assert n > 40


def test_a_short_write_is_continued(root, monkeypatch):
    real = os.write
    monkeypatch.setattr(
        os, "write", lambda handle, content: real(handle, bytes(content)[:7])
    )
    scenario("work")(root)
    monkeypatch.undo()
    scenario("check")(root)


@pytest.mark.slow
def test_killed_at_random_while_writing_and_reading(folder):
    check, dice = scenario("check"), np.random.default_rng(0)
    for round_ in range(5):
        root = folder / str(round_)
        process = start("loop", root)
        for _ in range(2):
            process.stdout.readline()  # the second run begins
        end = time.monotonic() + dice.uniform(0.0, 0.25)
        while time.monotonic() < end:
            for summary in open_store(root).runs():  # a reader while one writes
                assert summary.experiment == "demo"
        process.kill()
        last = int((process.communicate()[0].split() or ["1"])[-1])
        check(root, [last - 1, last])


def test_a_half_commit_is_undone(root, caplog):
    scenario("work")(root)
    process = start("half", root)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    journal = root / "ledger.sqlite-journal"
    assert journal.stat().st_size > 0, "the test did not leave a hot journal"
    before = (root / "ledger.sqlite").read_bytes(), journal.read_bytes()
    (summary,) = open_store(root).runs()
    assert (summary.status, summary.tasks) == ("done", 3)
    assert ((root / "ledger.sqlite").read_bytes(), journal.read_bytes()) == before, (
        "a reader wrote"
    )
    scenario("check")(root)
    assert not journal.exists()


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(
    root, monkeypatch
):
    """A loss of power cannot be tried here; that the calls come in the order that
    outlives one can.
    """
    calls, names = [], {}

    def recording(name, real):
        def call(first, *arguments, **options):
            result = real(first, *arguments, **options)
            if name == "open":
                names[result] = first
            about = {
                "open": first,
                "fsync": names.get(first, ""),
                "replace": arguments[0] if arguments else "",
            }[name]
            calls.append((name, Path(about).name))
            return result

        return call

    for name in ("open", "fsync", "replace"):
        monkeypatch.setattr(os, name, recording(name, getattr(os, name)))
    scenario("work")(root)
    monkeypatch.undo()
    placed = [index for index, (name, _) in enumerate(calls) if name == "replace"]
    assert len(placed) == 7  # configuration, three shards, table, claims, report
    for index in placed:
        folders = {"shards", "tables", scenario("RUN")}
        assert calls[index - 1][0] == "fsync"
        assert calls[index - 1][1].startswith(f".{calls[index][1]}.")
        assert [name for name, _ in calls[index + 1 : index + 3]] == ["open", "fsync"]
        assert calls[index + 2][1] in folders

"""A recorder loses nothing, beside whatever else writes its folder."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to be killed
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from tests.workbench.test_run import TINY

import condensery
from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.cli import main
from condensery.store import open_store
from condensery.workbench import _record

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.workbench.recording"]
VALUES = {"0/ratio": 0.5}


def steps_of(run, root):
    return condensery.open(run, runs=root).tables["monitor"]["step"].tolist()


def spooled(root):
    return sorted(path.suffix for path in Path(root, ".spool").glob("*"))


@pytest.fixture
def sink(tmp_path, monkeypatch):
    """One that writes its table with the first step and at the end."""
    monkeypatch.setattr(_record, "draw", lambda *_: None)
    return condensery.record(
        "mine",
        runs=tmp_path,
        flush_seconds=1e9,
        patience=0.0,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_next_writer_takes_in_what_a_killed_recorder_wrote(tmp_path, capsys):
    command = [*PROGRAM, "written", str(tmp_path)]
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert steps_of("last", tmp_path) == [0, 0]
    assert spooled(tmp_path) == [".steps"]
    open_store(tmp_path, write=True).close()
    assert steps_of("last", tmp_path) == [step for step in range(10) for _ in range(2)]
    assert condensery.open("last", tmp_path).status == "interrupted"
    assert spooled(tmp_path) == []
    assert main(["report", "last", "--runs", str(tmp_path)]) == 0
    assert condensery.open("last", tmp_path).report is not None
    capsys.readouterr()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_recorder_killed_at_every_system_call(tmp_path):
    memory = Path("/dev/shm")  # ruff: ignore[hardcoded-temp-file]
    place = memory if memory.is_dir() else tmp_path  # else it waits for a disk
    with TemporaryDirectory(dir=place, prefix="condensery-test-") as folder:
        command = [*PROGRAM, "nth", folder]
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            capture_output=True,
        )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["kills"] > 60


def test_a_recorder_that_lives_keeps_its_steps(tmp_path, sink):
    for step in range(3):
        sink.write(step, VALUES)
    with open_store(tmp_path, write=True) as store:
        assert store.summary(sink.run).status == "unfinished"
    assert spooled(tmp_path) == [".steps"]
    assert steps_of(sink.run, tmp_path) == [0]
    sink.close()
    assert steps_of(sink.run, tmp_path) == [0, 1, 2]
    assert spooled(tmp_path) == []


def test_what_another_writer_kept_waiting_is_taken_in_by_the_next(
    tmp_path, sink, caplog
):
    sink.write(0, VALUES)
    with open_store(tmp_path, write=True) as store:
        store.hold(sink.run)
        sink.write(1, VALUES)
        sink.close()
        sink.close()
    assert "the next writer finishes the recorded run" in caplog.text
    assert steps_of(sink.run, tmp_path) == [0]
    open_store(tmp_path, write=True).close()
    assert steps_of(sink.run, tmp_path) == [0, 1]
    assert condensery.open(sink.run, tmp_path).status == "done"


def test_a_disk_that_is_full_for_a_while_loses_no_step(
    tmp_path, sink, monkeypatch, caplog
):
    sink.write(0, VALUES)
    real = os.write

    def short(handle, content):
        return real(handle, bytes(content)[:9])

    def full(handle, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for step, write in enumerate((short, full, full, short), start=1):
        monkeypatch.setattr(os, "write", write)
        sink.write(step, VALUES)
    monkeypatch.undo()
    assert "No space left" in caplog.text
    path = next(tmp_path.glob(".spool/*.steps"))
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)[0] for line in lines[1:]] == list(range(5))
    sink._steps.close(keep=True)
    open_store(tmp_path, write=True).close()
    assert steps_of(sink.run, tmp_path) == list(range(5))


def test_any_measures_are_taken(tmp_path, sink):
    sink.write(
        0,
        {
            "loss": np.float32(0.5),
            "a/b/step": True,
            "layer": 3,
        },
    )
    sink.write(1, {"loss": float("nan"), "a/b/凝聚": np.array(2)})
    sink.close()
    table = condensery.open(sink.run, runs=tmp_path).tables["monitor"]
    assert table["step"].tolist() == [0, 0, 1, 1]
    assert table["layer"].tolist() == ["", "a/b", "", "a/b"]
    assert table["measured_layer"][0] == pytest.approx(3.0)
    assert table["measured_step"][1] == pytest.approx(1.0)
    assert table["凝聚"][3] == pytest.approx(2.0)
    for value in (None, "much", [1.0, 2.0], 10**400):
        with pytest.raises(InvalidInputError, match="value of loss: given"):
            sink.write(2, {"loss": value})


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"\xff\n", b'{"config": []}\n[1, {}, 0]\n']
)
def test_what_is_no_recording_is_set_aside(tmp_path, content, caplog):
    path = tmp_path / ".spool" / "0123456789abcdef.steps"
    path.parent.mkdir()
    path.write_bytes(content)
    open_store(tmp_path, write=True).close()
    assert workbench.runs(tmp_path) == []
    assert "cannot be taken in" in caplog.text
    assert path.with_name(f"{path.name}.set-aside").read_bytes() == content


def test_a_recorder_beside_ten_runs(tmp_path, runner, sink):
    running = [
        workbench.start(
            TINY,
            runs=tmp_path,
            drawn=False,
            values=[float(n)],
        )
        for n in range(10)
    ]
    for step in range(50):
        sink.write(step, VALUES)
    sink.close()
    for started in running:
        started.result()
    assert steps_of(sink.run, tmp_path) == list(range(50))
    status = {summary.status for summary in workbench.runs(tmp_path)}
    assert status <= {"done", "claim failed"}
    assert len(workbench.runs(tmp_path)) == 11

"""A second start of a run follows the first; different runs go on side by side."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path

import pytest
from tests.workbench.test_run import TINY, bits

from condensery import workbench
from condensery.store import open_store
from condensery.workbench import (
    StageBegan,
    TaskFinished,
    TaskProgressed,
    _following,
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Looks and announcements without pauses between them."""
    monkeypatch.setattr(_following, "_LOOK", 0.01)
    monkeypatch.setattr(_following, "_ANNOUNCE", 0.0)


class Gate:
    """A runner that computes a task whenever it is let through."""

    def __init__(self, inline):
        self.inline, self.begun = inline, threading.Event()
        self.through = threading.Semaphore(0)

    def run(self, tasks, on_outcome, on_progress, *, stop, **options):
        self.begun.set()
        for task in tasks:
            on_progress(task.hash, 0.25)
            while not self.through.acquire(timeout=0.05):
                if stop.is_set():
                    return
            self.inline.run([task], on_outcome, lambda *_: None, **options)


@pytest.fixture
def gate(runner, monkeypatch):
    gate = Gate(runner)
    monkeypatch.setattr(workbench._run, "make", lambda name, **options: gate)
    return gate


def begin(root, gate):
    first = workbench.start(TINY, runs=root, drawn=False)
    assert gate.begun.wait(10)
    return first


def test_a_second_start_follows_the_first(tmp_path, gate, caplog):
    with (
        begin(tmp_path, gate) as first,
        workbench.start(
            TINY,
            runs=tmp_path,
            drawn=False,
        ) as second,
    ):
        events, ended = [], 0
        for event in second.events():
            events.append(event)
            if isinstance(event, TaskProgressed) or ended:
                gate.through.release()
            ended += isinstance(event, TaskFinished)
        assert second.result().id == first.result().id
    finished = [event for event in events if isinstance(event, TaskFinished)]
    assert [event.progress.finished for event in finished] == list(range(1, 7))
    assert len({event.task for event in finished}) == 6
    assert any(isinstance(event, TaskProgressed) for event in events)
    assert isinstance(events[0], StageBegan)
    assert events[-1].status == "done"
    assert len(gate.inline.ran) == 6, "a task was computed twice"
    (message,) = caplog.messages
    assert f"is being written by process {os.getpid()}" in message
    assert "follows it" in message


def test_a_run_that_is_followed_and_stopped_is_finished_by_its_follower(
    tmp_path, gate, runner
):
    with begin(tmp_path, gate) as first:
        second = workbench.start(TINY, runs=tmp_path, drawn=False)
        events = second.events()
        assert isinstance(next(events), StageBegan)
        gate.through.release()
        next(event for event in events if isinstance(event, TaskFinished))
        first.stop()
        gate.through.release(99)
        followed = second.result()
    assert followed.status == "done"
    assert len(runner.ran) == 6, "a task was computed twice"
    complete = workbench.run(
        TINY,
        runs=tmp_path / "complete",
        drawn=False,
    )
    assert bits(followed) == bits(complete)


def test_to_stop_following_stops_nothing_else(tmp_path, gate):
    with begin(tmp_path, gate) as first:
        second = workbench.start(
            TINY,
            runs=tmp_path,
            drawn=False,
        )
        next(second.events())
        second.stop()
        with pytest.raises(workbench.RunInterrupted, match=r"goes on: run .* process"):
            second.result()
        assert workbench.open(first.run, tmp_path).status == "unfinished"
        gate.through.release(6)
        assert first.result().status == "done"


def test_an_announcement_that_cannot_be_read_hides_nothing(tmp_path, gate):
    with begin(tmp_path, gate) as first:
        path = Path(tmp_path, first.run, ".writer.lock")
        path.write_text('{"progress": {"fractions": [1], "stage": 3')
        second = workbench.start(TINY, runs=tmp_path, drawn=False)
        gate.through.release(6)
        assert second.result().status == "done"


def test_a_report_of_a_run_under_way_is_told_who_writes_it(tmp_path, runner, capsys):
    from condensery.cli import main

    run = workbench.run(
        TINY,
        runs=tmp_path,
        drawn=False,
    )
    with closing(open_store(tmp_path, write=True)) as store:
        store.hold(run.id)
        assert main(["report", "last", "--judge", "--runs", str(tmp_path)]) == 2
        assert f"process {os.getpid()} on" in capsys.readouterr().err
    assert main(["report", "last", "--judge", "--runs", str(tmp_path)]) == 0


def test_ten_runs_in_one_folder_at_once(tmp_path, runner):
    running = [
        workbench.start(
            TINY,
            runs=tmp_path,
            drawn=False,
            values=[float(n)],
        )
        for n in range(10)
    ]
    results = [started.result() for started in running]
    assert len(runner.ran) == 20
    summaries = {summary.run: summary for summary in workbench.runs(tmp_path)}
    assert summaries.keys() == {run.id for run in results}
    assert all(summary.finished == 2 for summary in summaries.values())
    for number, run in enumerate(results):
        assert run.tables["squares"]["square"].tolist() == [float(number**2)] * 2

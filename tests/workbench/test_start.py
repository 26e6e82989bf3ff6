"""A run that goes on in a thread: its events, its result, and stopping it."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from tests.workbench.test_run import TINY, bits

from condensery import workbench
from condensery._errors import InvalidInputError, TaskFailedError
from condensery.workbench import (
    Progress,
    RunFinished,
    StageBegan,
    TaskFailed,
    TaskFinished,
    TaskProgressed,
    TaskShown,
    TaskStarted,
    _running,
)

SLOW = {"pause": 0.3, "drawn": False, "workers": 2}


def kinds(events):
    return [type(event).__name__ for event in events]


def only(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_events_of_a_whole_run(tmp_path, runner):
    with workbench.start(TINY, runs=tmp_path, drawn=False) as running:
        events = list(running.events())
        run = running.result()
    assert run.id == running.run
    assert run.status == "done"
    started = [event.task for event in only(events, TaskStarted)]
    finished = [event.task for event in only(events, TaskFinished)]
    assert started == finished
    assert started == [task.hash for task in runner.ran]
    fractions = [event.fraction for event in only(events, TaskProgressed)]
    assert fractions == [0.5] * 6
    began = only(events, StageBegan)
    stages = [event.progress.stage for event in began]
    assert stages == ["tasks", "tables", "claims", "report"]
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert last.status == "done"
    assert last.error == ""
    assert last.progress.stage == "done"
    fractions = [event.progress.fraction for event in events]
    assert fractions == sorted(fractions)
    assert list(running.events()) == []


def test_a_finished_run_finishes_at_once(tmp_path, runner):
    first = workbench.run(TINY, runs=tmp_path)
    runner.ran.clear()
    running = workbench.start(TINY, runs=tmp_path)
    assert kinds(running.events()) == ["StageBegan", "RunFinished"]
    assert running.result().id == first.id
    assert running.has_ended
    assert runner.ran == []


def test_failed_tasks_are_events_and_the_result_raises(tmp_path, runner):
    runner.fail = {1, 3}
    running = workbench.start(TINY, runs=tmp_path)
    events = list(running.events())
    failed = only(events, TaskFailed)
    assert len(failed) == 2
    assert "told to fail at 1" in failed[0].error
    assert events[-1].status == "task failed"
    assert "2 of 6 tasks" in events[-1].error
    for _ in range(2):
        with pytest.raises(TaskFailedError, match="2 of 6 tasks"):
            running.result()


def test_bad_input_is_refused_before_anything_starts(tmp_path):
    threads = threading.active_count()
    refused = (
        {"preset": "quik"},
        {"seeds": 0},
        {"runner": "lokal"},
    )
    for options in refused:
        with pytest.raises(InvalidInputError):
            workbench.start(TINY, runs=tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()
    assert threading.active_count() == threads


def test_a_run_that_is_refused_later_says_so(tmp_path, runner):
    (tmp_path / "runs").write_text("no folder")
    running = workbench.start(TINY, runs=tmp_path / "runs")
    (event,) = running.events()
    assert event.status == "refused"
    with pytest.raises(InvalidInputError, match="runs folder: given"):
        running.result()


@pytest.mark.slow
def test_stop_leaves_a_run_that_resumes_to_the_same_bits(tmp_path):
    complete = workbench.run(TINY, runs=tmp_path / "complete", **SLOW)
    running = workbench.start(TINY, runs=tmp_path / "cut", **SLOW)
    for event in running.events():
        if isinstance(event, TaskFinished):
            break
    begun = time.monotonic()
    running.stop()
    assert time.monotonic() - begun < 2.0
    running.stop()  # a second time does nothing
    rest = list(running.events())
    assert rest[-1].status == "interrupted"
    with pytest.raises(workbench.RunInterrupted, match="condensery resume"):
        running.result()
    cut = workbench.open("last", tmp_path / "cut")
    assert cut.status == "interrupted"
    assert 1 <= cut.summary.finished < 6
    resumed = workbench.resume("last", tmp_path / "cut")
    assert bits(resumed) == bits(complete)


def test_leaving_the_block_stops_a_run(tmp_path):
    with workbench.start(TINY, runs=tmp_path, **SLOW) as running:
        assert not running.has_ended
    assert running.has_ended
    assert workbench.open(running.run, tmp_path).status == "interrupted"


def test_stop_during_a_later_stage(tmp_path, runner, monkeypatch):
    running = workbench.start(TINY, runs=tmp_path)
    for event in running.events():
        if event.progress.stage != "tasks":
            break
    running.stop()
    opened = workbench.open(running.run, tmp_path)
    assert opened.status in {"interrupted", "done"}
    assert workbench.resume("last", tmp_path).status == "done"


def test_stop_after_the_end_changes_nothing(tmp_path, runner):
    running = workbench.start(TINY, runs=tmp_path, drawn=False)
    assert running.result().status == "done"
    running.stop()
    assert running.result().status == "done"


def test_an_error_of_the_watcher_stops_the_run(tmp_path):
    def refuse(progress: Progress) -> None:
        if progress.finished:
            raise RuntimeError("seen enough")

    with pytest.raises(RuntimeError, match="seen enough"):
        workbench.run(TINY, runs=tmp_path, progress=refuse, **SLOW)
    assert workbench.open("last", tmp_path).status == "interrupted"


def test_the_watcher_is_called_in_the_thread_of_the_caller(tmp_path, runner):
    threads = set()

    def watch(progress: Progress) -> None:
        threads.add(threading.current_thread())

    workbench.run(TINY, runs=tmp_path, drawn=False, progress=watch)
    assert threads == {threading.current_thread()}


@pytest.mark.slow
def test_shown_arrays_reach_events_and_watchers_and_change_nothing(tmp_path):
    options = {"drawn": False, "workers": 2}
    quiet = workbench.run(TINY, runs=tmp_path / "quiet", **options)
    running = workbench.start(TINY, runs=tmp_path / "live", **options)
    shown = only(running.events(), TaskShown)
    assert bits(running.result()) == bits(quiet)
    values = sorted(float(event.shown["value"]) for event in shown)
    assert values == [1, 1, 2, 2, 3, 3]
    for event in shown:
        assert event.progress.shown is event.shown
    watched: list[Progress] = []
    watch = watched.append
    workbench.run(TINY, runs=tmp_path / "again", progress=watch, **options)
    with_arrays = [progress for progress in watched if progress.shown]
    assert len(with_arrays) == 6


def test_nobody_listens_and_nothing_is_sent(tmp_path, runner):
    workbench.run(TINY, runs=tmp_path, drawn=False)
    assert runner.shown_to is None
    running = workbench.start(TINY, runs=tmp_path / "live", drawn=False)
    running.result()
    assert runner.shown_to is not None


def test_a_slow_listener_keeps_every_event_but_replaced_reports():
    mailbox = _running._Mailbox()
    progress = Progress("", "tasks", 0, 2, 0.0)
    mailbox.put(TaskStarted("a", progress))
    for number in range(1000):
        fraction = number / 1000
        arrays = {"step": np.array(number)}
        mailbox.put(TaskProgressed("a", fraction, progress))
        mailbox.put(TaskShown("a", arrays, progress))
        mailbox.put(TaskProgressed("b", fraction / 2, progress))
    mailbox.put(TaskFinished("a", 1.0, progress))
    mailbox.close()
    events = list(iter(mailbox.take, None))
    names = ["TaskStarted", "TaskProgressed", "TaskShown", "TaskProgressed"]
    assert kinds(events) == [*names, "TaskFinished"]
    reported, shown = events[1:3]
    assert reported.task == "a"
    assert reported.fraction == pytest.approx(0.999, abs=0.0)
    assert shown.shown["step"] == 999

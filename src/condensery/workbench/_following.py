"""Following a run that another process writes: of one run there is one writer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from condensery._errors import InvalidInputError, StoreBusyError
from condensery.protocols import TaskOutcome
from condensery.store import LocalStore
from condensery.workbench._events import Event, Listener, TaskFinished, TaskProgressed
from condensery.workbench._progress import Meter
from condensery.workbench._sitting import RunInterrupted, Work

_log = logging.getLogger("condensery.workbench")
_LOOK = 0.5  # seconds between two looks at a run that another process writes
_ANNOUNCE = 1.0  # seconds between two announcements of the writer


def become_writer(
    store: LocalStore, work: Work, listener: Listener, stop: threading.Event
) -> bool:
    """Become the writer of a run; while another is, follow it.

    Args:
        store: Open for writing.
        work: What there is to do.
        listener: Called with the events of the run that is followed.
        stop: Once it is set, following ends.

    Returns:
        Whether there was a run to follow, which then has come to an end.

    Raises:
        RunInterrupted: If following was stopped; the run goes on.
    """
    run = work.config.run_id
    follower: _Follower | None = None
    while True:
        try:
            store.hold(run)
        except StoreBusyError as busy:
            if stop.is_set():
                message = f"following was stopped, the run goes on: {busy}"
                raise RunInterrupted(run, store.root, message) from None
            if follower is None:
                _log.warning("%s", _followed(store, run))
                follower = _Follower(store, work, listener)
            follower.look()
            stop.wait(_LOOK)
        else:
            if follower is not None:
                follower.look()
            return follower is not None


def announcing(store: LocalStore, run: str) -> Callable[[Event], None]:
    """A function that says for followers what it is called with, now and then.

    Args:
        store: The writer of the run.
        run: Id of the run.
    """
    fractions: dict[str, float] = {}
    last_time, last_stage = -_ANNOUNCE, ""

    def announce(event: Event) -> None:
        nonlocal last_time, last_stage
        progress, now = event.progress, time.monotonic()
        match event:
            case TaskProgressed(task=task, fraction=fraction):
                fractions[task] = fraction
            case TaskFinished(task=task):
                fractions.pop(task, None)
        is_due = now - last_time >= _ANNOUNCE or progress.stage != last_stage
        if not is_due:
            return
        last_time, last_stage = now, progress.stage
        state = {"stage": progress.stage, "label": progress.label}
        store.announce(run, {**state, "fractions": fractions})

    return announce


def _followed(store: LocalStore, run: str) -> str:
    holder = store.announced(run)
    who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
    return f"run {run} is being written by {who}; this start follows it"


class _Follower:
    """Turns what the store shows of a run into its events.

    Finished tasks are those of the ledger; fractions of tasks and later stages are what
    the writer announces.
    """

    def __init__(self, store: LocalStore, work: Work, listener: Listener) -> None:
        self._store, self._run = store, work.config.run_id
        self._tasks = {task.hash: task for task in work.tasks}
        self._ended = set(self._seconds())
        self._stage = "tasks"
        self._fractions: dict[str, float] = {}
        self._meter = Meter(self._run, work.tasks, self._ended, listener)

    def look(self) -> None:
        """Report what has changed since the last look."""
        for name, seconds in self._seconds().items():
            if name not in self._ended:
                self._ended.add(name)
                task = self._tasks[name]
                self._meter.end(TaskOutcome(task=task, seconds=seconds))
        progress = self._store.announced(self._run).get("progress")
        if isinstance(progress, dict):
            self._report(progress)

    def _report(self, progress: Mapping[str, Any]) -> None:
        fractions = progress.get("fractions")
        for name, fraction in fractions.items() if isinstance(fractions, dict) else ():
            is_under_way = name in self._tasks and name not in self._ended
            if is_under_way and isinstance(fraction, float):
                self._advance(name, fraction)
        stage, label = progress.get("stage"), progress.get("label")
        if isinstance(stage, str) and stage != self._stage:
            self._stage = stage
            self._meter.enter(stage, str(label))

    def _advance(self, name: str, fraction: float) -> None:
        if self._fractions.get(name) != fraction:
            self._fractions[name] = fraction
            self._meter.advance(name, fraction)

    def _seconds(self) -> dict[str, float]:
        """Finished tasks and what they cost."""
        try:
            rows = self._store.shard_rows(self._run)
        except InvalidInputError:
            return {}  # its writer has not entered it yet
        return {row.task: row.seconds for row in rows if row.task in self._tasks}

"""The meter of a run: what happens to its tasks becomes events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.protocols import Task, TaskOutcome
from condensery.workbench._events import (
    Listener,
    Progress,
    StageBegan,
    TaskFailed,
    TaskFinished,
    TaskProgressed,
    TaskShown,
    TaskStarted,
    Watcher,
)


class Meter:
    """Adds up the fractions of a run's tasks and hands every event to the listener."""

    def __init__(
        self,
        run: str,
        tasks: Sequence[Task],
        finished: set[str],
        listener: Listener | None,
    ) -> None:
        self._run, self._listener = run, listener
        self._cost: dict[str, float] = {}
        self._label: dict[str, str] = {}
        self._share: dict[str, float] = {}
        self._ended: set[str] = set()
        for task in tasks:
            name = task.hash
            self._cost[name] = max(task.cost, 0.0)
            self._label[name] = task.label or task.function
            self._share[name] = float(name in finished)
            if name in finished:
                self._ended.add(name)
        if self._cost:
            self.enter("tasks")

    def enter(self, stage: str, label: str = "") -> None:
        """A stage of the run begins."""
        if self._listener is not None:
            self._listener(StageBegan(self._progress(stage, label)))

    def start(self, name: str) -> None:
        """A worker took task `name`."""
        if self._listener is not None:
            self._listener(TaskStarted(name, self._of_task(name)))

    def advance(self, name: str, fraction: float) -> None:
        """Task `name` has done this fraction of its work."""
        self._share[name] = min(max(fraction, 0.0), 1.0)
        if self._listener is not None:
            progress = self._of_task(name)
            self._listener(TaskProgressed(name, self._share[name], progress))

    def show(self, name: str, shown: Mapping[str, np.ndarray]) -> None:
        """Task `name` shows arrays."""
        if self._listener is not None:
            progress = self._of_task(name, shown)
            self._listener(TaskShown(name, shown, progress))

    def end(self, outcome: TaskOutcome) -> None:
        """A task has ended, well or not."""
        name = outcome.task.hash
        self._ended.add(name)
        self._share[name] = 1.0
        if self._listener is None:
            return
        progress = self._of_task(name)
        if outcome.error:
            self._listener(TaskFailed(name, outcome.error, progress))
        else:
            self._listener(TaskFinished(name, outcome.seconds, progress))

    def _of_task(
        self, name: str, shown: Mapping[str, np.ndarray] | None = None
    ) -> Progress:
        return self._progress("tasks", self._label[name], shown)

    def _progress(
        self, stage: str, label: str, shown: Mapping[str, np.ndarray] | None = None
    ) -> Progress:
        total = sum(self._cost.values())
        done = sum(self._cost[name] * share for name, share in self._share.items())
        return Progress(
            run=self._run,
            stage=stage,
            finished=len(self._ended),
            tasks=len(self._cost),
            fraction=done / total if total > 0 else 1.0,
            label=label,
            shown=shown or {},
        )


def heard_by(watch: Watcher | None) -> Listener | None:
    """The listener that calls a watcher with the state of the run."""
    return None if watch is None else lambda event: watch(event.progress)

"""What a run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from condensery.protocols import Task, TaskOutcome


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        run: The run's id.
        stage: ``tasks``, ``tables``, ``claims``, ``figures``, ``report`` or ``done``.
        finished: Tasks that have ended.
        tasks: All tasks of the run.
        fraction: Share of the tasks' work that is done, in [0, 1], with their relative
            costs as weights.
        label: The task or the part of the stage that this is about.
    """

    run: str
    stage: str
    finished: int
    tasks: int
    fraction: float
    label: str = ""


Watcher = Callable[[Progress], None]
"""``watch(progress)`` is called in the process of the caller at every change; what it
does is its own affair.
"""


class Meter:
    """Adds up the fractions of a run's tasks and tells the watcher."""

    def __init__(
        self, run: str, tasks: Sequence[Task], finished: set[str], watch: Watcher | None
    ) -> None:
        self._run, self._watch = run, watch
        self._cost = {task.hash: max(task.cost, 0.0) for task in tasks}
        self._label = {task.hash: task.label or task.function for task in tasks}
        self._share = {name: float(name in finished) for name in self._cost}
        self._ended = {name for name in self._cost if name in finished}
        if self._cost:
            self.tell("tasks")

    def advance(self, name: str, fraction: float) -> None:
        """Task `name` has done this fraction of its work."""
        self._share[name] = min(max(fraction, 0.0), 1.0)
        self.tell("tasks", self._label[name])

    def end(self, outcome: TaskOutcome) -> None:
        """A task has ended, well or not."""
        name = outcome.task.hash
        self._ended.add(name)
        self._share[name] = 1.0
        self.tell("tasks", self._label[name])

    def tell(self, stage: str, label: str = "") -> None:
        """Call the watcher, if there is one."""
        if self._watch is None:
            return
        total = sum(self._cost.values())
        done = sum(self._cost[name] * share for name, share in self._share.items())
        fraction = done / total if total > 0 else 1.0
        self._watch(
            Progress(
                self._run, stage, len(self._ended), len(self._cost), fraction, label
            )
        )

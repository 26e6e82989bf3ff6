"""Events of a run, for whoever listens while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from condensery.records import RunStatus


@dataclass(frozen=True, eq=False)
class Progress:
    """State of a run.

    Attributes:
        run: Id of the run.
        stage: ``tasks``, ``tables``, ``claims``, ``figures``, ``report`` or ``done``.
        finished: Tasks that have ended.
        tasks: All tasks of the run.
        fraction: Share of the tasks' work that is done, in [0, 1], with their relative
            costs as weights.
        label: The task, or the item of the stage, that this is about.
        shown: Arrays that the task showed with this report; mostly none.
    """

    run: str
    stage: str
    finished: int
    tasks: int
    fraction: float
    label: str = ""
    shown: Mapping[str, np.ndarray] = field(default_factory=dict)


Watcher = Callable[[Progress], None]
"""``watch(progress)`` is called in the thread of the caller at every change."""


@dataclass(frozen=True)
class StageBegan:
    """A stage of the run began; `progress.stage` names it."""

    progress: Progress


@dataclass(frozen=True)
class TaskStarted:
    """A worker took a task.

    Attributes:
        task: Hash of the task.
        progress: State of the run.
    """

    task: str
    progress: Progress


@dataclass(frozen=True)
class TaskProgressed:
    """A task reported its progress.

    Attributes:
        task: Hash of the task.
        fraction: Share of its work that is done, in [0, 1].
        progress: State of the run.
    """

    task: str
    fraction: float
    progress: Progress


@dataclass(frozen=True, eq=False)
class TaskShown:
    """A task showed arrays while it runs.

    Attributes:
        task: Hash of the task.
        shown: The arrays by name.
        progress: State of the run.
    """

    task: str
    shown: Mapping[str, np.ndarray]
    progress: Progress


@dataclass(frozen=True)
class TaskFinished:
    """A task ended well and its arrays are stored.

    Attributes:
        task: Hash of the task.
        seconds: Time it took.
        progress: State of the run.
    """

    task: str
    seconds: float
    progress: Progress


@dataclass(frozen=True)
class TaskFailed:
    """A task ended with an error; the other tasks go on.

    Attributes:
        task: Hash of the task.
        error: A line that says what happened, then the traceback.
        progress: State of the run.
    """

    task: str
    error: str
    progress: Progress


@dataclass(frozen=True)
class RunFinished:
    """The run ended; the last event.

    Attributes:
        status: Status of the run, or ``refused`` if nothing was written.
        error: One line that says why it did not reach its end, else empty.
        progress: State of the run.
    """

    status: RunStatus | Literal["refused"]
    error: str
    progress: Progress


Event = (
    StageBegan
    | TaskStarted
    | TaskProgressed
    | TaskShown
    | TaskFinished
    | TaskFailed
    | RunFinished
)
"""What `condensery.workbench.Running.events` yields."""

Listener = Callable[[Event], None]

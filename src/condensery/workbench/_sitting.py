"""One sitting of a run: from the tasks that are left to the report."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel

from condensery._errors import CondenseryError, DiskError, TaskFailedError
from condensery.protocols import Experiment, Runner, Store, Task, TaskOutcome
from condensery.records import Claim, RunConfig, RunStatus
from condensery.workbench._events import Event, Listener
from condensery.workbench._finish import FAILURES, ended_status, finish
from condensery.workbench._opened import resume_command
from condensery.workbench._progress import Meter


class RunInterrupted(KeyboardInterrupt):
    """A run was stopped: what had finished is kept, and `resume` goes on from there.

    Attributes:
        run: The id of the interrupted run.
    """

    def __init__(self, run: str, root: Path, message: str = "") -> None:
        self.run = run
        command = resume_command(run, root)
        interrupted = f"run {run} was interrupted; go on with: {command}"
        super().__init__(message or interrupted)


class RunFailedError(TaskFailedError):
    """Tasks of a run failed after the others had finished.

    Attributes:
        run: The id of the run.
    """

    def __init__(self, run: str, message: str) -> None:
        self.run = run
        super().__init__(message)


@dataclass(frozen=True)
class Work:
    """Everything that carrying out a run needs, but for the store.

    Attributes:
        experiment: The experiment.
        model: Its configuration.
        config: The record that names the run.
        ordered: Tasks in the order of the experiment.
        runner: Where the tasks are computed.
        shows: Whether anybody looks at what tasks show while they run.
    """

    experiment: Experiment
    model: BaseModel
    config: RunConfig
    ordered: Sequence[Task]
    runner: Runner
    shows: bool

    @property
    def tasks(self) -> list[Task]:
        """Tasks to compute: two that are equal are computed once."""
        return list({task.hash: task for task in self.ordered}.values())


def to_the_end(
    store: Store, work: Work, listener: Listener, stop: threading.Event
) -> None:
    """Compute what is missing, make tables, claims, figures and report.

    Args:
        store: Open for writing; the run has been created in it.
        work: What there is to do.
        listener: Called with every event, in this thread.
        stop: Once it is set, the run ends early: workers at once, a stage that has
            begun first comes to its end.

    Raises:
        CondenseryError: If an experiment or a figure refuses to go on.
        RunFailedError: If tasks failed, or what follows them.
        RunInterrupted: If the run was stopped.
    """
    run, begun = work.config.run_id, time.monotonic()

    def end(status: RunStatus) -> None:
        store.set_status(run, status, seconds=time.monotonic() - begun)

    def hear(event: Event) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        listener(event)

    store.set_status(run, "unfinished", seconds=0.0)
    try:
        claims = _claims(store, work, hear, stop)
    except KeyboardInterrupt:
        end("interrupted")
        raise RunInterrupted(run, store.root) from None
    except RunFailedError:
        end("task failed")
        raise
    except Exception as error:
        details = "".join(traceback.format_exception(error))
        # The disk may be full; the first error is the one to raise.
        with suppress(Exception):
            store.put_file(run, FAILURES, details.encode())
        with suppress(Exception):
            end("task failed")
        if isinstance(error, DiskError):
            cause = error.but(resume_command(run, store.root))
            raise RunFailedError(run, f"run {run} stopped: {cause}") from error
        if isinstance(error, CondenseryError):
            raise
        cause = f"{type(error).__name__}: {error}"
        where = store.root / run / FAILURES
        message = f"run {run} failed while it was being finished: {cause}; see {where}"
        raise RunFailedError(run, message) from error
    end(ended_status(claims))


def _claims(
    store: Store, work: Work, listener: Listener, stop: threading.Event
) -> list[Claim]:
    run = work.config.run_id
    meter = _compute(store, work, listener, stop)
    shards = [store.shard(run, task) for task in work.ordered]
    sound = [shard for shard in shards if shard is not None]
    if len(sound) < len(shards):
        damaged = len(shards) - len(sound)
        message = f"{damaged} shards of run {run} were damaged while it ran; resume it"
        raise RunFailedError(run, message)
    return finish(store, work.experiment, work.model, work.config, sound, meter)


def _compute(
    store: Store, work: Work, listener: Listener, stop: threading.Event
) -> Meter:
    """Compute the tasks that have no sound shard.

    Raises:
        KeyboardInterrupt: If the run was stopped.
    """
    run, tasks = work.config.run_id, work.tasks
    finished = store.finished(run)
    meter = Meter(run, tasks, finished, listener)
    failures: list[TaskOutcome] = []

    def keep(outcome: TaskOutcome) -> None:
        if outcome.error:
            failures.append(outcome)
        else:
            task, seconds = outcome.task, outcome.seconds
            store.put_shard(run, task, outcome.arrays, seconds=seconds)
        meter.end(outcome)

    waiting = [task for task in tasks if task.hash not in finished]
    if waiting:
        work.runner.run(
            waiting,
            keep,
            meter.advance,
            on_start=meter.start,
            on_shown=meter.show if work.shows else None,
            stop=stop,
        )
    if stop.is_set():
        raise KeyboardInterrupt
    if failures:
        texts = "\n\n".join(map(_failure_text, failures))
        path = store.put_file(run, FAILURES, texts.encode())
        _give_up(store, run, tasks, failures, path)
    return meter


def _give_up(
    store: Store,
    run: str,
    tasks: Sequence[Task],
    failures: Sequence[TaskOutcome],
    path: Path,
) -> NoReturn:
    first = failures[0]
    label = first.task.label or first.task.function
    raise RunFailedError(
        run,
        f"{len(failures)} of {len(tasks)} tasks of run {run} failed, first {label}: "
        f"{first.error.splitlines()[0]}; all errors are in {path}; "
        f"fix the cause, then: {resume_command(run, store.root)}",
    )


def _failure_text(outcome: TaskOutcome) -> str:
    task = outcome.task
    call = f"{task.function} seed {task.seed} {task.parameters}"
    return f"task {task.hash} {task.label}\n{call}\n{outcome.error}\n"

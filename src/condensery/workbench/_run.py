"""Carrying out a run: configuration → tasks → shards → tables → claims → figures →
report.
"""

from __future__ import annotations

import shlex
import time
import traceback
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from condensery._errors import CondenseryError, InvalidInputError, TaskFailedError
from condensery.protocols import Experiment, Runner, Store, Task, TaskOutcome
from condensery.records import RunConfig, RunStatus
from condensery.runners.local import LocalRunner
from condensery.store import open_store
from condensery.workbench._configure import configure, validated
from condensery.workbench._finish import FAILURES, finish
from condensery.workbench._opened import Run, reopen
from condensery.workbench._progress import Meter, Watcher
from condensery.workbench._registry import Found, find

RUNNERS = ("local",)


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a run: what had finished is kept, and `resume` goes on
    from there.

    Attributes:
        run: The id of the interrupted run.
    """

    def __init__(self, run: str, root: Path) -> None:
        self.run = run
        super().__init__(
            f"run {run} was interrupted; go on with: condensery resume {run} --runs "
            f"{shlex.quote(str(root))}"
        )


class RunFailedError(TaskFailedError):
    """Tasks of a run failed after the others had finished.

    Attributes:
        run: The id of the run.
    """

    def __init__(self, run: str, message: str) -> None:
        self.run = run
        super().__init__(message)


def run(
    experiment: str,
    preset: str = "quick",
    runs: str | Path = "runs",
    runner: str = "local",
    workers: int | None = None,
    *,
    progress: Watcher | None = None,
    **overrides: Any,
) -> Run:
    """Run an experiment to its end, or reopen it if just this was run before.

    A run is named by a hash of its complete configuration, its data and its task
    version. What an interrupted or killed run had finished is not computed again, and
    the result is the same, bit for bit, for any number of workers.

    What cannot be used is refused with `InvalidInputError` before anything is written.
    If tasks fail, the others finish and are kept, then `TaskFailedError` is raised.
    Ctrl-C raises `RunInterrupted`, which says how to go on.

    Args:
        experiment: A registered name, or ``path/to/file.py:Name``.
        preset: ``quick`` (at most a minute on two cores) or ``paper`` (the published
            sizes, or close to them).
        runs: The folder that holds all runs.
        runner: ``local``: worker processes on this machine.
        workers: How many; by default one per processor.
        progress: Called with a `Progress` at every change.
        **overrides: Parameters of the experiment in place of the preset's.

    Example:
        >>> import condensery
        >>> condensery.run("phase-diagram", preset="quik")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: preset: given quik; allowed: quick, paper; did you mean quick?
    """
    found = find(experiment)
    model, config = configure(found, preset, overrides)
    return _carry_out(
        found, model, config, Path(runs), _runner(runner, workers), progress
    )


def resume(
    run: str,
    runs: str | Path = "runs",
    *,
    runner: str = "local",
    workers: int | None = None,
    progress: Watcher | None = None,
) -> Run:
    """Finish a run that was interrupted, killed, or whose tasks failed; one that has
    ended is reopened.

    A run that does not exist, or whose data or code have changed since it began, is
    refused with `InvalidInputError`; otherwise as for `run`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
        runner: ``local``.
        workers: How many worker processes; by default one per processor.
        progress: Called with a `Progress` at every change.
    """
    began = reopen(run, runs).config
    found = find(began.experiment)
    model = validated(found.experiment, began)
    _check_unchanged(began, found, model)
    return _carry_out(
        found, model, began, Path(runs), _runner(runner, workers), progress
    )


def _check_unchanged(began: RunConfig, found: Found, model: BaseModel) -> None:
    if found.task_version != began.task_version:
        raise _changed(
            began,
            "task version",
            f"{began.task_version} then, {found.task_version} now",
        )
    digest = found.experiment.data_digest(model)
    if digest != began.data_digest:
        raise _changed(
            began,
            "data",
            f"digest {began.data_digest or 'empty'} then, {digest or 'empty'} now",
        )


def _changed(began: RunConfig, what: str, given: str) -> InvalidInputError:
    return InvalidInputError(
        f"{what} of run {began.run_id}",
        given=given,
        allowed="what the run began with",
        remedy=f"start a new run: condensery run {shlex.quote(began.experiment)} "
        f"--preset {began.preset}",
    )


def _runner(name: str, workers: int | None) -> Runner:
    if name not in RUNNERS:
        raise InvalidInputError(
            "runner", given=name, allowed=", ".join(RUNNERS), remedy="leave it out"
        )
    return LocalRunner(workers=workers)


def _carry_out(
    found: Found,
    model: BaseModel,
    config: RunConfig,
    root: Path,
    runner: Runner,
    watch: Watcher | None,
) -> Run:
    tasks = list({task.hash: task for task in found.experiment.tasks(model)}.values())
    run = config.run_id
    if _is_complete(root, run, tasks):
        Meter(run, tasks, {task.hash for task in tasks}, watch).tell("done")
        return reopen(run, root)
    with closing(open_store(root, write=True)) as store:
        store.create_run(config, tasks)
        _to_the_end(store, found.experiment, model, config, tasks, runner, watch)
    return reopen(run, root)


def _is_complete(root: Path, run: str, tasks: Sequence[Task]) -> bool:
    """Whether there is nothing left to do; looked up without asking for the right to
    write.
    """
    try:
        opened = reopen(run, root)
        if (
            opened.status not in {"done", "claim failed"}
            or not opened.tables
            or not opened.claims
        ):
            return False
    except InvalidInputError:
        return False  # there is no such run yet, or a stored file of it is damaged
    wanted = {
        f"{spec.name}.{ending}"
        for spec in opened.figure_specs()
        for ending in ("png", "pdf")
    }
    if opened.report is None or not wanted <= {path.name for path in opened.figures}:
        return False
    with closing(open_store(root)) as store:
        return {task.hash for task in tasks} <= store.finished(run)


def _to_the_end(
    store: Store,
    experiment: Experiment,
    model: BaseModel,
    config: RunConfig,
    tasks: Sequence[Task],
    runner: Runner,
    watch: Watcher | None,
) -> None:
    run, begun = config.run_id, time.monotonic()

    def ends(status: RunStatus) -> None:
        store.set_status(run, status, seconds=time.monotonic() - begun)

    store.set_status(run, "unfinished", seconds=0.0)
    try:
        meter = _compute(store, run, tasks, runner, watch)
        shards = [store.shard(run, task) for task in experiment.tasks(model)]
        whole = [shard for shard in shards if shard is not None]
        if len(whole) < len(shards):
            raise RunFailedError(
                run,
                f"{len(shards) - len(whole)} shards of run {run} were damaged while "
                "it ran; resume it",
            )
        claims = finish(store, experiment, model, config, whole, meter)
    except KeyboardInterrupt:
        ends("interrupted")
        raise RunInterrupted(run, store.root) from None
    except RunFailedError:
        ends("task failed")
        raise
    except Exception as error:
        with suppress(
            Exception
        ):  # the disk may be full; the first error is the one to tell
            store.put_file(
                run, FAILURES, "".join(traceback.format_exception(error)).encode()
            )
            ends("task failed")
        if isinstance(error, CondenseryError):
            raise
        cause = f"{type(error).__name__}: {error}"
        where = store.root / run / FAILURES
        raise RunFailedError(
            run, f"run {run} failed while it was being finished: {cause}; see {where}"
        ) from error
    ends("claim failed" if any(claim.passed is False for claim in claims) else "done")
    meter.tell("done")


def _compute(
    store: Store, run: str, tasks: Sequence[Task], runner: Runner, watch: Watcher | None
) -> Meter:
    """Compute the tasks that have no whole shard.

    Raises:
        RunFailedError: If any of them failed, after the others have ended.
    """
    whole = store.finished(run)
    meter = Meter(run, tasks, whole, watch)
    failures: list[TaskOutcome] = []

    def keep(outcome: TaskOutcome) -> None:
        if outcome.error:
            failures.append(outcome)
        else:
            store.put_shard(run, outcome.task, outcome.arrays, seconds=outcome.seconds)
        meter.end(outcome)

    waiting = [task for task in tasks if task.hash not in whole]
    if waiting:
        runner.run(waiting, keep, meter.advance)
    if failures:
        path = store.put_file(
            run, FAILURES, "\n\n".join(map(_obituary, failures)).encode()
        )
        first = failures[0]
        what = first.task.label or first.task.function
        raise RunFailedError(
            run,
            f"{len(failures)} of {len(tasks)} tasks of run {run} failed, first {what}: "
            f"{first.error.splitlines()[0]}; all errors are in {path}; "
            f"mend the cause, then: condensery resume {run} --runs "
            f"{shlex.quote(str(store.root))}",
        )
    return meter


def _obituary(outcome: TaskOutcome) -> str:
    task = outcome.task
    return (
        f"task {task.hash} {task.label}\n{task.function} seed {task.seed} "
        f"{task.parameters}\n{outcome.error}\n"
    )

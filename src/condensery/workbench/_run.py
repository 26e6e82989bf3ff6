"""Starting, stopping and resuming a run: from its name to tables, claims, report."""

from __future__ import annotations

import shlex
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from condensery._errors import InvalidInputError
from condensery.protocols import Runner
from condensery.records import RunConfig
from condensery.runners import make
from condensery.store import open_store
from condensery.workbench._configure import configure, validated
from condensery.workbench._display import Shown, displaying
from condensery.workbench._earlier import warn_of_unused_work
from condensery.workbench._events import Event, Listener, RunFinished, Watcher
from condensery.workbench._extras import require_extras
from condensery.workbench._following import announcing, become_writer
from condensery.workbench._identity import tasks_of
from condensery.workbench._opened import (
    Run,
    is_from_file,
    reopen,
    resume_command,
)
from condensery.workbench._progress import Meter
from condensery.workbench._registry import Found, find
from condensery.workbench._rejudge import is_current
from condensery.workbench._running import Running
from condensery.workbench._sitting import RunInterrupted, Work, to_the_end
from condensery.workbench._trust import remember, source_of


def run(
    experiment: str,
    preset: str = "quick",
    runs: str | Path = "runs",
    runner: str = "local",
    workers: int | None = None,
    *,
    progress: Shown = "auto",
    **overrides: Any,
) -> Run:
    """Run an experiment to its end, or reopen it if just this was run before.

    A run is named by a hash of its complete configuration, its data and its code. What
    an interrupted or killed run had finished is not computed again, and the result is
    the same, bit for bit, for any number of workers. A run that another process is
    computing is followed to its end, with its progress.

    What cannot be used is refused with `InvalidInputError` before anything is written.
    If tasks fail, the others finish and are kept, then `TaskFailedError` is raised.
    Ctrl-C raises `RunInterrupted`, which says how to go on.

    Args:
        experiment: A registered name, or ``path/to/file.py:Name``.
        preset: ``quick`` (at most a minute on two cores) or ``paper`` (the published
            sizes, or close to them).
        runs: The folder that holds all runs.
        runner: ``local`` (worker processes on this machine), or the name of a runner
            that an installed package has added.
        workers: How many; by default one per processor.
        progress: ``"auto"`` for a bar on a terminal and a line in a notebook, None for
            nothing, or a function that is called with a `Progress` at every change, in
            this thread.
        **overrides: Parameters of the experiment in place of the preset's.

    Example:
        >>> import condensery
        >>> condensery.run("phase-diagram", preset="quik")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: preset: given quik; did you mean \
quick?; allowed: quick, paper
    """
    entry = find(experiment)
    model, config = configure(entry, preset, overrides)
    mover = make(runner, workers=workers)
    _remember(entry, Path(runs))
    with displaying(progress) as watch:
        listens = watch is not None
        running = _begin(entry, model, config, Path(runs), mover, listens=listens)
        return _wait(running, watch)


def start(
    experiment: str,
    preset: str = "quick",
    runs: str | Path = "runs",
    runner: str = "local",
    workers: int | None = None,
    **overrides: Any,
) -> Running:
    """Start a run and come back at once.

    What cannot be used is refused with `InvalidInputError` before anything is written;
    everything else is said by the events and the result of the run.

    Args:
        experiment: A registered name, or ``path/to/file.py:Name``.
        preset: ``quick`` or ``paper``.
        runs: The folder that holds all runs.
        runner: ``local``, or the name of a runner that an installed package has added.
        workers: How many; by default one per processor.
        **overrides: Parameters of the experiment in place of the preset's.

    Example:
        >>> import condensery
        >>> condensery.start("phase-diagram", runner="lokal")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: runner: given lokal; did you mean \
local?; allowed: local
    """
    entry = find(experiment)
    model, config = configure(entry, preset, overrides)
    mover = make(runner, workers=workers)
    _remember(entry, Path(runs))
    return _begin(entry, model, config, Path(runs), mover, listens=True)


def resume(
    run: str,
    runs: str | Path = "runs",
    *,
    runner: str = "local",
    workers: int | None = None,
    trust: bool = False,
    progress: Shown = "auto",
) -> Run:
    """Finish a run that was stopped or killed, or whose tasks failed.

    One that has ended is reopened. A run that does not exist, or whose data or code
    have changed since it began, is refused with `InvalidInputError`; otherwise as for
    `run`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
        runner: ``local``, or the name of a runner that an installed package has added.
        workers: How many worker processes; by default one per processor.
        trust: Whether the file of an experiment ``path.py:Name`` may be executed that
            was not executed here before; it is remembered.
        progress: As for `run`.
    """
    began = reopen(run, runs).config
    entry = _find_again(began, Path(runs), trust=trust)
    model = validated(entry.experiment, began)
    _check_unchanged(began, entry, model)
    mover = make(runner, workers=workers)
    with displaying(progress) as watch:
        listens = watch is not None
        running = _begin(entry, model, began, Path(runs), mover, listens=listens)
        return _wait(running, watch)


def _remember(entry: Found, root: Path) -> None:
    """A file that the user has named is one that the user trusts."""
    if entry.text:
        remember(Path(entry.name.rpartition(":")[0]), entry.text, root)


def _wait(running: Running, watch: Watcher | None) -> Run:
    """Hand the watcher what happens until the run ends; whatever is raised stops it.

    Raises:
        BaseException: Whatever the watcher raised, or ended the run.
        KeyboardInterrupt: Ctrl-C; a `RunInterrupted` if the run had begun.
    """
    try:
        for event in running.events():
            if watch is not None and _is_progress(event):
                watch(event.progress)
        return running.result()
    except KeyboardInterrupt as interrupt:
        running.stop()
        error = running.error
        if isinstance(error, RunInterrupted) and error is not interrupt:
            raise error from interrupt
        raise
    except BaseException:
        running.stop()
        raise


def _is_progress(event: Event) -> bool:
    return not isinstance(event, RunFinished) or event.progress.stage == "done"


def _find_again(began: RunConfig, root: Path, *, trust: bool) -> Found:
    """The experiment of a run; a file may have moved since.

    Raises:
        InvalidInputError: If it is not there any more.
    """
    path, _, name = began.experiment.rpartition(":")
    if began.source and not Path(path).is_file():
        raise InvalidInputError(
            f"file of run {began.run_id}",
            given=path,
            allowed="the file that the run began with",
            remedy=f"it has moved: condensery run NEW/PATH.py:{name} with the same "
            "settings goes on with this run",
        )
    if not is_from_file(began.experiment):
        return find(began.experiment)
    command = resume_command(began.run_id, root)
    text = source_of(began, root, trust=trust, command=command)
    return find(began.experiment, source=text)


def _check_unchanged(began: RunConfig, entry: Found, model: BaseModel) -> None:
    if entry.task_version != began.task_version:
        versions = f"{began.task_version} then, {entry.task_version} now"
        raise _changed(began, "task version", versions)
    digest = entry.experiment.data_digest(model)
    if digest != began.data_digest:
        digests = f"digest {began.data_digest or 'empty'} then, {digest or 'empty'} now"
        raise _changed(began, "data", digests)


def _changed(began: RunConfig, what: str, versions: str) -> InvalidInputError:
    name = shlex.quote(began.experiment)
    return InvalidInputError(
        f"{what} of run {began.run_id}",
        given=versions,
        allowed="what the run began with",
        remedy=f"start a new run: condensery run {name} --preset {began.preset}",
    )


def _begin(
    entry: Found,
    model: BaseModel,
    config: RunConfig,
    root: Path,
    runner: Runner,
    *,
    listens: bool,
) -> Running:
    tasks = tasks_of(entry.experiment, model, config)
    work = Work(entry.experiment, model, config, tasks, runner, shows=listens)

    def carry_out(listener: Listener, stop: threading.Event) -> Run:
        run = config.run_id
        if _is_complete(root, run, work):
            Meter(run, work.tasks, {task.hash for task in work.tasks}, listener)
            return reopen(run, root)
        require_extras(work.experiment)
        warn_of_unused_work(root, config, work.tasks)
        with closing(open_store(root, write=True)) as store:
            has_followed = become_writer(store, work, listener, stop)
            if not (has_followed and _is_complete(root, run, work)):
                announce = announcing(store, run)

                def hear(event: Event) -> None:
                    announce(event)
                    listener(event)

                store.create_run(config, work.tasks)
                to_the_end(store, work, hear, stop)
        return reopen(run, root)

    return Running(config.run_id, carry_out, listens=listens)


def _is_complete(root: Path, run: str, work: Work) -> bool:
    """Whether there is nothing left to do; looked up without the right to write."""
    try:
        opened = reopen(run, root)
        has_ended = opened.status in {"done", "claim failed"}
        if not has_ended or not opened.tables or not opened.claims:
            return False
        if not is_current(opened, work.experiment):
            return False
    except InvalidInputError:
        return False  # there is no such run yet, or a stored file of it is damaged
    names = {spec.name for spec in work.experiment.figures(work.model)}
    files = {f"{name}.{ending}" for name in names for ending in ("png", "pdf")}
    drawn = {path.name for path in opened.figures}
    if opened.report is None or not files <= drawn:
        return False
    with closing(open_store(root)) as store:
        if store.damaged(run):
            return False
        return {task.hash for task in work.tasks} <= store.finished(run)

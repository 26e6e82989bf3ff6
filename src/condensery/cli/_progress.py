"""Progress on standard error: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from condensery.workbench import Progress, Watcher

_LINE_INTERVAL = 2.0  # seconds between two lines of a log when tasks end
_QUIET = 15.0  # seconds after which a line says that a long task goes on


@contextmanager
def watching() -> Generator[Watcher]:
    """A watcher for the workbench that shows the progress it is called with."""
    if sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield _lines()


@contextmanager
def _bar() -> Generator[Watcher]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    line = bar.add_task("", total=1.0, stage="tasks")

    def watch(progress: Progress) -> None:
        stage = progress.stage
        if stage == "tasks":
            stage = f"{stage} {progress.finished}/{progress.tasks}"
        label, fraction = progress.label, progress.fraction
        bar.update(line, completed=fraction, description=label, stage=stage)

    bar.start()
    try:
        yield watch
    finally:
        bar.stop()


def _lines() -> Watcher:
    last_time, last_stage, last_finished = -_LINE_INTERVAL, "", -1

    def watch(progress: Progress) -> None:
        nonlocal last_time, last_stage, last_finished
        now = time.monotonic()
        waited = now - last_time
        is_due = waited >= _LINE_INTERVAL or progress.finished == progress.tasks
        ended = progress.finished != last_finished and is_due
        if progress.stage == last_stage and not ended and waited < _QUIET:
            return
        last_time, last_stage, last_finished = now, progress.stage, progress.finished
        count = ""
        if progress.stage == "tasks":
            count = f"{progress.finished}/{progress.tasks} ({progress.fraction:.0%})"
        name = f"run {progress.run}:" if progress.run else ""
        words = (name, progress.stage, count, progress.label)
        note(" ".join(word for word in words if word))

    return watch


@contextmanager
def steps() -> Generator[Callable[[str, float], None]]:
    """Shows a text and a fraction: a bar on a terminal, now and then a line
    elsewhere.
    """
    with watching() as watch:

        def show(text: str, fraction: float) -> None:
            label = f"{text} ({fraction:.0%})"
            watch(Progress("", "training", 0, 0, fraction, label))

        yield show


def note(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

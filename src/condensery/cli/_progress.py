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
    """A watcher for the workbench that shows what it is told."""
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

    shown = (
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Bar(*shown, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("", total=1.0, stage="tasks")

        def watch(told: Progress) -> None:
            count = f" {told.finished}/{told.tasks}" if told.stage == "tasks" else ""
            bar.update(
                line,
                completed=told.fraction,
                description=told.label,
                stage=f"{told.stage}{count}",
            )

        yield watch


def _lines() -> Watcher:
    last_time, last_stage, last_finished = -_LINE_INTERVAL, "", -1

    def watch(told: Progress) -> None:
        nonlocal last_time, last_stage, last_finished
        now = time.monotonic()
        waited = now - last_time
        ended = told.finished != last_finished and (
            waited >= _LINE_INTERVAL or told.finished == told.tasks
        )
        if told.stage == last_stage and not ended and waited < _QUIET:
            return
        last_time, last_stage, last_finished = now, told.stage, told.finished
        what = (
            f"{told.finished}/{told.tasks} ({told.fraction:.0%})"
            if told.stage == "tasks"
            else ""
        )
        whose = f"run {told.run}:" if told.run else ""
        note(" ".join(part for part in (whose, told.stage, what, told.label) if part))

    return watch


@contextmanager
def steps() -> Generator[Callable[[str, float], None]]:
    """Shows a text and a fraction: a bar on a terminal, now and then a line
    elsewhere.
    """
    with watching() as watch:

        def tell(text: str, fraction: float) -> None:
            watch(Progress("", "training", 0, 0, fraction, f"{text} ({fraction:.0%})"))

        yield tell


def note(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

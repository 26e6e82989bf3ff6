"""Progress on standard error: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from condensery.workbench import Progress, Watcher, bar

_LINE_INTERVAL = 10.0  # seconds between two lines of a log when tasks end
_QUIET = 30.0  # seconds after which a line says that a long task goes on


@contextmanager
def watching() -> Generator[Watcher]:
    """A watcher for the workbench that shows the progress it is called with."""
    if sys.stderr.isatty():
        with bar() as watch:
            yield watch
    else:
        yield _lines()


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

"""How a run shows its progress: a bar on a terminal, a line in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Literal

from condensery._errors import InvalidInputError
from condensery.workbench._events import Progress, Watcher
from condensery.workbench._wording import duration

_INTERVAL = 0.25
"""Seconds between two changes of the line in a notebook."""
_NOTEBOOK_SHELL = "ZMQInteractiveShell"

Shown = Watcher | Literal["auto"] | None
"""A watcher; ``"auto"`` for a bar on a terminal and a line in a notebook, and nothing
elsewhere; None for nothing.
"""


@contextmanager
def displaying(progress: Shown) -> Generator[Watcher | None]:
    """The watcher that a run calls.

    Raises:
        InvalidInputError: If it is neither a watcher nor ``"auto"``.
    """
    if progress is None or callable(progress):
        yield progress
    elif progress != "auto":
        raise InvalidInputError(
            "progress",
            given=progress,
            allowed='"auto", None or a function of a Progress',
            remedy='leave it out to have "auto"',
        )
    elif _is_notebook():
        yield _notebook_line()
    elif sys.stderr.isatty():
        with bar() as watch:
            yield watch
    else:
        yield None


@contextmanager
def bar() -> Generator[Watcher]:
    """A watcher that draws a bar on standard error, with the time gone and left."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.fields[stage]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[clock]}"),
        TextColumn("{task.description}", markup=False),
    )
    drawn = Bar(*columns, console=Console(stderr=True), transient=True)
    line = drawn.add_task("", total=1.0, stage="tasks", clock="")
    clock = Clock()

    def watch(progress: Progress) -> None:
        drawn.update(
            line,
            completed=progress.fraction,
            description=progress.label,
            stage=_stage(progress),
            clock=clock(progress.fraction),
        )

    drawn.start()
    try:
        yield watch
    finally:
        drawn.stop()


class Clock:
    """Time gone and left, from the share of the work that is done.

    What had been done before the first call took no time of this sitting.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._begun = now()
        self._before: float | None = None

    def __call__(self, fraction: float) -> str:
        """Text such as ``12.0 s, 48.0 s left``."""
        if self._before is None:
            self._before = fraction
        gone = self._now() - self._begun
        done = fraction - self._before
        text = duration(gone)
        if done <= 0 or fraction >= 1:
            return text
        left = gone * (1 - fraction) / done
        return f"{text}, {duration(left)} left"


def _stage(progress: Progress) -> str:
    if progress.stage != "tasks":
        return progress.stage
    return f"tasks {progress.finished}/{progress.tasks}"


def _is_notebook() -> bool:
    """Whether a notebook's kernel runs this."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == _NOTEBOOK_SHELL


def _notebook_line() -> Watcher:
    """A watcher that changes one line below the cell."""
    display: Any = sys.modules["IPython"].display.display
    shown = display(_line("begins"), raw=True, display_id=True)
    clock = Clock()
    last_time, last_stage = -_INTERVAL, ""

    def watch(progress: Progress) -> None:
        nonlocal last_time, last_stage
        now = time.monotonic()
        if progress.stage == last_stage and now - last_time < _INTERVAL:
            return
        last_time, last_stage = now, progress.stage
        share, text = f"{progress.fraction:.0%}", clock(progress.fraction)
        words = (_stage(progress), share, text, progress.label)
        shown.update(_line("  ".join(word for word in words if word)), raw=True)

    return watch


def _line(text: str) -> dict[str, str]:
    return {"text/plain": text}

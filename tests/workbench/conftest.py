"""A runner that computes in this process, in an order of its own, and fails or is
interrupted when it is told to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from condensery._reference import load
from condensery.protocols import Arrays, Task, TaskOutcome
from condensery.workbench import _registry, _run

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"


@dataclass
class Inline:
    """Implements `condensery.protocols.Runner` without processes."""

    reverse: bool = False
    interrupt_after: int | None = None
    fail: set[int] = field(default_factory=set)
    ran: list[Task] = field(default_factory=list)
    shown_to: Callable[[str, Arrays], None] | None = None

    def run(
        self,
        tasks: Sequence[Task],
        on_outcome: Callable[[TaskOutcome], None],
        on_progress: Callable[[str, float], None],
        *,
        on_start: Callable[[str], None] | None = None,
        on_shown: Callable[[str, Arrays], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.shown_to = on_shown

        def advance(task, text, fraction, *, shown=None):
            on_progress(task, fraction)
            if shown and on_shown is not None:
                on_shown(task, shown)

        for index, task in enumerate(reversed(tasks) if self.reverse else tasks):
            if index == self.interrupt_after:
                raise KeyboardInterrupt
            self.ran.append(task)
            if on_start is not None:
                on_start(task.hash)
            if index in self.fail:
                on_outcome(
                    TaskOutcome(
                        task=task,
                        error=f"ValueError: told to fail at {index}\nthe traceback",
                    )
                )
                continue
            report = partial(advance, task.hash)
            arrays = load(task.function)(task.parameters, task.seed, report)
            on_outcome(
                TaskOutcome(
                    task=task,
                    arrays={name: np.asarray(array) for name, array in arrays.items()},
                    seconds=1.0,
                )
            )


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """What `run` and `resume` use in place of worker processes."""
    inline = Inline()
    monkeypatch.setattr(_run, "make", lambda name, **options: inline)
    return inline


@pytest.fixture
def only_tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny experiment as the only registered one; returns its name."""
    monkeypatch.setattr(_registry, "registered", lambda: {"tiny": TINY})
    return "tiny"

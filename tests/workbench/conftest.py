"""A runner that computes in this process, in an order of its own, and fails or is
interrupted when it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from condensery._reference import load
from condensery.protocols import Task, TaskOutcome
from condensery.workbench import _registry, _run

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"


@dataclass
class Inline:
    """Implements `condensery.protocols.Runner` without processes."""

    reverse: bool = False
    interrupt_after: int | None = None
    fail: set[int] = field(default_factory=set)
    ran: list[Task] = field(default_factory=list)

    def run(
        self,
        tasks: Sequence[Task],
        on_outcome: Callable[[TaskOutcome], None],
        on_progress: Callable[[str, float], None],
    ) -> None:
        for place, task in enumerate(reversed(tasks) if self.reverse else tasks):
            if place == self.interrupt_after:
                raise KeyboardInterrupt
            self.ran.append(task)
            if place in self.fail:
                on_outcome(
                    TaskOutcome(
                        task=task,
                        error=f"ValueError: told to fail at {place}\nthe traceback",
                    )
                )
                continue
            arrays = load(task.function)(
                task.parameters,
                task.seed,
                lambda text, part, name=task.hash: on_progress(name, part),
            )
            on_outcome(
                TaskOutcome(
                    task=task,
                    arrays={name: np.asarray(one) for name, one in arrays.items()},
                    seconds=1.0,
                )
            )


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """What `run` and `resume` use in place of worker processes."""
    inline = Inline()
    monkeypatch.setattr(_run, "LocalRunner", lambda workers=None: inline)
    return inline


@pytest.fixture
def only_tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny experiment as the only registered one; returns its name."""
    monkeypatch.setattr(_registry, "registered", lambda: {"tiny": TINY})
    return "tiny"

"""Figures as bytes, drawn from the stored tables; several are drawn side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import JsonValue

from condensery._errors import TaskFailedError
from condensery.protocols import Advance, Arrays, Task, TaskOutcome
from condensery.records import FigureSpec
from condensery.store import open_store
from condensery.workbench._opened import plot_of

_IN_THIS_PROCESS = 2
"""So few figures are drawn before new processes would have imported matplotlib."""


def draw_all(
    root: Path, run: str, specs: Sequence[FigureSpec]
) -> list[dict[str, bytes]]:
    """Of each figure the file contents by ending: png, pdf, and gif where it is
    animated.

    Raises:
        TaskFailedError: A figure could not be drawn; the message names it.
    """
    tasks = [_task(root, run, spec) for spec in specs]
    if len(tasks) <= _IN_THIS_PROCESS:
        return [_drawn_here(task) for task in tasks]
    from condensery.runners import LocalRunner

    drawn: dict[str, dict[str, bytes]] = {}

    def keep(outcome: TaskOutcome) -> None:
        if outcome.error:
            raise TaskFailedError(
                f"figure {outcome.task.label} could not be drawn: {outcome.error}"
            )
        drawn[outcome.task.hash] = _as_bytes(outcome.arrays)

    # Always on this machine, whatever runner computed the tasks: a figure is drawn from
    # the tables in the runs folder, which another machine need not see, and takes less
    # time than sending them there.
    LocalRunner().run(tasks, keep, lambda *_: None)
    return [drawn[task.hash] for task in tasks]


def _task(root: Path, run: str, spec: FigureSpec) -> Task:
    return Task(
        function=f"{__name__}:draw_one",
        parameters={
            "root": str(root.absolute()),
            "run": run,
            "spec": spec.model_dump(mode="json"),
        },
        label=spec.name,
    )


def _drawn_here(task: Task) -> dict[str, bytes]:
    arrays = draw_one(task.parameters, task.seed, _unheard)
    return _as_bytes(arrays)


def _unheard(text: str, fraction: float, *, shown: Arrays | None = None) -> None:
    """Drop what a figure reports: it is drawn in a moment."""


def _as_bytes(arrays: Arrays) -> dict[str, bytes]:
    return {ending: content.tobytes() for ending, content in arrays.items()}


def draw_one(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """One figure: a task like any other, so that the local runner can draw several at
    once.

    Args:
        parameters: root and run (where the tables are), spec (of the figure).
        seed: Not used; nothing in a figure is random.
        advance: Not called: a figure is drawn in a moment.

    Returns:
        File contents by ending, as bytes in arrays.
    """
    from condensery.plots import render

    spec = FigureSpec.model_validate(parameters["spec"])
    module = plot_of(spec)
    root = Path(str(parameters["root"]))
    run = str(parameters["run"])
    with open_store(root) as store:
        tables = store.tables(run)
    data = module.figure_data(tables, **spec.options)
    figure = module.draw(data)
    files = {ending: render(figure, ending) for ending in ("png", "pdf")}
    if spec.animated:
        with TemporaryDirectory(prefix="condensery-") as folder:
            path = Path(folder, "animation.gif")
            module.animate(data, path)
            files["gif"] = path.read_bytes()
    return {
        ending: np.frombuffer(content, np.uint8) for ending, content in files.items()
    }

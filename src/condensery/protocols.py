"""The seams between the parts: what a task, a runner, a store, a probe, a sink and an
experiment are.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, Field, JsonValue

from condensery.records import (
    Claim,
    FigureSpec,
    Record,
    RunConfig,
    RunStatus,
    RunSummary,
    Statement,
    Table,
    digest,
)

Arrays = Mapping[str, np.ndarray]

LARGEST_SHOWN = 2**16
"""Bytes that a task may show at once: 8192 numbers, more than a plot has pixels across.
At ten reports a second a task sends at most two thirds of a megabyte."""


@runtime_checkable
class Advance(Protocol):
    """Progress callback of a task.

    A task calls it as often as it likes, also at every step; what comes too soon after
    the last report (less than a tenth of a second) is dropped. What a task shows is for
    whoever looks at it at that moment: nothing is stored, it is dropped where nobody
    listens, and results never depend on it. Arrays of more than 64 KiB together, and
    dtypes that a task could not return, are dropped with a warning; the task goes on.

    Example:
        >>> def train(parameters, seed, advance):
        ...     for step in range(3):
        ...         loss = np.array([0.5**step])
        ...         advance(f"step {step}", step / 2, shown={"loss": loss})
        ...     return {"loss": loss}
        >>> def advance(text, fraction, *, shown=None):
        ...     print(text, fraction, shown["loss"])
        >>> train({}, 0, advance)["loss"]
        step 0 0.0 [1.]
        step 1 0.5 [0.5]
        step 2 1.0 [0.25]
        array([0.25])
    """

    def __call__(
        self, text: str, fraction: float, *, shown: Arrays | None = None
    ) -> None:
        """Report.

        Args:
            text: What the task is at, for a person.
            fraction: Share of its work that is done, in [0, 1].
            shown: Small arrays to show, by name.
        """
        ...


class Source(Record):
    """Text of the Python file in which the function of a task is.

    A worker computes the task from it and needs no file: a file that is edited while a
    run goes on changes nothing, and a worker elsewhere need not have it. Modules that
    the file imports have to be there.
    """

    text: str

    @property
    def digest(self) -> str:
        """Sixteen hex digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


class Task(Record):
    """A module-level function, JSON parameters and a seed.

    It is pure, independent of every other task, and run at most once.

    Attributes:
        function: ``package.module:name`` or ``path/to/file.py:name`` of
            ``name(parameters, seed, advance) -> Arrays``.
        parameters: Its JSON parameters, complete.
        seed: Its seed.
        version: The experiment's version of its tasks; part of the hash, so that
            changed code never meets old shards.
        cost: Relative work; runners start the costly ones first. Not part of the hash.
        label: What a person sees while it runs. Not part of the hash.
        source: Text of the file, where the function is in one; its digest stands for
            the path of the file in the hash. The workbench adds it.
        stand_ins: Texts among the parameters that are paths of data, each with what
            stands for it in the hash. The workbench adds them.
    """

    function: str
    parameters: dict[str, JsonValue]
    seed: int = 0
    version: str = "1"
    cost: float = 1.0
    label: str = ""
    source: Source | None = None
    stand_ins: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Sixteen hex digits that name the task's shard; they depend on no path."""
        left_out = {"cost", "label", "source", "stand_ins"}
        content = self.model_dump(mode="json", exclude=left_out)
        if self.source is not None:
            name = self.function.rpartition(":")[2]
            content["function"] = f"{self.source.digest}:{name}"
        if self.stand_ins:
            content["parameters"] = _replaced(content["parameters"], self.stand_ins)
        return digest(content)


def _replaced(value: JsonValue, stand_ins: Mapping[str, JsonValue]) -> JsonValue:
    match value:
        case dict():
            return {key: _replaced(item, stand_ins) for key, item in value.items()}
        case list():
            return [_replaced(item, stand_ins) for item in value]
        case str():
            return stand_ins.get(value, value)
        case _:
            return value


class TaskOutcome(Record):
    """What a runner hands back for one task: its arrays, or the text of the exception
    that ended it.
    """

    task: Task
    arrays: dict[str, np.ndarray] = Field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0


@runtime_checkable
class Runner(Protocol):
    """Moves tasks to where they are computed and hands each outcome back.

    It knows nothing else. `condensery.runners.make` makes one by its name.
    """

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
        """Run every task.

        All functions are called in the thread that called `run`. A task that raises is
        an outcome with `error`; the others go on. An exception of one of the functions,
        or KeyboardInterrupt, ends the workers before it propagates.

        Args:
            tasks: Tasks to compute; their order is that of the experiment.
            on_outcome: Called once per task, in order of completion.
            on_progress: Called with the hash of a task and a fraction, now and then.
            on_start: Called with the hash of a task when a worker takes it.
            on_shown: Called with the hash of a task and what it shows; without it
                nothing that tasks show leaves the workers.
            stop: Once it is set the workers end and `run` returns soon (within a second
                on this machine); tasks under way have no outcome.
        """
        ...


@runtime_checkable
class Store(Protocol):
    """The only writer below a runs folder.

    Any number of processes read and write it; of one run there is one writer.
    """

    root: Path

    def create_run(self, config: RunConfig, tasks: Sequence[Task]) -> None:
        """Make the run's folder and ledger rows; does nothing to what is there
        already.
        """
        ...

    def config(self, run: str) -> RunConfig:
        """The configuration of a run; raises `InvalidInputError` for an unknown one."""
        ...

    def runs(self) -> list[RunSummary]:
        """All runs, newest first."""
        ...

    def resolve(self, run: str) -> str:
        """The full run id that a unique prefix or ``last`` names; raises
        `InvalidInputError`.
        """
        ...

    def put_shard(
        self, run: str, task: Task, arrays: Arrays, *, seconds: float
    ) -> None:
        """Store a task's arrays, immutable, atomically, with their checksum in the
        ledger.
        """
        ...

    def shard(self, run: str, task: Task) -> dict[str, np.ndarray] | None:
        """A finished task's arrays, or None; a torn or altered shard is named in a
        warning, set aside, and None.
        """
        ...

    def finished(self, run: str) -> set[str]:
        """Hashes of the tasks whose shards are whole."""
        ...

    def put_table(self, run: str, name: str, table: Table) -> None:
        """Store one table atomically."""
        ...

    def tables(self, run: str) -> dict[str, Table]:
        """All tables of a run."""
        ...

    def put_claims(self, run: str, claims: Sequence[Claim]) -> None:
        """Store the claims atomically."""
        ...

    def claims(self, run: str) -> list[Claim]:
        """The claims of a run."""
        ...

    def put_file(self, run: str, name: str, content: bytes) -> Path:
        """Store a report or a figure (``figures/x.png``) atomically; returns its
        path.
        """
        ...

    def set_status(self, run: str, status: RunStatus, *, seconds: float) -> None:
        """Record how the run stands, adding `seconds` to what it has cost so far."""
        ...

    def close(self) -> None:
        """Let the next writers of its runs in."""
        ...


@runtime_checkable
class Probe(Protocol):
    """Measures a host snapshot of an ensemble between compiled chunks; never changes
    training.

    `snapshot` holds the parameters with a leading member axis; what is returned is
    stacked over the probed steps.
    """

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """Measure one snapshot."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Receives measures while a user's own model trains."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Record the values of one step."""
        ...

    def close(self) -> None:
        """Flush and release."""
        ...


@runtime_checkable
class Experiment(Protocol):
    """One phenomenon of the field: declares its configuration, tasks, tables, claims
    and figures; runs nothing.

    Importing the module that defines it loads no framework; task functions import
    engine or torch inside their bodies.
    """

    name: str
    title: str
    summary: str
    papers: tuple[str, ...]
    task_version: str
    Config: type[BaseModel]
    presets: Mapping[str, Mapping[str, JsonValue]]

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What is claimed, before anything is run."""
        ...

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the data the tasks will read (empty where there is none); raises
        `InvalidInputError` early.
        """
        ...

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """The independent tasks of a configuration: pure, the same list every time."""
        ...

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """The tables, computed once from the shards (in the order of `tasks`)."""
        ...

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """One claim per statement that this configuration can judge."""
        ...

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The figures of this configuration."""
        ...

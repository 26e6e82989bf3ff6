"""The seams between the parts: what a task, a runner, a store, a probe, a sink and an
experiment are.
"""

from __future__ import annotations

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
Advance = Callable[[str, float], None]
"""A task reports progress with ``advance(text, fraction)``; `fraction` in [0, 1]."""


class Task(Record):
    """A module-level function, JSON parameters and a seed: pure, independent of every
    other task, run at most once.

    Attributes:
        function: ``package.module:name`` or ``path/to/file.py:name`` of
            ``name(parameters, seed, advance) -> Arrays``.
        parameters: Its JSON parameters, complete.
        seed: Its seed.
        version: The experiment's version of its tasks; part of the hash, so that
            changed code never meets old shards.
        cost: Relative work; runners start the costly ones first. Not part of the hash.
        label: What a person sees while it runs. Not part of the hash.
    """

    function: str
    parameters: dict[str, JsonValue]
    seed: int = 0
    version: str = "1"
    cost: float = 1.0
    label: str = ""

    @property
    def hash(self) -> str:
        """Sixteen hex digits that name the task's shard."""
        return digest(self.model_dump(mode="json", exclude={"cost", "label"}))


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
    """Moves tasks to where they are computed and hands each outcome back; it knows
    nothing else.
    """

    def run(
        self,
        tasks: Sequence[Task],
        on_outcome: Callable[[TaskOutcome], None],
        on_progress: Callable[[str, float], None],
    ) -> None:
        """Run every task; call `on_outcome` in this process once per task, in order of
        completion.

        `on_progress(task_hash, fraction)` is called now and then. A task that raises is
        an outcome with `error`; the others go on. KeyboardInterrupt stops the workers
        before it propagates.
        """
        ...


@runtime_checkable
class Store(Protocol):
    """The only writer below a runs folder.

    Opened for writing by one process at a time, for reading by any number.
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
        """Release the writer's lock."""
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

"""An experiment, declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, JsonValue

from condensery.declare._claims import JudgedMeasure, Tables
from condensery.declare._tasks import Results, Work
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

C = TypeVar("C", bound=BaseModel)
S = TypeVar("S")
Makers = Mapping[str, Callable[[C, S], Table | None]]
Figures = Sequence[FigureSpec]
Presets = Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, kw_only=True)
class Declared(Generic[C]):
    """An experiment (`condensery.protocols.Experiment`), declared.

    Attributes:
        name: As it is typed.
        title: One line.
        summary: A paragraph.
        papers: BibTeX keys.
        task_version: Raised when the meaning of the tasks changes.
        Config: The configuration.
        presets: ``quick`` and ``paper``.
        work: The independent calls that a configuration asks for.
        makes: Name of each table to the function that makes it; it returns None where
            the configuration does not ask for the table.
        derives: Name of each table that is made of others (a median, a fit) to the
            function that makes it of the configuration and the tables before it.
        judges: The claims, in the order of the report.
        draws: The figures, or a function of the configuration that returns them.
        reads: Digest of the data that the tasks read; synthetic data need none.
    """

    name: str
    title: str
    summary: str
    papers: tuple[str, ...]
    task_version: str = "1"
    Config: type[C]
    presets: Presets
    work: Callable[[C], Iterable[Work]]
    makes: Makers[C, Results]
    derives: Makers[C, Tables] = field(default_factory=dict)
    judges: tuple[JudgedMeasure[Any], ...]
    draws: Figures | Callable[[C], Figures]
    reads: Callable[[C], str] = field(default=lambda _: "")

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What is claimed, before anything is run."""
        return tuple(judged.statement for judged in self.judges)

    def data_digest(self, config: C) -> str:
        """See `reads`."""
        return self.reads(config)

    def tasks(self, config: C) -> list[Task]:
        """The work as tasks."""
        settings = config.model_dump(mode="json")
        tasks = []
        for work in self.work(config):
            arguments = dict(work.arguments)
            task = Task(
                function=work.function.reference,
                parameters={"config": settings, "arguments": arguments},
                seed=work.seed,
                version=self.task_version,
                cost=work.cost,
                label=work.label,
            )
            tasks.append(task)
        return tasks

    def tables(self, config: C, shards: Sequence[Arrays]) -> dict[str, Table]:
        """All tables, from the arrays of the work in the order of `tasks`."""
        work = self.work(config)
        pairs = zip(work, shards, strict=True)
        results = Results(tuple(pairs))
        tables: dict[str, Table] = {}
        for name, make in self.makes.items():
            made = make(config, results)
            if made is not None:
                tables[name] = made
        for name, derive in self.derives.items():
            derived = derive(config, tables)
            if derived is not None:
                tables[name] = derived
        return tables

    def claims(self, config: C, tables: Tables) -> list[Claim]:
        """All claims, judged."""
        return [judged.judge(config, tables) for judged in self.judges]

    def figures(self, config: C) -> Figures:
        """The figures of a configuration."""
        if callable(self.draws):
            return self.draws(config)
        return self.draws

"""What an experiment is declared with: settings, tasks, results, tables and claims.

An experiment is a value, not a class. `Declared` holds a configuration, functions and
claims, and is what the workbench asks for (`condensery.protocols.Experiment`). Every
function takes what it needs by name and type: the configuration arrives as itself, the
parameters of a task as keywords, and a claim stands on the function that measures it.

Example:
    >>> from condensery.declare import Measured, at_most, claim, rows
    >>> table = rows({"seed": [0, 1]}, loss=[0.2, 0.1])
    >>> table["loss"].tolist()
    [0.2, 0.1]
    >>> @claim("small", "Losses end small.", at_most(0.5), paper="me", source="Fig. 1")
    ... def largest_loss(config, tables):
    ...     return Measured(float(tables["runs"]["loss"].max()))
    >>> largest_loss.statement.relation
    '<='
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import (
    Claim,
    FigureSpec,
    Record,
    Relation,
    Statement,
    Table,
)

__all__ = [
    "Count",
    "Declared",
    "Expected",
    "Exponent",
    "JudgedMeasure",
    "Measured",
    "Positive",
    "Results",
    "Settings",
    "Share",
    "Tables",
    "TaskFunction",
    "Work",
    "always",
    "at_least",
    "at_most",
    "between",
    "claim",
    "equal_to",
    "rows",
    "stack",
    "task",
    "within",
]

C = TypeVar("C", bound=BaseModel)
P = ParamSpec("P")
Tables = Mapping[str, Table]
"""The stored tables of a run, by name: all that claims and figures read."""

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[
    float,
    Field(
        gt=0.0,
        allow_inf_nan=False,
    ),
]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Exponent = Annotated[float, Field(ge=0.0, le=10.0)]


class Settings(Record):
    """The parameters of an experiment; the text below a field is its help.

    Example:
        >>> from condensery.declare import Count, Settings
        >>> class Config(Settings):
        ...     width: Count = 100
        ...     '''Number of units.'''
        >>> Config(width=20).width
        20
    """

    model_config = ConfigDict(use_attribute_docstrings=True)


# ---------------------------------------------------------------------------- tasks


@dataclass(frozen=True)
class TaskFunction(Generic[C, P]):
    """A function that workers compute, made by `task`.

    Attributes:
        function: ``function(config, seed, advance, **arguments) -> arrays``.
        config: The configuration that it takes first.
    """

    function: Callable[Concatenate[C, int, Advance, P], Arrays]
    config: type[C]

    def __call__(
        self, parameters: Mapping[str, Any], seed: int, advance: Advance
    ) -> Arrays:
        """What a runner calls: JSON in, arrays out."""
        config = self.config.model_validate(parameters["config"])
        arguments: Any = parameters["arguments"]
        # pyrefly: ignore[invalid-param-spec]
        return self.function(config, seed, advance, **arguments)

    def work(
        self,
        label: str,
        cost: float,
        seed: int = 0,
        /,
        *_: P.args,
        **arguments: P.kwargs,
    ) -> Work:
        """One call of the function, to be made later in a worker.

        Args:
            label: What a person sees while it runs.
            cost: Relative work; runners start the costly calls first.
            seed: The seed that the function receives.
            *_: Nothing: the parameters of a task are keywords.
            **arguments: The parameters, as JSON has them (numbers, texts, lists).
        """
        return Work(self, label, cost, arguments, seed)

    @property
    def reference(self) -> str:
        """How a worker process finds the function."""
        module = sys.modules[self.function.__module__]
        is_file = module.__name__.startswith("condensery_file_")
        home = module.__file__ if is_file else module.__name__
        return f"{home}:{self.function.__qualname__}"


def task(
    config: type[C],
) -> Callable[[Callable[Concatenate[C, int, Advance, P], Arrays]], TaskFunction[C, P]]:
    """Make a module-level function the function of tasks.

    Args:
        config: The configuration that the function takes first.

    Example:
        >>> from condensery.declare import Settings, task
        >>> class Config(Settings):
        ...     steps: int = 3
        >>> @task(Config)
        ... def count(config, seed, advance, *, stride):
        ...     return {"step": np.arange(0, config.steps, stride)}
        >>> call = {"config": {"steps": 5}, "arguments": {"stride": 2}}
        >>> count(call, 0, None)["step"]
        array([0, 2, 4])
    """
    return lambda function: TaskFunction(function, config)


@dataclass(frozen=True)
class Work:
    """One call of a task function.

    Attributes:
        function: The function.
        label: What a person sees while it runs.
        cost: Relative work.
        arguments: What the function receives beside configuration, seed and progress.
        seed: The seed.
    """

    function: TaskFunction[Any, ...]
    label: str
    cost: float
    arguments: Mapping[str, Any]
    seed: int = 0


@dataclass(frozen=True)
class Results:
    """The arrays of all work of a run, asked for by the function that made them."""

    pairs: tuple[tuple[Work, Arrays], ...]

    def calls(self, function: TaskFunction[Any, ...]) -> Iterator[tuple[Work, Arrays]]:
        """Every call of a function, with its seed, and its arrays; in their order."""
        for work, arrays in self.pairs:
            if work.function is function:
                yield work, arrays

    def of(
        self, function: TaskFunction[Any, ...]
    ) -> Iterator[tuple[Mapping[str, Any], Arrays]]:
        """Arguments and arrays of every call of a function, in the order of the
        work.
        """
        for work, arrays in self.calls(function):
            yield work.arguments, arrays

    def only(self, function: TaskFunction[Any, ...]) -> Arrays:
        """The arrays of a function that is called once.

        Raises:
            ValueError: If the work calls it never or more than once.
        """
        ((_, arrays),) = self.of(function)
        return arrays


# --------------------------------------------------------------------------- tables


def rows(axes: Mapping[str, ArrayLike], /, **columns: ArrayLike) -> dict[str, Any]:
    """The long form of arrays on a grid: one row per cell, with a column per axis.

    Args:
        axes: Name of each axis to its values; the last one varies fastest. Without
            axes there is one row.
        **columns: Arrays that NumPy broadcasts to the grid: of its shape, or one number
            or text for all cells.

    Example:
        >>> from condensery.declare import rows
        >>> axes = {"seed": [0, 1], "step": [1, 10]}
        >>> rows(axes, loss=[[4.0, 3.0], [2.0, 1.0]], optimiser="adam")["step"].tolist()
        [1, 10, 1, 10]
    """
    values = [np.asarray(points) for points in axes.values()]
    grid = np.meshgrid(*values, indexing="ij") if values else []
    shape = grid[0].shape if grid else (1,)
    filled = {name: np.broadcast_to(c, shape) for name, c in columns.items()}
    columns_of_grid = dict(zip(axes, grid, strict=True)) | filled
    return {name: column.ravel() for name, column in columns_of_grid.items()}


def stack(blocks: Iterable[Mapping[str, ArrayLike]], **units: str) -> Table:
    """One table of blocks with equal columns, one below the other.

    Args:
        blocks: Columns by name, as from `rows`; at least one block.
        **units: Column name to its unit or meaning.

    Raises:
        ValueError: If there is no block, or if the blocks differ in their columns.

    Example:
        >>> from condensery.declare import rows, stack
        >>> stack([rows({"step": [1]}, loss=2.0), rows({"step": [2]}, loss=1.0)])[
        ...     "loss"
        ... ]
        array([2., 1.])
    """
    listed = list(blocks)
    if not listed:
        raise ValueError("a table is stacked of at least one block")
    names = list(listed[0])
    for block in listed:
        if set(block) != set(names):
            raise ValueError(f"columns {sorted(block)} below columns {sorted(names)}")
    columns = {
        name: np.concatenate([np.asarray(block[name]) for block in listed])
        for name in names
    }
    return Table(columns=columns, units=units)


# --------------------------------------------------------------------------- claims


@dataclass(frozen=True)
class Expected:
    """What a measured value is compared with (see `condensery.records.Claim`).

    Attributes:
        relation: How it is compared.
        value: The number or the interval; None predicts nothing.
        tolerance: Slack of ``<=`` and ``>=``, half-width of ``within``.
    """

    relation: Relation
    value: float | tuple[float, float] | None
    tolerance: float | None = None


def at_most(value: float | None, *, slack: float | None = None) -> Expected:
    """At most `value` (plus `slack`); None predicts nothing."""
    return Expected("<=", value, slack)


def at_least(value: float | None, *, slack: float | None = None) -> Expected:
    """At least `value` (less `slack`); None predicts nothing."""
    return Expected(">=", value, slack)


def within(value: float | None, tolerance: float | None) -> Expected:
    """`value`, give or take `tolerance`; None predicts nothing."""
    return Expected("within", value, tolerance)


def equal_to(value: float | None) -> Expected:
    """Exactly `value`; None predicts nothing."""
    return Expected("equal", value)


def between(low: float, high: float) -> Expected:
    """In the closed interval from `low` to `high`."""
    return Expected("between", (low, high))


@dataclass(frozen=True)
class Measured:
    """What the measure of a claim returns.

    Attributes:
        value: The number; None where there was nothing to measure.
        note: What a reader of the claim should know.
        expected: Replaces the expectation of the claim where it depends on the run; its
            relation must be the one that was declared.
    """

    value: float | None
    note: str = ""
    expected: Expected | None = None


def always(_config: BaseModel) -> bool:
    """The statement speaks of every configuration."""
    return True


@dataclass(frozen=True)
class JudgedMeasure(Generic[C]):
    """A statement, what is expected, and the function that measures; made by `claim`.

    Attributes:
        statement: The sentence and its source.
        expected: What the measured value is compared with.
        when: Of which configurations the statement speaks.
        measure: ``measure(config, tables) -> Measured``.
    """

    statement: Statement
    expected: Expected
    when: Callable[[C], bool]
    measure: Callable[[C, Tables], Measured]

    def __call__(self, config: C, tables: Tables) -> Measured:
        """Measure, without judging."""
        return self.measure(config, tables)

    def judge(self, config: C, tables: Tables) -> Claim:
        """Measure, and judge where the statement speaks of this configuration.

        Raises:
            ValueError: If the measure answers with another relation than was declared.
        """
        measured = self.measure(config, tables)
        expected = measured.expected or self.expected
        if expected.relation != self.expected.relation:
            raise ValueError(
                f"claim {self.statement.id} was declared with "
                f"{self.expected.relation!r} and judged with {expected.relation!r}"
            )
        applies = self.when(config)
        notes = [measured.note]
        if not applies:
            notes.insert(0, "no prediction for this setting")
        return self.statement.check(
            measured.value,
            expected.value if applies else None,
            tolerance=expected.tolerance,
            note="; ".join(filter(None, notes)),
        )


def claim(
    name: str,
    statement: str,
    expected: Expected,
    *,
    paper: str,
    source: str,
    when: Callable[[C], bool] = always,
) -> Callable[[Callable[[C, Tables], Measured]], JudgedMeasure[C]]:
    """Claim a sentence on the function that measures it.

    Args:
        name: Id of the claim, unique within the experiment.
        statement: The sentence of the paper, in plain words.
        expected: `at_most`, `at_least`, `within`, `equal_to` or `between`.
        paper: BibTeX key.
        source: Where in the paper.
        when: Of which configurations the statement speaks; elsewhere the value is
            measured and nothing is judged.
    """
    sentence = Statement(
        id=name,
        paper=paper,
        statement=statement,
        relation=expected.relation,
        source=source,
    )
    return lambda measure: JudgedMeasure(sentence, expected, when, measure)


# ---------------------------------------------------------------------- experiments


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
    presets: Mapping[str, Mapping[str, JsonValue]]
    work: Callable[[C], Iterable[Work]]
    makes: Mapping[str, Callable[[C, Results], Table | None]]
    judges: tuple[JudgedMeasure[Any], ...]
    draws: Sequence[FigureSpec] | Callable[[C], Sequence[FigureSpec]]
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
        return [
            Task(
                function=work.function.reference,
                parameters={"config": settings, "arguments": dict(work.arguments)},
                seed=work.seed,
                version=self.task_version,
                cost=work.cost,
                label=work.label,
            )
            for work in self.work(config)
        ]

    def tables(self, config: C, shards: Sequence[Arrays]) -> dict[str, Table]:
        """All tables, from the arrays of the work in the order of `tasks`."""
        results = Results(tuple(zip(self.work(config), shards, strict=True)))
        made = {name: make(config, results) for name, make in self.makes.items()}
        return {name: table for name, table in made.items() if table is not None}

    def claims(self, config: C, tables: Tables) -> list[Claim]:
        """All claims, judged."""
        return [judged.judge(config, tables) for judged in self.judges]

    def figures(self, config: C) -> Sequence[FigureSpec]:
        """The figures of a configuration."""
        return self.draws(config) if callable(self.draws) else self.draws

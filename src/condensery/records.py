"""The records that pass between the parts: frozen, validated, written to JSON without
loss.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

FORMAT = 4
"""Form in which runs are stored; a newer one is refused in one line.

1: the first. 2: `RunConfig` carries its format, ``provenance.json`` digests and dates.
3: claims carry their kind. 4: ``experiment.json``, a manifest."""

Relation = Literal["<=", ">=", "within", "equal", "between"]
Kind = Literal["identity", "reproduction", "observation", "aim"]
"""What a claim is evidence of: a theorem, which tests the code; a printed number,
picture or sentence of a paper; a finding of this project; a bar that it set for itself.
"""
UNKNOWN = "unknown"
"""Kind of the stored claims of formats 1 and 2."""
RunStatus = Literal["unfinished", "done", "claim failed", "task failed", "interrupted"]


class Record(BaseModel):
    """A frozen record; unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        ser_json_inf_nan="strings",
    )


class Status(IntEnum):
    """How the training of one member of an ensemble ended.

    Tables store the number: a new one is appended, none is ever renumbered.
    """

    RUNNING = 0
    CONVERGED = 1
    OUT_OF_STEPS = 2
    OUT_OF_TIME = 3
    DIVERGED = 4
    AT_REST = 5

    @property
    def remedy(self) -> str:
        """What to change so that the member converges (empty when it did)."""
        return {
            Status.RUNNING: "resume the run",
            Status.CONVERGED: "",
            Status.OUT_OF_STEPS: "raise max_steps, or accept a larger loss",
            Status.OUT_OF_TIME: "raise max_time, or accept a larger loss",
            Status.DIVERGED: "lower the learning rate (descend) or the feature step "
            "eta (flow)",
            Status.AT_REST: "change the width, gamma or the data, or raise "
            "target_loss; more steps change nothing",
        }[self]

    @property
    def is_end(self) -> bool:
        """Whether the training is over, because it converged or came to rest: what it
        has come to is then an answer.
        """
        return self in {Status.CONVERGED, Status.AT_REST}

    @staticmethod
    def ends(codes: np.ndarray) -> np.ndarray:
        """`is_end` of numbers as tables store them."""
        return np.isin(codes, [int(Status.CONVERGED), int(Status.AT_REST)])


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text, so that hashes
    of it are stable.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def digest(value: object, *, length: int = 16) -> str:
    """First `length` hex digits of the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


@dataclass(frozen=True)
class DataPath:
    """Marks a parameter of a configuration that holds a path of data.

    The path is not part of a run's id, which holds the digest of the data: the same
    data elsewhere are the same run. The name of a data set in its place is part of it.
    Parameters of the type `pathlib.Path` need no mark.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import BaseModel
        >>> from condensery.records import DataPath
        >>> class Config(BaseModel):
        ...     data: Annotated[str, DataPath()] = "line"
    """


class RunConfig(Record):
    """What defines a run: equal configurations have equal ids and share one folder.

    Attributes:
        experiment: The registered name, or ``path/to/file.py:Name``.
        preset: ``quick`` or ``paper``.
        parameters: The experiment's complete configuration (no defaults are left out).
        data_digest: Digest of the data that the tasks read, empty where there is none.
        task_version: The experiment's own version of its tasks; raised when their
            meaning changes.
        source: Digest of the file that defines the experiment; it stands for the path
            of the file in the id. Empty for a registered experiment, and in runs that
            began before runs had it.
        stand_ins: Parameters that are paths of data, each with what stands for it in
            the id.
        format: Form of the run's folder; not part of the id, so that a run keeps it.
    """

    experiment: str
    preset: str
    parameters: dict[str, JsonValue]
    data_digest: str = ""
    task_version: str = "1"
    source: str = ""
    stand_ins: dict[str, JsonValue] = Field(default_factory=dict)
    format: int = FORMAT

    @property
    def run_id(self) -> str:
        """Sixteen hex digits that name the run and its folder; they hold no path."""
        not_hashed = {"source", "stand_ins", "format"}
        content = self.model_dump(mode="json", exclude=not_hashed)
        if self.source:
            name = self.experiment.rpartition(":")[2]
            content["experiment"] = f"{self.source}:{name}"
        content["parameters"] |= self.stand_ins
        return digest(content)


class Statement(Record):
    """A sentence of a paper that an experiment checks; declared statically, so that it
    is listed before it is run.

    Attributes:
        id: Short name, unique within the experiment (``"rd-critical"``).
        paper: BibTeX key in `condensery/workbench/refs.bib`.
        statement: The sentence, in plain words.
        relation: How `value` is compared with `expected` (see `Claim`).
        source: Where in the paper (``"Fig. 4"``).
        kind: What it is evidence of (`Kind`); `UNKNOWN` in claims of early formats.
    """

    id: str
    paper: str
    statement: str
    relation: Relation
    source: str
    kind: Kind | Literal["unknown"]

    def check(
        self,
        value: float | None,
        expected: float | tuple[float, float] | None,
        *,
        tolerance: float | None = None,
        note: str = "",
    ) -> Claim:
        """The claim that results from a measured value; `value=None` or `expected=None`
        makes `passed` null.

        Example:
            >>> from condensery.records import Statement
            >>> about = {"id": "angle", "paper": "me", "statement": "...", "source": ""}
            >>> s = Statement(**about, relation="within", kind="reproduction")
            >>> s.check(1.01, 1.0, tolerance=0.05).passed
            True
        """
        return Claim(
            **self.model_dump(),
            value=value,
            expected=expected,
            tolerance=tolerance,
            note=note,
            passed=_judge(self.relation, value, expected, tolerance),
        )


def _judge(
    relation: Relation,
    value: float | None,
    expected: float | tuple[float, float] | None,
    tolerance: float | None,
) -> bool | None:
    if value is None or expected is None:
        return None
    if not np.isfinite(value):
        return False
    if isinstance(expected, tuple):
        if relation != "between":
            raise ValueError(f"an interval goes with 'between', not {relation!r}")
        return bool(expected[0] <= value <= expected[1])
    slack = 0.0 if tolerance is None else tolerance
    compared: dict[str, bool] = {
        "<=": value <= expected + slack,
        ">=": value >= expected - slack,
        "within": abs(value - expected) <= slack,
        "equal": value == expected,
    }
    return compared[relation]


class Claim(Statement):
    """A statement with the measured value, the expected one, the tolerance and the
    verdict.

    `relation`: ``<=``, ``>=`` (slack: `tolerance`), ``within`` (absolute `tolerance`),
    ``equal``, ``between`` (the interval `expected`). `passed` is null where the claim
    was not run or no prediction exists. `needs` is what a run has to be of for the
    claim to be one of it; empty where it is.
    """

    value: float | None = None
    expected: float | tuple[float, float] | None = None
    tolerance: float | None = None
    note: str = ""
    passed: bool | None = None
    needs: str = ""


class FigureSpec(Record):
    """A figure of an experiment: which plot module draws it from the stored tables, and
    what one sees.

    Attributes:
        name: File stem (``figures/<name>.png``).
        plot: Import path of a module with ``figure_data(tables, **options)`` and
            ``draw(data, axes=None)``.
        caption: What the figure shows and what to look for, one or two sentences.
        options: Keyword arguments of ``figure_data``.
        animated: Whether the module also has ``animate(data, path)``; the result is
            ``figures/<name>.gif``.
    """

    name: str
    plot: str
    caption: str
    options: dict[str, JsonValue] = Field(default_factory=dict)
    animated: bool = False


class Table(Record):
    """Named columns with a common leading row axis.

    A column is a NumPy array of shape ``(row, ...)`` of bool, integer, float or text.

    Attributes:
        columns: Column name to array.
        units: Column name to unit or meaning, for those that need one.

    Example:
        >>> from condensery.records import Table
        >>> Table(columns={"width": [10, 20], "rd": [0.1, 0.2]}).select(width=20)["rd"]
        array([0.2])
    """

    columns: dict[str, np.ndarray]
    units: dict[str, str] = Field(default_factory=dict)

    @field_validator("columns", mode="before")
    @classmethod
    def _as_arrays(cls, columns: dict[str, Any]) -> dict[str, np.ndarray]:
        return {name: np.asarray(column) for name, column in columns.items()}

    @model_validator(mode="after")
    def _same_rows(self) -> Self:
        rows = {
            name: column.shape[0] if column.ndim else -1
            for name, column in self.columns.items()
        }
        if len(set(rows.values())) > 1 or -1 in rows.values():
            raise ValueError(
                f"columns of one table must have the same number of rows, got {rows}"
            )
        for name, column in self.columns.items():
            if column.dtype.kind not in "biufU":
                raise ValueError(
                    f"column {name!r} has dtype {column.dtype}; allowed: bool, "
                    "integer, float, text"
                )
        return self

    @classmethod
    def of_history(cls, history: Sequence[tuple[int, Mapping[str, float]]]) -> Self:
        """What a monitor has written, as rows of (step, layer) with a column per
        measure; nan where there is none.

        Args:
            history: Pairs of a step and its values by ``layer/measure``.

        Example:
            >>> from condensery.records import Table
            >>> Table.of_history(
            ...     [(0, {"0/ratio": 1.0, "2/ratio": 0.5}), (8, {"0/ratio": 0.25})]
            ... )["ratio"]
            array([1.  , 0.5 , 0.25])
        """
        rows: dict[tuple[int, str], dict[str, float]] = {}
        for step, values in history:
            for key, value in values.items():
                layer, _, name = key.rpartition("/")
                rows.setdefault((step, layer), {})[name] = float(value)
        names = list(dict.fromkeys(name for values in rows.values() for name in values))
        columns: dict[str, Any] = {
            "step": [step for step, _ in rows],
            "layer": [layer for _, layer in rows],
        }
        columns |= {
            name: [values.get(name, np.nan) for values in rows.values()]
            for name in names
        }
        return cls(columns=columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __len__(self) -> int:
        return next((column.shape[0] for column in self.columns.values()), 0)

    def select(self, **equals: object) -> Table:
        """The rows where every named column equals the given value (floats to a
        relative 1e-9).
        """
        keep = np.ones(len(self), dtype=bool)
        for name, value in equals.items():
            column = self.columns[name]
            near = column.dtype.kind == "f" and isinstance(value, (int, float))
            keep &= (
                np.isclose(column, value, rtol=1e-9, atol=1e-12)
                if near
                else column == value
            )
        return self.take(keep)

    def take(self, rows: np.ndarray) -> Table:
        """Some of the rows.

        Args:
            rows: Their numbers in the order wanted, or an array that is true at them.

        Example:
            >>> import numpy as np
            >>> from condensery.records import Table
            >>> table = Table(columns={"step": [1, 10, 100]})
            >>> table.take(table["step"] > 5)["step"].tolist()
            [10, 100]
        """
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Table(columns=columns, units=self.units)


class RunSummary(Record):
    """A run's row in the ledger; `verified` unless it was taken over without one."""

    run: str = Field(pattern="^[0-9a-f]{16}$")
    experiment: str
    preset: str
    status: RunStatus
    seconds: float
    created: str
    tasks: int
    finished: int
    claims_passed: int = 0
    claims_failed: int = 0
    claims_open: int = 0
    verified: bool = True

"""Verdicts and the code that gave them: judging, its digest, and what changed since."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, JsonValue, TypeAdapter

from condensery.declare import Declared, Expected
from condensery.protocols import Experiment
from condensery.records import UNKNOWN, Claim, Table, digest
from condensery.workbench._measures import measures_used
from condensery.workbench._tally import of_run
from condensery.workbench._wording import VERDICTS, expectation, number

NOT_JUDGED = "not judged by this configuration"
_SHARED = ("condensery.experiments", "condensery.declare")
"""Modules that belong to no single experiment."""


@dataclass(frozen=True)
class Change:
    """A claim that another judgement changed.

    Attributes:
        id: The claim's id.
        before: As it was stored; None if it is new.
        after: As it is judged now; None if it is not claimed any more.
    """

    id: str
    before: Claim | None
    after: Claim | None

    def __str__(self) -> str:
        return f"{self.id}: {_verdict(self.before)} -> {_verdict(self.after)}"


def judge_claims(
    experiment: Experiment, model: BaseModel, tables: Mapping[str, Table]
) -> list[Claim]:
    """The claims in the order of the statements.

    A statement that the experiment did not judge is an open claim.
    """
    by_id: dict[str, list[Claim]] = {
        statement.id: [] for statement in experiment.statements
    }
    for claim in experiment.claims(model, tables):
        by_id.setdefault(claim.id, []).append(claim)
    for statement in experiment.statements:
        if not by_id[statement.id]:
            by_id[statement.id].append(statement.check(None, None, note=NOT_JUDGED))
    return [claim for claims in by_id.values() for claim in claims]


def claims_digest(experiment: Experiment) -> dict[str, str]:
    """Digests of what an experiment claims and of the code that measures it.

    `statements` is of the sentences and their sources, `expectations` of what a
    declared experiment compares its values with, `measures` of the modules in which
    claims are written and, where those are a package, of all its modules, without
    comments and formatting; `library` is of the
    modules of metrics and theory that these import.
    """
    statements = [
        statement.model_dump(mode="json") for statement in experiment.statements
    ]
    files = dict(source_files(experiment))
    digests = {
        "statements": digest(statements),
        "measures": _sources_digest(files),
        "library": _sources_digest(measures_used(files.values())),
    }
    if isinstance(experiment, Declared):
        digests["expectations"] = digest(_expectations(experiment))
    return digests


def _expectations(experiment: Declared[Any]) -> dict[str, JsonValue]:
    return {
        judged.statement.id: TypeAdapter(Expected).dump_python(
            judged.expected, mode="json"
        )
        for judged in experiment.judges
    }


def now() -> str:
    """The time of a judgement, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def changes(before: Sequence[Claim], after: Sequence[Claim]) -> list[Change]:
    """The claims that differ between two judgements of one run."""
    old = {claim.id: claim for claim in of_run(before)}
    new = {claim.id: claim for claim in of_run(after)}
    listed = []
    for name in dict.fromkeys([*old, *new]):
        change = Change(name, old.get(name), new.get(name))
        if not _same(change.before, change.after):
            listed.append(change)
    return listed


def _same(before: Claim | None, after: Claim | None) -> bool:
    if before is None or after is None:
        claim = before or after
        return claim is None or claim.passed is None
    if before.kind == UNKNOWN:
        before = before.model_copy(update={"kind": after.kind})
    # As JSON, where nan equals nan.
    return before.model_dump_json() == after.model_dump_json()


def _verdict(claim: Claim | None) -> str:
    if claim is None:
        return "not claimed"
    _, word = VERDICTS[claim.passed]
    return f"{word} ({number(claim.value)}, expected {expectation(claim)})"


def source_files(experiment: Experiment) -> Iterator[tuple[str, Path]]:
    """The modules that define an experiment, and their files."""
    for name in sorted(_homes(experiment)):
        module = sys.modules[name]
        file = Path(inspect.getfile(module))
        yield name, file
        package = name.rpartition(".")[0]
        if package and package not in _SHARED and _is_package(package):
            for sibling in sorted(file.parent.glob("*.py")):
                yield f"{package}.{sibling.stem}", sibling


def _homes(experiment: Experiment) -> set[str]:
    """Names of the modules in which the experiment's claims are written."""
    if not isinstance(experiment, Declared):
        return {type(experiment).__module__}
    measures = {judged.measure.__module__ for judged in experiment.judges}
    return measures or {experiment.Config.__module__}


def _is_package(name: str) -> bool:
    module: ModuleType | None = sys.modules.get(name)
    return module is not None and "." in name


def _sources_digest(files: Mapping[str, Path]) -> str:
    return digest({name: _without_comments(path) for name, path in files.items()})


def _without_comments(path: Path) -> str:
    return ast.unparse(ast.parse(path.read_bytes()))

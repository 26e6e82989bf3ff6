"""Benches: speed against peers, as ratios measured in one run."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field, JsonValue

from condensery._errors import InvalidInputError, suggestion
from condensery._reference import load
from condensery.records import Record


class BenchResult(Record):
    """What a bench measured: a table with a title and notes."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[JsonValue]]
    notes: list[str] = Field(default_factory=list)


def benches() -> dict[str, str]:
    """Name to reference of every bench."""
    from condensery.bench import BENCHES

    return dict(BENCHES)


def bench(name: str, *, progress: Callable[[str], None] | None = None) -> BenchResult:
    """Run one bench.

    Args:
        name: Its name.
        progress: Called with a line of text now and then.

    Raises:
        InvalidInputError: If there is no such bench.
    """
    references = benches()
    if name not in references:
        raise InvalidInputError(
            "bench",
            given=name,
            allowed=", ".join(sorted(references)) or "none (there are no benches)",
            remedy=suggestion(name, references, otherwise="choose one of these"),
        )
    run = load(references[name])
    if not callable(run):
        raise InvalidInputError(
            "bench",
            given=references[name],
            allowed="a function",
            remedy="fix condensery.bench",
        )
    notes = progress or (lambda text: None)
    measured = dict(run(notes))
    remarks = measured.pop("notes", [])
    return BenchResult(
        name=name, notes=[remarks] if isinstance(remarks, str) else remarks, **measured
    )

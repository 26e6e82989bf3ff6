"""What a run stores of its experiment, so that reading it needs no code of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pydantic import BaseModel, ValidationError

from condensery._errors import InvalidInputError
from condensery.protocols import Experiment
from condensery.records import FigureSpec, Record, Statement
from condensery.store import open_store

FILE = "experiment.json"


class Description(Record):
    """An experiment as a run has it.

    Attributes:
        name: Name of the experiment.
        title: One line.
        summary: What one sees.
        papers: BibTeX keys.
        statements: What is claimed.
        figures: The figures of the run's configuration.
    """

    name: str
    title: str
    summary: str
    papers: tuple[str, ...]
    statements: tuple[Statement, ...]
    figures: tuple[FigureSpec, ...]


def described(experiment: Experiment, model: BaseModel) -> bytes:
    """The description as a file."""
    description = Description(
        name=experiment.name,
        title=experiment.title,
        summary=experiment.summary,
        papers=tuple(experiment.papers),
        statements=tuple(experiment.statements),
        figures=tuple(experiment.figures(model)),
    )
    return (description.model_dump_json(indent=1) + "\n").encode()


def description_of(run: str, root: Path) -> Description | None:
    """What a run has stored; None if it was written before runs had it.

    Args:
        run: The full id.
        root: The runs folder.

    Raises:
        InvalidInputError: If the file is damaged.
    """
    with closing(open_store(root)) as store:
        content = store.file(run, FILE)
    if content is None:
        return None
    try:
        return Description.model_validate_json(content)
    except (ValidationError, RecursionError) as error:
        raise InvalidInputError(
            FILE,
            given=f"{root / run / FILE}, a file of another form",
            allowed="the file as it was written",
            remedy=f"condensery resume {run} makes it again",
        ) from error

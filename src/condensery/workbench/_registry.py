"""From what a user types to an experiment."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from condensery._errors import CondenseryError, InvalidInputError, some_of, suggestion
from condensery._paths import user_file
from condensery._reference import load, read_source, with_entry_points
from condensery.experiments import BUILT_IN, ENTRY_POINTS
from condensery.protocols import Experiment, Source

_log = logging.getLogger("condensery.workbench")

EXTERNAL = {"recorded": "condensery.experiments.recorded:Recorded"}
"""Runs that are written from outside: they can be shown and drawn, but neither listed
nor run.
"""


@dataclass(frozen=True)
class Found:
    """An experiment and how a run's record names it.

    Attributes:
        name: The registered name, or the absolute path of a file, a colon and the name
            in it.
        experiment: The experiment itself.
        task_version: Its version of its tasks; for a file also a digest of the file, so
            that edited code never meets shards of the code before.
        source: Digest of the file; empty for a registered experiment.
        text: Text of the file; empty for a registered experiment.
    """

    name: str
    experiment: Experiment
    task_version: str
    source: str = ""
    text: str = ""


def find(reference: str, *, source: str | None = None) -> Found:
    """The experiment that a registered name or ``path/to/file.py:Name`` stands for.

    Args:
        reference: The name or the file.
        source: Text of the file, if it was read before.

    Raises:
        InvalidInputError: If there is none, or if what is there is not an experiment.

    Example:
        >>> from condensery.workbench import find
        >>> find("phase-diagrm")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: experiment: given phase-diagrm; \
did you mean phase-diagram?; allowed: ...
    """
    references = registered()
    if reference in EXTERNAL:
        experiment = _instance(reference, load(EXTERNAL[reference]))
        return Found(reference, experiment, experiment.task_version)
    if reference in references:
        experiment = _instance(reference, load(references[reference]))
        return Found(reference, experiment, experiment.task_version)
    where, colon, name = reference.rpartition(":")
    if not colon or not where.endswith(".py"):
        raise InvalidInputError(
            "experiment",
            given=reference,
            allowed=f"{some_of(sorted(references))}, or path/to/file.py:Name",
            remedy=suggestion(reference, references, otherwise="see condensery list"),
        )
    # Absolute, so that a run resumes from any folder and a file has one id wherever it
    # is named from.
    path = user_file(where, "file", allowed="a Python file that exists (.py)").resolve()
    reference = f"{path}:{name}"
    # Read once: what the digest is of is what is executed.
    text = read_source(path) if source is None else source
    experiment = _instance(reference, load(reference, source=text))
    digest = Source(text=text).digest
    version = f"{experiment.task_version}+{digest}"
    return Found(reference, experiment, version, digest, text)


def registered() -> dict[str, str]:
    """Names and references of all registered experiments: ours first, then those of
    other packages.
    """
    return with_entry_points(BUILT_IN, ENTRY_POINTS)


def every() -> Iterator[Found]:
    """All registered experiments by name; one of another package that cannot be loaded
    is named in a warning.

    Raises:
        CondenseryError: If one of ours cannot be loaded.
    """
    for name in sorted(registered()):
        try:
            yield find(name)
        except CondenseryError as error:
            if name in BUILT_IN:
                raise
            _log.warning("experiment %s is left out: %s", name, error)


def _instance(reference: str, loaded: object) -> Experiment:
    experiment = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(experiment, Experiment):
        attributes = [
            *Experiment.__annotations__,
            "data_digest",
            "tasks",
            "tables",
            "claims",
            "figures",
        ]
        present = dir(experiment)
        missing = [attribute for attribute in attributes if attribute not in present]
        raise InvalidInputError(
            "experiment",
            given=f"{reference} without {', '.join(missing)}",
            allowed="a class with all parts of condensery.protocols.Experiment",
            remedy="add what is missing",
        )
    return experiment

"""What can be run, and what was."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue

from condensery.records import Record, RunSummary
from condensery.store import open_store
from condensery.workbench._configure import complete
from condensery.workbench._parameters import ParameterInfo, parameters, schema
from condensery.workbench._registry import Found, every, find


class PresetInfo(Record):
    """A preset, its parameters, and what its last run cost here (None: not
    measured).
    """

    name: str
    parameters: dict[str, JsonValue]
    seconds: float | None


class ExperimentInfo(Record):
    """What `condensery list` prints of an experiment.

    Attributes:
        name: What to type.
        title: One line.
        summary: What one sees.
        papers: BibTeX keys.
        statements: How many statements it checks.
        parameters: What ``--set`` reaches.
        presets: The presets.
    """

    name: str
    title: str
    summary: str
    papers: tuple[str, ...]
    statements: int
    parameters: tuple[str, ...]
    presets: tuple[PresetInfo, ...]


class ExperimentDetails(Record):
    """One experiment and all its parameters.

    Attributes:
        info: What the list of all experiments has of it.
        parameters: Every parameter with type, range, defaults and meaning.
    """

    info: ExperimentInfo
    parameters: tuple[ParameterInfo, ...]

    def document(self) -> dict[str, JsonValue]:
        """The same as plain values, for JSON."""
        explained = [info.model_dump(mode="json") for info in self.parameters]
        return self.info.model_dump(mode="json") | {"parameters": explained}


def list_experiments(runs: str | Path = "runs") -> list[ExperimentInfo]:
    """All registered experiments, with what each preset cost when it was last run here
    without overrides.

    Args:
        runs: The folder whose runs tell the cost.

    Example:
        >>> from condensery.workbench import list_experiments
        >>> [
        ...     info.name
        ...     for info in list_experiments("nowhere")
        ...     if info.name.startswith("demo")
        ... ]
        ['demo-a', 'demo-c']
    """
    costs = _costs(runs)
    return [_info(entry, costs) for entry in every()]


def describe(experiment: str, runs: str | Path = "runs") -> ExperimentDetails:
    """One experiment: what the list has of it, and its parameters with their help.

    Args:
        experiment: A registered name, or ``path/to/file.py:Name``.
        runs: The folder whose runs tell the cost.

    Example:
        >>> from condensery.workbench import describe
        >>> width = describe("demo-c", "nowhere").parameters[1]
        >>> width.name, width.type, width.range
        ('width', 'whole number', '1 to 1000000')
    """
    entry = find(experiment)
    return ExperimentDetails(
        info=_info(entry, _costs(runs)), parameters=parameters(entry.experiment)
    )


def parameter_schema(experiment: str) -> dict[str, Any]:
    """The JSON schema of an experiment's parameters, with their help.

    Args:
        experiment: A registered name, or ``path/to/file.py:Name``.
    """
    return schema(find(experiment).experiment)


def runs(runs: str | Path = "runs") -> list[RunSummary]:
    """All runs of a folder, the latest first.

    Args:
        runs: The folder that holds all runs.

    Example:
        >>> from condensery.workbench import runs
        >>> runs("nowhere")
        []
    """
    with closing(open_store(runs)) as store:
        return store.runs()


class _Cost(NamedTuple):
    """What a finished run has cost."""

    experiment: str
    preset: str
    parameters: dict[str, JsonValue]
    seconds: float


def _costs(runs: str | Path) -> list[_Cost]:
    """The costs of all finished runs, the latest first."""
    with closing(open_store(runs)) as store:
        return [
            _Cost(
                summary.experiment,
                summary.preset,
                config.parameters,
                summary.seconds,
            )
            for summary, config in store.readable()
            if summary.status in {"done", "claim failed"}
        ]


def _info(entry: Found, costs: list[_Cost]) -> ExperimentInfo:
    experiment = entry.experiment
    presets = []
    for name, values in experiment.presets.items():
        # A run with overrides has the preset's name too, and its cost would mislead.
        parameters = complete(experiment, values)
        of_preset = (entry.name, name, parameters)
        measured = (cost.seconds for cost in costs if cost[:3] == of_preset)
        preset = PresetInfo(
            name=name,
            parameters=dict(values),
            seconds=next(measured, None),
        )
        presets.append(preset)
    return ExperimentInfo(
        name=entry.name,
        title=experiment.title,
        summary=experiment.summary,
        papers=tuple(experiment.papers),
        statements=len(experiment.statements),
        parameters=tuple(experiment.Config.model_fields),
        presets=tuple(presets),
    )

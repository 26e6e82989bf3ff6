"""Identity of a run and its tasks: code and data by their digests, never by path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from condensery._reference import is_file, read_source
from condensery.data import DATASETS
from condensery.protocols import Experiment, Source, Task
from condensery.records import DataPath, RunConfig


def tasks_of(
    experiment: Experiment,
    model: BaseModel,
    config: RunConfig,
) -> list[Task]:
    """The tasks of a run, in order, each with what its worker and its hash need.

    A task whose function is in a file carries the text of the file. A path of data is
    replaced in the hash, so that the same data elsewhere give the same shards.
    """
    tasks: Sequence[Task] = experiment.tasks(model)
    stand_ins = {
        value: config.stand_ins[name]
        for name, value in config.parameters.items()
        if name in config.stand_ins and isinstance(value, str)
    }
    sources: dict[str, Source] = {}
    completed = []
    for task in tasks:
        path = task.function.rpartition(":")[0]
        # Runs that began before tasks carried sources keep the hashes they have.
        if config.source and is_file(path) and path not in sources:
            sources[path] = Source(text=read_source(path))
        update = {"source": sources.get(path), "stand_ins": stand_ins}
        completed.append(task.model_copy(update=update))
    return completed


def stand_ins(model: BaseModel, digest: str) -> dict[str, JsonValue]:
    """Parameter to what stands for it in the run's id, for each that is a path of data.

    Args:
        model: The configuration of an experiment.
        digest: Digest of the data; without it the path is all that tells data apart.
    """
    if not digest:
        return {}
    parameters = model.model_dump(mode="json")
    return {
        name: _stand_in(field, digest)
        for name, field in type(model).model_fields.items()
        if _holds_path(field) and _is_path(parameters[name])
    }


def _holds_path(field: FieldInfo) -> bool:
    if any(isinstance(mark, DataPath) for mark in field.metadata):
        return True
    return Path in (field.annotation, *get_args(field.annotation))


def _is_path(value: JsonValue) -> bool:
    """Whether a value is a path rather than nothing or the name of a data set."""
    if not isinstance(value, str) or not value:
        return False
    name = value.strip().lower()
    name = name.replace("_", "-")
    name = name.replace(" ", "-")
    return name not in DATASETS


def _stand_in(field: FieldInfo, digest: str) -> JsonValue:
    # A parameter that only says where the files of a named data set are stands for the
    # same run as its default, which looks for them.
    if field.default is None or field.default == "":
        return field.default
    return f"data:{digest}"

"""From a preset and overrides to an experiment's complete configuration, or to one line
that says what is wrong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from condensery._errors import InvalidInputError, suggestion
from condensery.protocols import Experiment
from condensery.records import RunConfig
from condensery.workbench._identity import stand_ins
from condensery.workbench._registry import Found

_SEQUENCE_WANTED = frozenset({"list_type", "tuple_type", "set_type", "frozen_set_type"})
_LONGEST = 80
_MOST = 10**7
"""Ten times the largest size of any preset; a typing error must not fill the memory."""
_MOST_STEPS = 10**10
_LARGEST = 1e100


def configure(
    entry: Found,
    preset: str,
    overrides: Mapping[str, Any],
    *,
    data_digest: str | None = None,
) -> tuple[BaseModel, RunConfig]:
    """The experiment's validated configuration, and the record that names the run.

    A single value stands for a list of one where the configuration wants a list.

    Args:
        entry: The experiment.
        preset: Name of one of its presets.
        overrides: Parameters in which the run differs from the preset.
        data_digest: Digest of data whose files are not here; None to read them.

    Raises:
        InvalidInputError: For an unknown preset or override, or a value that the
            configuration refuses.
    """
    experiment = entry.experiment
    base = choose_preset(experiment, preset)
    _check_names(experiment, overrides)
    model = _validate(experiment, base, overrides)
    parameters = model.model_dump(mode="json")
    for field, value in _leaves(parameters):
        allowed = _bound(field, value)
        if allowed:
            raise InvalidInputError(
                field,
                given=value,
                allowed=allowed,
                remedy=f"give {field} another value",
            )
    digest = data_digest
    if digest is None:
        digest = experiment.data_digest(model)
    record = RunConfig(
        experiment=entry.name,
        preset=preset,
        parameters=parameters,
        data_digest=digest,
        task_version=entry.task_version,
        source=entry.source,
        stand_ins=stand_ins(model, digest),
    )
    return model, record


def _bound(field: str, value: object) -> str:
    """What is allowed, if a number of a parameter is beyond it; else empty."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if not math.isfinite(value):
        return "a finite number"
    if isinstance(value, float):
        return "" if abs(value) <= _LARGEST else f"a number up to {_LARGEST:g}"
    is_long = "steps" in field or field.endswith("seed")
    largest = _MOST_STEPS if is_long else _MOST
    return "" if abs(value) <= largest else f"a whole number up to {largest}"


def validated(experiment: Experiment, record: RunConfig) -> BaseModel:
    """The configuration of a run that is there.

    Raises:
        InvalidInputError: If the experiment's configuration has changed so that it does
            not take it any more.
    """
    try:
        return experiment.Config.model_validate(record.parameters)
    except ValidationError as error:
        raise InvalidInputError(
            f"parameters of run {record.run_id}",
            given=shorten(str(error)),
            allowed=f"parameters of {experiment.name} as it is now",
            remedy="the experiment has changed since: start a new run",
        ) from error


def choose_preset(experiment: Experiment, preset: str) -> Mapping[str, JsonValue]:
    """The parameters of a preset.

    Raises:
        InvalidInputError: If the experiment has no such preset.
    """
    if preset not in experiment.presets:
        presets = list(experiment.presets)
        raise InvalidInputError(
            "preset",
            given=preset,
            allowed=", ".join(presets),
            remedy=suggestion(preset, presets, otherwise="choose one of these"),
        )
    return experiment.presets[preset]


def complete(
    experiment: Experiment, preset: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """All parameters of a preset, with the defaults of those that it leaves out."""
    return experiment.Config.model_validate(dict(preset)).model_dump(mode="json")


def changed(experiment: Experiment, record: RunConfig) -> dict[str, JsonValue]:
    """The parameters in which a run differs from its preset: what a user has to set to
    have it again.
    """
    preset = experiment.presets.get(record.preset)
    base = {} if preset is None else complete(experiment, preset)
    return {
        key: value
        for key, value in record.parameters.items()
        if key not in base or base[key] != value
    }


def _check_names(experiment: Experiment, overrides: Mapping[str, Any]) -> None:
    names = list(experiment.Config.model_fields)
    for name in overrides:
        if name not in names:
            raise InvalidInputError(
                f"parameter of {experiment.name}",
                given=name,
                allowed=", ".join(sorted(names)),
                remedy=suggestion(name, names, otherwise="set one of these"),
            )


def _validate(
    experiment: Experiment, base: Mapping[str, JsonValue], overrides: Mapping[str, Any]
) -> BaseModel:
    try:
        return experiment.Config.model_validate({**base, **overrides})
    except ValidationError as error:
        single = {
            str(detail["loc"][0])
            for detail in error.errors()
            if detail["type"] in _SEQUENCE_WANTED
            and len(detail["loc"]) == 1
            and _is_single(detail["input"])
        }
        if not single:
            raise _one_line(experiment, base, overrides, error) from error
    wrapped = {
        key: [value] if key in single else value for key, value in overrides.items()
    }
    try:
        return experiment.Config.model_validate({**base, **wrapped})
    except ValidationError as error:
        raise _one_line(experiment, base, wrapped, error) from error


def _is_single(value: object) -> bool:
    return isinstance(value, str | int | float)


def _one_line(
    experiment: Experiment,
    base: Mapping[str, JsonValue],
    overrides: Mapping[str, Any],
    error: ValidationError,
) -> InvalidInputError:
    details = error.errors()
    first = details[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    field = key + "".join(
        f"[{word}]" if isinstance(word, int) else f".{word}"
        for word in first["loc"][1:]
    )
    together = (
        ", ".join(f"{name}={shorten(value)}" for name, value in overrides.items())
        or "the preset as it is"
    )
    return InvalidInputError(
        field or f"parameters of {experiment.name}",
        given=shorten(first["input"]) if key else together,
        allowed=_allowed(first),
        remedy=_remedy(experiment, base, key, first)
        + (f" (and {len(details) - 1} more)" if len(details) > 1 else ""),
    )


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "an object",
}


def _allowed(detail: Mapping[str, Any]) -> str:
    """What pydantic would have accepted, in the words of a user of the command line."""
    kind, _, how = detail["type"].partition("_")
    if how in {"type", "parsing", "from_float"} and kind in _KINDS:
        return _KINDS[kind]
    if detail["type"] in {"too_short", "too_long"}:
        least = detail["type"] == "too_short"
        count = detail["ctx"]["min_length" if least else "max_length"]
        return (
            f"{'at least' if least else 'at most'} {count} "
            f"value{'s' if count != 1 else ''}"
        )
    message = (
        detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    )
    return message.removeprefix("Input should be ").rstrip(".")


def _remedy(
    experiment: Experiment,
    base: Mapping[str, JsonValue],
    key: str,
    detail: Mapping[str, Any],
) -> str:
    if detail["type"] == "literal_error":
        choices = [
            word.strip("'")
            for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        nearest = suggestion(str(detail["input"]), choices, otherwise="")
        if nearest:
            return nearest
    standard = complete(experiment, base)
    if key not in standard:
        return "change one of these"
    example = as_override(standard[key])
    fits = len(example) <= _LONGEST
    return (
        f"give for example {key}={example}, as the preset has"
        if fits
        else f"leave {key} out to have the preset's"
    )


def as_override(value: JsonValue) -> str:
    """The value as it is written behind ``--set key=``.

    Example:
        >>> from condensery.workbench._configure import as_override
        >>> (
        ...     as_override([0.5, 1]),
        ...     as_override("line"),
        ...     as_override("1"),
        ...     as_override(True),
        ... )
        ('0.5,1', 'line', '"1"', 'true')
    """
    if isinstance(value, str):
        return value if _survives(value) else json.dumps(value)
    if (
        isinstance(value, list)
        and len(value) > 1
        and not any(isinstance(item, list | dict) for item in value)
    ):
        words = [as_override(item) for item in value]
        if not any(word.startswith('"') for word in words):
            return ",".join(words)
    return json.dumps(value, separators=(",", ":"))


def _survives(text: str) -> bool:
    """Whether a text stays a text when it is read back as an override."""
    if not text or "," in text or text != text.strip():
        return False
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def shorten(value: object) -> str:
    """A value in at most 80 characters of one line."""
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _leaves(value: object, field: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{field}.{key}" if field else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{field}[{index}]")
    else:
        yield field, value

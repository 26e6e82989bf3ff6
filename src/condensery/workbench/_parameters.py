"""The parameters of an experiment as users read them: type, range, default, help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from condensery.protocols import Experiment
from condensery.records import Record
from condensery.workbench._configure import as_override, complete

_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "object": "object",
}
_PLURALS = {
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true or false",
    "string": "texts",
}
_BOUNDS = (
    ("minimum", "≥"),
    ("exclusiveMinimum", ">"),
    ("maximum", "≤"),
    ("exclusiveMaximum", "<"),
)
_ENTRY = re.compile(r"    (?P<names>\w+(?:, \w+)*): (?P<text>.*)")
_LISTED = 6
"""So many values of a list are shown; of a longer one the first, second and last."""


class ParameterInfo(Record):
    """One parameter of an experiment: what ``--set NAME=VALUE`` reaches.

    Attributes:
        name: What to type.
        type: What kind of value it takes, in words.
        range: Which values are allowed; empty where all of the type are.
        defaults: Name of each preset to the value that it has there.
        meaning: The text below the field.
    """

    name: str
    type: str
    range: str
    defaults: dict[str, JsonValue]
    meaning: str


def parameters(experiment: Experiment) -> tuple[ParameterInfo, ...]:
    """Every parameter of an experiment, in the order of its configuration."""
    properties = schema(experiment)["properties"]
    presets = {
        preset: complete(experiment, values)
        for preset, values in experiment.presets.items()
    }
    return tuple(
        ParameterInfo(
            name=name,
            type=_type(field),
            range=_range(field),
            defaults={preset: values[name] for preset, values in presets.items()},
            meaning=field.get("description", ""),
        )
        for name, field in properties.items()
    )


def schema(experiment: Experiment) -> dict[str, Any]:
    """The JSON schema of an experiment's configuration, with every field's help."""
    result = experiment.Config.model_json_schema()
    texts = help_texts(experiment.Config)
    for name, field in result["properties"].items():
        if text := texts.get(name):
            field["description"] = text
    return result


def help_texts(config: type[BaseModel]) -> dict[str, str]:
    """Field to its help: the text below it, or its entry in the class docstring."""
    texts = documented_attributes(config.__doc__ or "")
    for name, field in config.model_fields.items():
        if field.description:
            texts[name] = " ".join(field.description.split())
    return texts


def documented_attributes(docstring: str) -> dict[str, str]:
    """Names and texts of the section ``Attributes:`` of a docstring.

    Example:
        >>> from condensery.workbench._parameters import documented_attributes
        >>> documented_attributes('''Settings.
        ...
        ...     Attributes:
        ...         width: Number of
        ...             units.
        ...         low, high: Ends.
        ... ''')
        {'width': 'Number of units.', 'low': 'Ends.', 'high': 'Ends.'}
    """
    _, _, section = inspect.cleandoc(docstring).partition("\nAttributes:\n")
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if entry := _ENTRY.fullmatch(line):
            names = entry["names"].split(", ")
            texts |= dict.fromkeys(names, entry["text"])
        elif not line.startswith(" " * 8):
            break
        else:
            texts |= {name: f"{texts[name]} {line.strip()}" for name in names}
    return texts


def parameter_rows(
    infos: Sequence[ParameterInfo],
) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of the table of parameters: one column of defaults per preset."""
    presets = list(infos[0].defaults) if infos else []
    heads = ["parameter", "type and range", *presets, "meaning"]
    rows = [
        [
            info.name,
            ", ".join(filter(None, (info.type, info.range))),
            *(shown_value(info.defaults[preset]) for preset in presets),
            info.meaning,
        ]
        for info in infos
    ]
    return heads, rows


def shown_value(value: JsonValue) -> str:
    """A default as text; a long list by its first, second and last value.

    Example:
        >>> from condensery.workbench._parameters import shown_value
        >>> shown_value([1, 2, 3]), shown_value(list(range(9))), shown_value(None)
        ('1, 2, 3', '0, 1, …, 8 (9 values)', 'none')
    """
    if value is None:
        return "none"
    if not isinstance(value, list) or not value:
        return as_override(value)
    texts = [as_override(element) for element in value]
    if len(texts) <= _LISTED:
        return ", ".join(texts)
    return f"{texts[0]}, {texts[1]}, …, {texts[-1]} ({len(texts)} values)"


def _type(field: Mapping[str, Any]) -> str:
    """The kind of a value, from the JSON schema of its field."""
    if "anyOf" in field:
        kinds = [_type(option) for option in field["anyOf"]]
        return " or ".join(kinds)
    if "enum" in field or "const" in field:
        return " | ".join(_choices(field))
    kind = field.get("type", "")
    if kind == "null":
        return "none"
    if kind != "array":
        return _TYPES.get(kind, "value")
    if "prefixItems" in field:
        elements = field["prefixItems"]
        return f"{len(elements)} {_plural(elements[0])}"
    return f"list of {_plural(field.get('items', {}))}"


def _plural(element: Mapping[str, Any]) -> str:
    if element.get("type") == "array":
        inner = _type(element)
        return f"({inner})"
    if "enum" in element:
        return " | ".join(_choices(element))
    return _PLURALS.get(element.get("type", ""), "values")


def _choices(field: Mapping[str, Any]) -> list[str]:
    choices = field.get("enum", [field.get("const")])
    return [str(choice) for choice in choices]


def _range(field: Mapping[str, Any]) -> str:
    """The bounds of a value or of its number of values; empty without any."""
    if "anyOf" in field:
        return ", ".join(filter(None, map(_range, field["anyOf"])))
    if field.get("type") == "array" and "prefixItems" not in field:
        return ", ".join(_lengths(field))
    if {"minimum", "maximum"} <= set(field):
        return f"{_bound(field['minimum'])} to {_bound(field['maximum'])}"
    return ", ".join(
        f"{sign} {_bound(field[key])}" for key, sign in _BOUNDS if key in field
    )


def _lengths(field: Mapping[str, Any]) -> Iterator[str]:
    """How many values a list may have; that it may not be empty goes without saying."""
    least, most = field.get("minItems", 0), field.get("maxItems")
    if least > 1:
        yield f"at least {least} values"
    if most is not None:
        yield f"at most {most} values"
    inner = field.get("items", {})
    if bounds := _range(inner):
        yield f"each {bounds}"


def _bound(value: float) -> str:
    """A bound without needless digits."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"

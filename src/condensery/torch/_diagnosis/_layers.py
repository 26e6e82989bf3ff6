"""Which layers a model has, and which of them are the same layer at another width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from condensery._errors import InvalidInputError

Role = Literal["hidden", "output", "fixed"]
_UNITS_SECOND = ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Embedding")
"""Kinds of modules whose weight has the units along its second axis."""


@dataclass(frozen=True)
class Layer:
    """Parameters that are measured together.

    Attributes:
        name: Name of the module, or of the parameter where a module has several
            weights.
        kind: Class of the module.
        parameters: Full names, the weight first.
        unit_axis: Axis of the weight that numbers the units.
        role: ``hidden`` if the number of units grows with the width, ``output`` if only
            their inputs do, ``fixed`` if neither does.
    """

    name: str
    kind: str
    parameters: tuple[str, ...]
    unit_axis: int
    role: Role


@dataclass(frozen=True)
class _Found:
    kind: str
    parameters: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    unit_axis: int


def match_layers(models: Mapping[int, Any]) -> list[Layer]:
    """The layers that are trained, the same at every width.

    A module that owns a ``weight`` of two or more axes is a layer with its bias; other
    parameters of two or more axes are layers of their own. Parameters with one axis
    only (gains of normalisation) are left out, as are frozen ones.

    Args:
        models: A model for each width.

    Raises:
        InvalidInputError: A model has no such layer, the layers differ between widths
            by more than sizes that grow with the width, or none grows.
    """
    found = {width: _layers(model) for width, model in sorted(models.items())}
    widths = list(found)
    first = found[widths[0]]
    if not first:
        raise InvalidInputError(
            "build",
            given=f"no trainable weight at width {widths[0]}",
            allowed="a module with a weight to train",
            remedy="return the model itself, with requires_grad left on",
        )
    for width in widths[1:]:
        if found[width].keys() != first.keys():
            differing = sorted(found[width].keys() ^ first.keys())
            raise InvalidInputError(
                "build",
                given=f"layer {differing[0]!r} at only one of the widths "
                f"{widths[0]} and {width}",
                allowed="the same layers at every width",
                remedy="let the width change sizes, not the architecture",
            )
    layers = [
        _layer(name, [found[width][name] for width in widths], widths) for name in first
    ]
    if all(layer.role == "fixed" for layer in layers):
        raise InvalidInputError(
            "build",
            given="the same sizes at every width",
            allowed="a model with sizes that grow with the width",
            remedy="use the argument of build(width) as the number of units",
        )
    return layers


def _layers(model: Any) -> dict[str, _Found]:
    seen: set[int] = set()
    found: dict[str, _Found] = {}
    for prefix, module in model.named_modules():
        own = {
            name: parameter
            for name, parameter in module.named_parameters(recurse=False)
            if parameter.requires_grad and id(parameter) not in seen
        }
        seen.update(id(parameter) for parameter in own.values())
        kind = type(module).__name__
        axis = 1 if kind in _UNITS_SECOND else 0
        if "weight" in own and own["weight"].ndim >= 2:
            names = ["weight", *(name for name in own if name != "weight")]
            found[prefix or kind] = _gather(prefix, kind, names, own, axis)
            continue
        for name, parameter in own.items():
            if parameter.ndim >= 2:
                found[_join(prefix, name)] = _gather(prefix, kind, [name], own, 0)
    return found


def _gather(
    prefix: str, kind: str, names: list[str], own: Mapping[str, Any], axis: int
) -> _Found:
    return _Found(
        kind,
        tuple(_join(prefix, name) for name in names),
        tuple(tuple(own[name].shape) for name in names),
        axis,
    )


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _layer(name: str, found: list[_Found], widths: list[int]) -> Layer:
    first = found[0]
    for one, width in zip(found, widths, strict=True):
        same = one.kind == first.kind and one.parameters == first.parameters
        if not same or [len(shape) for shape in one.shapes] != [
            len(shape) for shape in first.shapes
        ]:
            raise InvalidInputError(
                "build",
                given=f"layer {name!r} of another kind at width {width} than at "
                f"{widths[0]}",
                allowed="layers that differ in size only",
                remedy="let the width change sizes, not the architecture",
            )
    grows = []
    for axis in range(len(first.shapes[0])):
        sizes = [one.shapes[0][axis] for one in found]
        steps = np.diff(sizes)
        if np.any(steps != 0) and not np.all(steps > 0):
            raise InvalidInputError(
                "build",
                given=f"layer {name!r} with sizes {sizes} along axis {axis} at "
                f"widths {widths}",
                allowed="sizes that stay or grow with every width",
                remedy="make the size proportional to the width",
            )
        grows.append(bool(steps[0] > 0))
    role: Role = (
        "hidden" if grows[first.unit_axis] else "output" if any(grows) else "fixed"
    )
    return Layer(name, first.kind, first.parameters, first.unit_axis, role)

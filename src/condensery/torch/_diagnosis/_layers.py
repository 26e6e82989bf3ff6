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
class _Sized:
    """A layer at one width."""

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
    at_width = {width: _layers(model) for width, model in sorted(models.items())}
    widths = list(at_width)
    first = at_width[widths[0]]
    if not first:
        raise InvalidInputError(
            "build",
            given=f"no trainable weight at width {widths[0]}",
            allowed="a module with a weight to train",
            remedy="return the model itself, with requires_grad left on",
        )
    for width in widths[1:]:
        names = at_width[width].keys()
        if names != first.keys():
            differing = sorted(names ^ first.keys())
            raise InvalidInputError(
                "build",
                given=f"layer {differing[0]!r} at only one of the widths "
                f"{widths[0]} and {width}",
                allowed="the same layers at every width",
                remedy="let the width change sizes, not the architecture",
            )
    layers = [
        _layer(name, {width: at_width[width][name] for width in widths})
        for name in first
    ]
    if all(layer.role == "fixed" for layer in layers):
        raise InvalidInputError(
            "build",
            given="the same sizes at every width",
            allowed="a model with sizes that grow with the width",
            remedy="use the argument of build(width) as the number of units",
        )
    return layers


def _layers(model: Any) -> dict[str, _Sized]:
    seen: set[int] = set()
    layers: dict[str, _Sized] = {}
    for prefix, module in model.named_modules():
        parameters = {
            name: parameter
            for name, parameter in module.named_parameters(recurse=False)
            if parameter.requires_grad and id(parameter) not in seen
        }
        seen.update(id(parameter) for parameter in parameters.values())
        kind = type(module).__name__
        weight = parameters.get("weight")
        if weight is not None and weight.ndim >= 2:
            axis = 1 if kind in _UNITS_SECOND else 0
            bias = {name: parameters[name] for name in parameters if name != "weight"}
            members = {"weight": weight, **bias}
            layers[prefix or kind] = _sized(prefix, kind, members, axis)
            continue
        for name, parameter in parameters.items():
            if parameter.ndim >= 2:
                members = {name: parameter}
                layers[_join(prefix, name)] = _sized(prefix, kind, members, 0)
    return layers


def _sized(
    prefix: str,
    kind: str,
    members: Mapping[str, Any],
    axis: int,
) -> _Sized:
    names = tuple(_join(prefix, name) for name in members)
    shapes = tuple(tuple(parameter.shape) for parameter in members.values())
    return _Sized(kind, names, shapes, axis)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _layer(name: str, at_width: Mapping[int, _Sized]) -> Layer:
    widths = list(at_width)
    first = at_width[widths[0]]
    for width, layer in at_width.items():
        if not _differ_in_size_only(layer, first):
            raise InvalidInputError(
                "build",
                given=f"layer {name!r} of another kind at width {width} than at "
                f"{widths[0]}",
                allowed="layers that differ in size only",
                remedy="let the width change sizes, not the architecture",
            )
    grows = []
    for axis in range(len(first.shapes[0])):
        sizes = [layer.shapes[0][axis] for layer in at_width.values()]
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
    role: Role = "output" if any(grows) else "fixed"
    if grows[first.unit_axis]:
        role = "hidden"
    return Layer(name, first.kind, first.parameters, first.unit_axis, role)


def _differ_in_size_only(layer: _Sized, first: _Sized) -> bool:
    same = layer.kind == first.kind and layer.parameters == first.parameters
    axes = [len(shape) for shape in layer.shapes]
    return same and axes == [len(shape) for shape in first.shapes]

"""Which entries of which weights belong to one unit: index arithmetic carried out on
the units' numbers.

Every axis of a value that holds units carries a vector of unit numbers. Layers make new
numbers and read others, element-wise operations pass them on, operations that move
entries are carried out on them, and operations that join values make two numbers one.
What the numbers of a weight's axes are at the end is what must be cut together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from condensery.torch._surgery._attention import attention_layers
from condensery.torch._surgery._graph import ModelGraph
from condensery.torch._surgery._kept import Cause, Kept
from condensery.torch._surgery._numbering import Numbering
from condensery.torch._surgery._units import Axis, Coupling, Family, Mark
from condensery.torch._surgery._walk import visit

_Home = tuple[tuple[Axis, int], ...]
"""The axes that hold a unit, each with how often it does."""


def couple(graph: ModelGraph, *, unsupported: str = "refuse") -> Coupling:
    """Find which entries of a model's weights belong to one unit.

    Args:
        graph: The model's operations.
        unsupported: What to do where an operation that is not on the allow-list meets
            units: ``"refuse"`` the model, or ``"keep"`` the layers before it as they
            are.

    Raises:
        InvalidInputError: An operation that is not on the allow-list meets units; its
            name and line are given.
    """
    state = Numbering(graph, unsupported=unsupported)
    for node in graph.nodes:
        visit(state, node)
    returned = Kept(Cause.RETURNED, "the model returns them")
    for name in graph.outputs:
        if name in state.marks:
            state.units.keep(state.marks[name].units, returned)
    roots = state.units.roots
    axes = {axis: roots(units) for axis, units in state.axes.items()}
    marks = {
        name: Mark(mark.axis, roots(mark.units)) for name, mark in state.marks.items()
    }
    attention = attention_layers(graph)
    families = _families(
        axes,
        state.units.kept(),
        state.makers,
        attention,
    )
    return Coupling(
        families,
        axes,
        marks,
        tuple(state.steps),
    )


def _families(
    axes: dict[Axis, np.ndarray],
    kept: dict[int, Kept],
    makers: dict[int, str],
    attention: set[str],
) -> tuple[Family, ...]:
    homes: dict[int, list[tuple[Axis, int]]] = {}
    for axis, units in axes.items():
        numbers, counts = np.unique(units, return_counts=True)
        for unit, count in zip(
            numbers.tolist(),
            counts.tolist(),
            strict=True,
        ):
            homes.setdefault(unit, []).append((axis, count))
    members: dict[_Home, list[int]] = {}
    for unit in sorted(homes):
        members.setdefault(tuple(homes[unit]), []).append(unit)
    families = [
        _family(home, units, kept, makers, attention) for home, units in members.items()
    ]
    return tuple(sorted(families, key=lambda family: int(family.units[0])))


def _family(
    home: _Home,
    units: list[int],
    kept: dict[int, Kept],
    makers: dict[int, str],
    attention: set[str],
) -> Family:
    axes = tuple(axis for axis, _ in home)
    name = next((makers[unit] for unit in units if unit in makers), "")
    reason = next((kept[unit] for unit in units if unit in kept), None)
    if reason is None and len({weight for weight, _ in axes}) < len(axes):
        reason = Kept(Cause.TIED, "one weight both makes and reads them")
    if reason is None and not name:
        reason = Kept(Cause.NO_LAYER, "no layer of the model makes them")
    if reason is not None and name in attention:
        reason = replace(reason, attention=True)
    return Family(
        name,
        np.asarray(units),
        axes,
        reason,
    )

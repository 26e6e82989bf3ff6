"""Which entries of which weights belong to one unit: index arithmetic carried out on
the units' numbers.

Every axis of a value that holds units carries a vector of unit numbers. Layers make new
numbers and read others, element-wise operations pass them on, operations that move
entries are carried out on them, and operations that join values make two numbers one.
What the numbers of a weight's axes are at the end is what must be cut together.
"""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from condensery.torch._surgery._attention import LEFT, attention_layers
from condensery.torch._surgery._graph import ModelGraph, operation, source_line
from condensery.torch._surgery._operations import CONVOLUTION, TRANSPOSED
from condensery.torch._surgery._units import Axis, Coupling, Family, Mark
from condensery.torch._surgery._walk import Walk


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
    walk = Walk(graph, unsupported=unsupported)
    for node in graph.nodes:
        walk.visit(node)
    walk.units.keep(
        (
            unit
            for name in graph.outputs
            if name in walk.marks
            for unit in walk.marks[name].units
        ),
        "the model returns them",
    )
    axes = {axis: walk.units.roots(units) for axis, units in walk.axes.items()}
    marks = {
        name: Mark(mark.axis, walk.units.roots(mark.units))
        for name, mark in walk.marks.items()
    }
    families = _families(axes, walk.units.kept(), walk.makers, attention_layers(graph))
    return Coupling(families, axes, marks, tuple(walk.steps))


def computed_weights(graph: ModelGraph) -> tuple[str, ...]:
    """Layers whose weight is no parameter but computed from some, as by weight
    normalisation: they are all kept.
    """
    found = []
    for node in graph.nodes:
        if node.op == "call_function" and operation(node) in {
            "linear",
            *CONVOLUTION,
            *TRANSPOSED,
        }:
            weight: object = node.args[1]
            if isinstance(weight, Node) and weight.name not in graph.names:
                around = [
                    name
                    for name, _ in dict(node.meta.get("nn_module_stack") or {}).values()
                    if name
                ]
                found.append(
                    around[-1]
                    if around
                    else f"{operation(node)} at {source_line(node)}"
                )
    return tuple(found)


def _families(
    axes: dict[Axis, np.ndarray],
    kept: dict[int, str],
    makers: dict[int, str],
    attention: set[str],
) -> tuple[Family, ...]:
    places: dict[int, list[tuple[Axis, int]]] = {}
    for axis, units in axes.items():
        for unit, count in zip(*np.unique(units, return_counts=True), strict=True):
            places.setdefault(int(unit), []).append((axis, int(count)))
    by_places: dict[tuple[tuple[Axis, int], ...], list[int]] = {}
    for unit in sorted(places):
        by_places.setdefault(tuple(places[unit]), []).append(unit)
    families = []
    for where, units in by_places.items():
        reasons = [kept[unit] for unit in units if unit in kept]
        names = [axis[0] for axis, _ in where]
        if len(set(names)) < len(names):
            reasons.append("one weight both makes and reads them")
        name = next((makers[unit] for unit in units if unit in makers), "")
        if not name:
            reasons.append("no layer of the model makes them")
        elif reasons and name in attention:
            reasons[0] = f"{LEFT}: {reasons[0]}"
        families.append(
            Family(
                name,
                np.asarray(units),
                tuple(axis for axis, _ in where),
                reasons[0] if reasons else "",
            )
        )
    return tuple(sorted(families, key=lambda family: int(family.units[0])))

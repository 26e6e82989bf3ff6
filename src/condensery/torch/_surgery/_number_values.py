"""Operations in the walk that pass units on, move them or join them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.fx import Node

from condensery.torch._surgery._graph import argument, operation, shape, source_line
from condensery.torch._surgery._index import moved_positions, pooled_axis
from condensery.torch._surgery._kept import Cause, Kept
from condensery.torch._surgery._numbering import Numbering, Operation
from condensery.torch._surgery._operations import (
    POOL_LINEAR,
    POOL_MAX,
    by_number,
)
from condensery.torch._surgery._units import Mark


def number_same(state: Numbering, node: Operation, kind: str, **facts: Any) -> None:
    """An operation that leaves every unit where it is."""
    inputs = node.all_input_nodes
    source = next(value for value in inputs if value.name in state.marks)
    mark = state.marks[source.name]
    along = shape(node)[mark.axis : mark.axis + 1]
    if shape(node) and along != (len(mark.units),):
        where = f"{operation(node)} at {source_line(node)}"
        text = f"{where} changes the number of units"
        state.keep([source], Cause.MIXED, text)
        return
    state.put(node, kind, (source.name,), mark, **facts)


def number_pool(state: Numbering, node: Operation, name: str) -> None:
    """Pooling over other axes than that of the units."""
    source = node.args[0]
    mark = state.marks[source.name]
    axis = pooled_axis(node, name, len(shape(source)), mark.axis)
    if axis is None or shape(node)[axis] != len(mark.units):
        text = f"{name} at {source_line(node)} goes over the units"
        state.keep([source], Cause.AXIS, text)
        return
    pooled = Mark(axis, mark.units)
    state.put(
        node,
        "pool",
        (source.name,),
        pooled,
        pool=_pool_kind(node, name),
    )


def _pool_kind(node: Operation, name: str) -> str:
    """``max``, ``mean`` (weights that sum to one), or ``sum``."""
    if name in POOL_MAX:
        return "max"
    if name not in POOL_LINEAR:
        return "sum"
    if not name.startswith("avg_pool"):
        return "mean"
    padding = np.asarray(argument(node, 3, "padding", 0))
    return "sum" if np.any(padding != 0) else "mean"


def number_gather(state: Numbering, node: Operation, name: str) -> None:
    """An operation that moves entries."""
    source = node.args[0]
    mark = state.marks[source.name]
    moved = moved_positions(node, shape(source), mark.axis)
    if isinstance(moved, str):
        text = f"{name} at {source_line(node)} {moved}"
        state.keep([source], Cause.MIXED, text)
        return
    axis, positions = moved
    after = Mark(axis, mark.units[positions])
    state.put(
        node,
        "gather",
        (source.name,),
        after,
        positions=positions,
    )


def number_chunk(state: Numbering, node: Operation, name: str) -> None:
    """A value cut into pieces, of which `number_piece` takes them."""
    source = node.args[0]
    mark = state.marks[source.name]
    axis = int(argument(node, 2, "dim", 0)) % len(shape(source))
    count = len(node.meta["val"])
    if axis != mark.axis:
        state.chunks[node.name] = [mark] * count
    elif name == "chunk" and len(mark.units) % count == 0:
        state.tie_blocks(mark.units, count)
        blocks = np.split(mark.units, count)
        state.chunks[node.name] = [Mark(axis, block) for block in blocks]
    else:
        text = f"{name} at {source_line(node)} cuts them at fixed numbers"
        state.keep([source], Cause.MIXED, text)


def number_piece(state: Numbering, node: Operation) -> None:
    """One piece of a value that was cut."""
    source, index = node.args[0], node.args[1]
    if source.name not in state.chunks or not isinstance(index, int):
        return
    origin = source.args[0]
    mark = state.chunks[source.name][index]
    width = len(mark.units)
    is_cut = width != len(state.marks[origin.name].units)
    first = index * width if is_cut else 0
    positions = np.arange(first, first + width)
    state.put(
        node,
        "gather",
        (origin.name,),
        mark,
        positions=positions,
    )


def number_cat(state: Numbering, node: Operation) -> None:
    """Values side by side, along the units or along another axis."""
    values = list(node.args[0])
    axis = int(argument(node, 1, "dim", 0)) % len(shape(node))
    marks = [state.marks.get(value.name) for value in values]
    present = [mark for mark in marks if mark is not None]
    if all(mark.axis == axis for mark in present):
        pieces = _cat_pieces(state, values, marks, axis)
        names = zip(values, marks, strict=True)
        source = tuple("" if mark is None else value.name for value, mark in names)
        joined = Mark(axis, np.concatenate(pieces))
        sizes = [len(piece) for piece in pieces]
        state.put(node, "cat", source, joined, sizes=sizes)
    elif len(present) == len(values) and len({mark.axis for mark in present}) == 1:
        for mark in present[1:]:
            state.units.tie(present[0].units, mark.units)
        source = tuple(value.name for value in values)
        facts = {
            "stacked": True,
            "subtracted": False,
        }
        state.put(node, "add", source, present[0], **facts)
    else:
        state.keep(values, Cause.AXIS, f"cat at {source_line(node)} mixes axes")


def _cat_pieces(
    state: Numbering,
    values: list[Operation],
    marks: list[Mark | None],
    axis: int,
) -> list[np.ndarray]:
    """Units of every value; those that have none get fresh ones, which are kept."""
    pieces = []
    for value, mark in zip(values, marks, strict=True):
        if mark is not None:
            pieces.append(mark.units)
            continue
        fresh = state.units.make(shape(value)[axis])
        reason = Kept(Cause.INPUT, "they come from the model's input")
        state.units.keep(fresh, reason)
        pieces.append(fresh)
    return pieces


def number_join(state: Numbering, node: Operation, kind: str) -> None:
    """A sum, difference, product or quotient, entry by entry."""
    name = operation(node)
    where = source_line(node)
    operands = [operand for operand in node.args[:2] if isinstance(operand, Node)]
    marks = {
        operand.name: state.marks[operand.name]
        for operand in operands
        if operand.name in state.marks
    }
    dims = len(shape(node))
    marked = [operand for operand in operands if operand.name in marks]
    axes = [marks[operand.name].axis + dims - len(shape(operand)) for operand in marked]
    reversed_quotient = name == "div" and node.args[0] not in operands[:1]
    if len(set(axes)) > 1 or reversed_quotient:
        state.keep(operands, Cause.AXIS, f"{name} at {where} joins two axes")
        return
    width = shape(node)[axes[0]]
    if any(len(mark.units) != width for mark in marks.values()):
        state.keep(operands, Cause.MIXED, f"{name} at {where} repeats a unit")
        return
    units = [marks[operand.name].units for operand in marked]
    after = Mark(axes[0], units[0])
    if len(marked) < 2:
        _join_single(state, node, kind, operands, after)
        return
    if name.startswith("div"):
        text = f"div at {where} divides one unit by another"
        state.keep(operands, Cause.MIXED, text)
        return
    state.units.tie(units[0], units[1])
    source = tuple(operand.name for operand in operands)
    facts = {
        "stacked": False,
        "subtracted": name.startswith("sub"),
    }
    state.put(node, kind, source, after, **facts)


def _join_single(
    state: Numbering,
    node: Operation,
    kind: str,
    operands: list[Operation],
    after: Mark,
) -> None:
    """Only one operand has units; the second is a number or a value without any."""
    source = next(value for value in operands if value.name in state.marks)
    rest = [value for value in operands if value.name not in state.marks]
    name = operation(node)
    where = source_line(node)
    first = node.args[0] is source
    if name.startswith("div") and not first:
        state.keep([source], Cause.MIXED, f"div at {where} divides by them")
    elif not rest:
        _join_number(state, node, source, after)
    else:
        _join_value(state, node, kind, source, rest[0], after)


def _join_number(
    state: Numbering, node: Operation, source: Operation, after: Mark
) -> None:
    name = operation(node)
    numbers = [value for value in node.args[:2] if isinstance(value, int | float)]
    if not numbers:
        state.refuse(node, name, [source])
        return
    number = float(numbers[0]) * float(node.kwargs.get("alpha", 1))
    facts = by_number(name, number, first=node.args[0] is source)
    state.put(node, "scaled", (source.name,), after, **facts)


def _join_value(
    state: Numbering,
    node: Operation,
    kind: str,
    source: Operation,
    value: Operation,
    after: Mark,
) -> None:
    """A value without units: common to all of them, or a weight for each."""
    name = operation(node)
    size = (1,) * (len(shape(node)) - len(shape(value))) + shape(value)
    if size[after.axis] == 1:
        negative = name.startswith("sub") and node.args[0] is not source
        factor = -1.0 if negative else 1.0
        state.put(
            node,
            f"{kind}-common",
            (source.name,),
            after,
            factor=factor,
        )
        return
    weight = state.parameter(value)
    several_axes = max(size) != np.prod(size)
    if weight is None or several_axes or name.startswith(("sub", "div")):
        text = f"{name} at {source_line(node)} has a fixed number for every unit"
        state.keep([source], Cause.MIXED, text)
        return
    axis = next(k for k, count in enumerate(shape(value)) if count > 1)
    state.hold((weight, axis), after.units)
    state.put(
        node,
        f"{kind}-weight",
        (source.name,),
        after,
        weight=weight,
    )

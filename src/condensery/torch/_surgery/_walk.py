"""The walk through a model's operations that numbers its units: one method per kind of
operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.fx import Node

from condensery._errors import InvalidInputError
from condensery.torch._surgery._attention import weighted_sum
from condensery.torch._surgery._graph import (
    ModelGraph,
    argument,
    operation,
    shape,
    source_line,
)
from condensery.torch._surgery._index import moved_places, pooled_axis
from condensery.torch._surgery._operations import (
    ADD,
    BARRIER,
    CONVOLUTION,
    INDEX,
    MULTIPLY,
    POINTWISE,
    POOL_LINEAR,
    POOL_MAX,
    SUM,
    TRANSPOSED,
    UNCHANGED,
    by_number,
)
from condensery.torch._surgery._units import Axis, Mark, Step, Units

Operation = Any
"""A `torch.fx.Node`, whose arguments torch's types allow to be anything at all."""


class Walk:
    """State of the walk: the numbers so far.

    Attributes:
        units: All numbers.
        marks: Name of a value to its axis of units.
        axes: Axis of a parameter to its numbers.
        steps: What happened, in order.
        makers: Number of a unit to the name of the module that makes it.
    """

    def __init__(self, graph: ModelGraph, *, unsupported: str) -> None:
        self._names, self._unsupported = graph.names, unsupported
        self.units = Units()
        self.marks: dict[str, Mark] = {}
        self.axes: dict[Axis, np.ndarray] = {}
        self.steps: list[Step] = []
        self.makers: dict[int, str] = {}
        self._parts: dict[str, list[Mark]] = {}

    def visit(self, node: Operation) -> None:
        """Take one operation into account."""
        if node.op != "call_function":
            return
        name = operation(node)
        marked = [one for one in node.all_input_nodes if one.name in self.marks]
        if name.endswith("_") and not name.endswith("__"):
            name = name[:-1]
        if name == "linear":
            self._linear(node)
        elif name in CONVOLUTION:
            self._convolution(node, CONVOLUTION[name])
        elif name in TRANSPOSED:
            self._transposed(node)
        elif name == "embedding":
            self._embedding(node)
        elif name == "getitem":
            self._getitem(node)
        elif marked:
            self._pass_on(node, name, marked)

    def _pass_on(self, node: Operation, name: str, marked: list[Operation]) -> None:
        first = isinstance(node.args[0], Node) and node.args[0].name in self.marks
        if name in POINTWISE and first and len(marked) == 1:
            self._same(node, "point", activation=POINTWISE[name])
        elif name in UNCHANGED and len(marked) == 1:
            self._same(node, "unchanged")
        elif name in POOL_MAX | POOL_LINEAR | SUM:
            self._pool(node, name)
        elif name in INDEX:
            self._gather(node, name)
        elif name in ADD | MULTIPLY:
            self._join(node, "add" if name in ADD else "multiply")
        elif (passed := weighted_sum(node, name, self.marks)) is not None:
            source, mark, pool = passed
            self._keep(
                [one for one in marked if one is not source],
                f"{name} at {source_line(node)} depends on them",
            )
            self._put(node, "pool", (source.name,), mark, pool=pool)
        elif name in BARRIER:
            self._keep(marked, f"{name} at {source_line(node)} depends on all of them")
        else:
            self._special(node, name, marked, first=first)

    def _special(
        self, node: Operation, name: str, marked: list[Operation], *, first: bool
    ) -> None:
        if name == "batch_norm":
            self._batch_norm(node)
        elif name == "prelu" and first:
            self._prelu(node)
        elif name in {"chunk", "split", "split_with_sizes"}:
            self._chunk(node, name)
        elif name in {"cat", "concat"}:
            self._cat(node)
        elif name == "neg":
            self._same(node, "scaled", factor=-1.0)
        else:
            self._refuse(node, name, marked)

    def _refuse(self, node: Operation, name: str, marked: list[Operation]) -> None:
        if self._unsupported == "keep":
            self._keep(
                marked,
                f"{name} at {source_line(node)} is not on the list of known operations",
            )
            return
        raise InvalidInputError(
            "model",
            given=f"the operation {name} at {source_line(node)}",
            allowed="operations whose effect on single units is known",
            remedy="unsupported='keep' leaves the layers before it as they are",
        )

    # Layers

    def _linear(self, node: Operation) -> None:
        source, weight = node.args[0], self._parameter(node.args[1])
        bias = self._bias(node, 2)
        mark = self.marks.get(source.name)
        if weight is None or bias is False:
            self._keep(
                [source],
                f"the weight of linear at {source_line(node)} is computed by the model",
            )
            return
        if mark is not None and mark.axis != len(shape(source)) - 1:
            self._keep(
                [source], f"linear at {source_line(node)} works along another axis"
            )
            return
        if mark is not None:
            self._read(node, source.name, weight, 1, bias, padded=False)
        self._make(node, weight, 0, bias, len(shape(node)) - 1)

    def _convolution(self, node: Operation, spatial: int) -> None:
        source, weight = node.args[0], self._parameter(node.args[1])
        bias = self._bias(node, 2)
        axis = len(shape(source)) - spatial - 1
        mark, groups = self.marks.get(source.name), int(argument(node, 6, "groups", 1))
        padding = argument(node, 4, "padding", 0)
        padded = padding not in (0, "valid") and any(
            np.atleast_1d(np.asarray(padding, dtype=object)) != 0
        )
        if weight is None or bias is False:
            self._keep(
                [source],
                f"the weight of {operation(node)} at {source_line(node)} is computed",
            )
            return
        if mark is not None and mark.axis != axis:
            self._keep(
                [source],
                f"{operation(node)} at {source_line(node)} works along another axis",
            )
            return
        inputs, outputs = shape(source)[axis], shape(node)[axis]
        if groups > 1 and groups == inputs == outputs:
            self._depthwise(node, source.name, weight, bias, padded=padded)
            return
        if mark is not None:
            if groups > 1:
                self._tie_blocks(mark.units, groups)
            self._read(node, source.name, weight, 1, bias, padded=padded, groups=groups)
        made = self._make(node, weight, 0, bias, axis)
        if groups > 1:
            self._tie_blocks(made, groups)

    def _depthwise(
        self,
        node: Operation,
        source: str,
        weight: str,
        bias: str | None,
        *,
        padded: bool,
    ) -> None:
        if source not in self.marks:
            made = self._make(
                node,
                weight,
                0,
                bias,
                len(shape(node)) - CONVOLUTION[operation(node)] - 1,
            )
            self.units.keep(
                made, "a depth-wise convolution reads the model's own input"
            )
            return
        mark = self.marks[source]
        self._hold((weight, 0), mark.units)
        if bias is not None:
            self._hold((bias, 0), mark.units)
        self._put(
            node, "depthwise", (source,), mark, weight=weight, bias=bias, padded=padded
        )

    def _transposed(self, node: Operation) -> None:
        source, weight = node.args[0], self._parameter(node.args[1])
        bias, groups = self._bias(node, 2), int(argument(node, 6, "groups", 1))
        axis = len(shape(source)) - TRANSPOSED[operation(node)] - 1
        if weight is None or bias is False or groups > 1:
            self._keep(
                [source],
                f"{operation(node)} at {source_line(node)} is grouped or has a "
                "computed weight",
            )
            return
        if source.name in self.marks:
            if self.marks[source.name].axis != axis:
                self._keep(
                    [source],
                    f"{operation(node)} at {source_line(node)} works along another "
                    "axis",
                )
                return
            # Fewer kernel entries reach a border pixel: a unit's constant does not
            # arrive as one.
            self._read(node, source.name, weight, 0, bias, padded=True)
        self._make(node, weight, 1, bias, axis)

    def _embedding(self, node: Operation) -> None:
        weight = self._parameter(node.args[0])
        if weight is not None:
            self._make(node, weight, 1, None, len(shape(node)) - 1)
            self._hold_all(
                weight, 0, f"embedding at {source_line(node)} has a row for every word"
            )

    def _batch_norm(self, node: Operation) -> None:
        source, training = node.args[0], bool(node.args[5])
        mark = self.marks.get(source.name)
        parts = [self._parameter(one) for one in node.args[1:5]]
        if (
            mark is None
            or mark.axis != 1
            or training
            or parts[2] is None
            or parts[3] is None
        ):
            why = (
                "uses the statistics of the batch"
                if training
                else "works along another axis"
            )
            self._keep([source], f"batch_norm at {source_line(node)} {why}")
            return
        for part in parts:
            if part is not None:
                self._hold((part, 0), mark.units)
        self._put(
            node, "scale", (source.name,), mark, norm=parts, eps=float(node.args[7])
        )

    def _prelu(self, node: Operation) -> None:
        source, weight = node.args[0], self._parameter(node.args[1])
        mark = self.marks[source.name]
        if weight is None:
            self._keep(
                [source],
                f"the slope of prelu at {source_line(node)} is computed by the model",
            )
            return
        slopes = shape(node.args[1])[0]
        if slopes > 1:
            if mark.axis != 1:
                self._keep(
                    [source], f"prelu at {source_line(node)} works along another axis"
                )
                return
            self._hold((weight, 0), mark.units)
        self._put(node, "prelu", (source.name,), mark, weight=weight, each=slopes > 1)

    # Operations that pass units on

    def _same(self, node: Operation, kind: str, **facts: Any) -> None:
        source = next(one for one in node.all_input_nodes if one.name in self.marks)
        mark = self.marks[source.name]
        if shape(node) and shape(node)[mark.axis : mark.axis + 1] != (len(mark.units),):
            self._keep(
                [source],
                f"{operation(node)} at {source_line(node)} changes the number of units",
            )
            return
        self._put(node, kind, (source.name,), mark, **facts)

    def _pool(self, node: Operation, name: str) -> None:
        source = node.args[0]
        mark = self.marks[source.name]
        place = pooled_axis(node, name, len(shape(source)), mark.axis)
        if place is None or shape(node)[place] != len(mark.units):
            self._keep([source], f"{name} at {source_line(node)} goes over the units")
            return
        whole = not (
            name.startswith("avg_pool")
            and np.any(np.asarray(argument(node, 3, "padding", 0)) != 0)
        )
        kind = (
            "max"
            if name in POOL_MAX
            else "mean"
            if name in POOL_LINEAR and whole
            else "sum"
        )
        self._put(node, "pool", (source.name,), Mark(place, mark.units), pool=kind)

    def _gather(self, node: Operation, name: str) -> None:
        source = node.args[0]
        mark = self.marks[source.name]
        found = moved_places(node, shape(source), mark.axis)
        if isinstance(found, str):
            self._keep([source], f"{name} at {source_line(node)} {found}")
            return
        self._put(
            node,
            "gather",
            (source.name,),
            Mark(found[0], mark.units[found[1]]),
            places=found[1],
        )

    def _chunk(self, node: Operation, name: str) -> None:
        source = node.args[0]
        mark, dims = self.marks[source.name], len(shape(source))
        axis = int(argument(node, 2, "dim", 0)) % dims
        count = len(node.meta["val"])
        if axis != mark.axis:
            self._parts[node.name] = [mark] * count
        elif name == "chunk" and len(mark.units) % count == 0:
            self._tie_blocks(mark.units, count)
            self._parts[node.name] = [
                Mark(axis, part) for part in np.split(mark.units, count)
            ]
        else:
            self._keep(
                [source], f"{name} at {source_line(node)} cuts them at fixed numbers"
            )

    def _getitem(self, node: Operation) -> None:
        source, index = node.args[0], node.args[1]
        if source.name in self._parts and isinstance(index, int):
            origin, mark = source.args[0], self._parts[source.name][index]
            whole = self.marks[origin.name]
            width = len(mark.units)
            first = 0 if width == len(whole.units) else index * width
            self._put(
                node,
                "gather",
                (origin.name,),
                mark,
                places=np.arange(first, first + width),
            )

    def _cat(self, node: Operation) -> None:
        parts = list(node.args[0])
        axis = int(argument(node, 1, "dim", 0)) % len(shape(node))
        marked = [self.marks.get(one.name) for one in parts]
        own = [mark for mark in marked if mark is not None]
        if all(mark.axis == axis for mark in own):
            pieces = []
            for one, mark in zip(parts, marked, strict=True):
                units = (
                    mark.units
                    if mark is not None
                    else self.units.make(shape(one)[axis])
                )
                if mark is None:
                    self.units.keep(units, "they come from the model's input")
                pieces.append(units)
            source = tuple(
                one.name if mark is not None else ""
                for one, mark in zip(parts, marked, strict=True)
            )
            self._put(
                node,
                "cat",
                source,
                Mark(axis, np.concatenate(pieces)),
                sizes=[len(one) for one in pieces],
            )
        elif len(own) == len(parts) and len({mark.axis for mark in own}) == 1:
            for mark in own[1:]:
                self.units.tie(own[0].units, mark.units)
            self._put(
                node, "add", tuple(one.name for one in parts), own[0], stacked=True
            )
        else:
            self._keep(
                [one for one in parts if one.name in self.marks],
                f"cat at {source_line(node)} mixes axes",
            )

    def _join(self, node: Operation, kind: str) -> None:
        operands = [one for one in node.args[:2] if isinstance(one, Node)]
        dims = len(shape(node))
        marks = [self.marks.get(one.name) for one in operands]
        places = [
            m.axis + dims - len(shape(o))
            for o, m in zip(operands, marks, strict=True)
            if m is not None
        ]
        if len(set(places)) > 1 or (
            operation(node) == "div" and node.args[0] not in operands[:1]
        ):
            self._keep(
                operands, f"{operation(node)} at {source_line(node)} joins two axes"
            )
            return
        place, width = places[0], shape(node)[places[0]]
        if any(m is not None and len(m.units) != width for m in marks):
            self._keep(
                operands, f"{operation(node)} at {source_line(node)} repeats a unit"
            )
            return
        both = [mark for mark in marks if mark is not None]
        if len(both) == 2:
            if operation(node).startswith("div"):
                self._keep(
                    operands, f"div at {source_line(node)} divides one unit by another"
                )
                return
            self.units.tie(both[0].units, both[1].units)
            self._put(
                node,
                kind,
                tuple(o.name for o in operands),
                Mark(place, both[0].units),
                stacked=False,
            )
            return
        self._join_one(node, kind, operands, marks, Mark(place, both[0].units))

    def _join_one(
        self,
        node: Operation,
        kind: str,
        operands: list[Operation],
        marks: list[Mark | None],
        after: Mark,
    ) -> None:
        source = next(
            one for one, mark in zip(operands, marks, strict=True) if mark is not None
        )
        other = next(
            (one for one, mark in zip(operands, marks, strict=True) if mark is None),
            None,
        )
        name, first = operation(node), node.args[0] is source
        if name.startswith("div") and not first:
            self._keep([source], f"div at {source_line(node)} divides by them")
            return
        if other is None:
            number = next(
                (one for one in node.args[:2] if isinstance(one, int | float)), None
            )
            if number is None:
                self._refuse(node, name, [source])
                return
            facts = by_number(
                name, float(number) * float(node.kwargs.get("alpha", 1)), first=first
            )
            self._put(node, "scaled", (source.name,), after, **facts)
            return
        size = (1,) * (len(shape(node)) - len(shape(other))) + shape(other)
        if size[after.axis] == 1:
            factor = -1.0 if name.startswith("sub") and not first else 1.0
            self._put(node, f"{kind}-common", (source.name,), after, factor=factor)
            return
        weight = self._parameter(other)
        if (
            weight is None
            or max(size) != np.prod(size)
            or name.startswith(("sub", "div"))
        ):
            self._keep(
                [source],
                f"{name} at {source_line(node)} has a fixed number for every unit",
            )
            return
        axis = next(k for k, one in enumerate(shape(other)) if one > 1)
        self._hold((weight, axis), after.units)
        self._put(node, f"{kind}-weight", (source.name,), after, weight=weight)

    # Bookkeeping

    def _make(
        self, node: Operation, weight: str, axis: int, bias: str | None, place: int
    ) -> np.ndarray:
        width = shape(node)[place]
        units = (
            self.axes[weight, axis]
            if (weight, axis) in self.axes
            else self.units.make(width)
        )
        self._hold((weight, axis), units)
        if bias is not None:
            self._hold((bias, 0), units)
        for unit in units:
            self.makers.setdefault(int(unit), weight.rpartition(".")[0] or weight)
        self._put(
            node, "make", (), Mark(place, units), weight=weight, axis=axis, bias=bias
        )
        return units

    def _read(
        self,
        node: Operation,
        source: str,
        weight: str,
        axis: int,
        bias: str | None,
        *,
        padded: bool,
        groups: int = 1,
    ) -> None:
        units = self.marks[source].units
        self._hold((weight, axis), units[: len(units) // groups])
        facts = {
            "weight": weight,
            "axis": axis,
            "bias": bias,
            "padded": padded,
            "groups": groups,
        }
        self.steps.append(Step("read", node, (source,), facts))

    def _hold(self, axis: Axis, units: np.ndarray) -> None:
        if axis in self.axes:
            self.units.tie(self.axes[axis], units)
        else:
            self.axes[axis] = units

    def _hold_all(self, weight: str, axis: int, reason: str) -> None:
        if (weight, axis) in self.axes:
            self.units.keep(self.axes[weight, axis], reason)
        else:
            fresh = next(
                one for one in self.steps[::-1] if one.facts.get("weight") == weight
            )
            count = (
                shape(fresh.node.args[0])[axis]
                if operation(fresh.node) == "embedding"
                else 0
            )
            self.axes[weight, axis] = self.units.make(count)
            self.units.keep(self.axes[weight, axis], reason)

    def _tie_blocks(self, units: np.ndarray, count: int) -> None:
        blocks = np.split(units, count)
        for block in blocks[1:]:
            self.units.tie(blocks[0], block)

    def _put(
        self,
        node: Operation,
        kind: str,
        source: tuple[str, ...],
        mark: Mark,
        **facts: Any,
    ) -> None:
        self.marks[node.name] = mark
        self.steps.append(Step(kind, node, source, facts))

    def _keep(self, nodes: list[Operation], reason: str) -> None:
        for node in nodes:
            if node.name in self.marks:
                self.units.keep(self.marks[node.name].units, reason)

    def _parameter(self, node: Any) -> str | None:
        return self._names.get(node.name) if isinstance(node, Node) else None

    def _bias(self, node: Operation, place: int) -> Any:
        """The bias's name, None without one, False if it is computed."""
        given = argument(node, place, "bias", None)
        return None if given is None else self._parameter(given) or False

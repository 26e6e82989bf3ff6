"""The numbers of a model's units while its operations are walked through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch.fx import Node

from condensery._errors import InvalidInputError
from condensery.torch._surgery._graph import (
    ModelGraph,
    argument,
    operation,
    shape,
    source_line,
)
from condensery.torch._surgery._kept import Cause, Kept
from condensery.torch._surgery._units import Axis, Mark, Step, Units

Operation = Any
"""A `torch.fx.Node`, whose arguments torch's types allow to be anything at all."""


class Numbering:
    """The numbers so far.

    Attributes:
        units: All numbers.
        marks: Name of a value to its axis of units.
        axes: Axis of a parameter to its numbers.
        steps: What happened, in order.
        makers: Number of a unit to the name of the module that makes it.
        chunks: Name of a value that is cut up to the marks of its pieces.
    """

    def __init__(self, graph: ModelGraph, *, unsupported: str) -> None:
        self._names = graph.names
        self._unsupported = unsupported
        self.units = Units()
        self.marks: dict[str, Mark] = {}
        self.axes: dict[Axis, np.ndarray] = {}
        self.steps: list[Step] = []
        self.makers: dict[int, str] = {}
        self.chunks: dict[str, list[Mark]] = {}

    # Reasons to keep units

    def keep(
        self,
        nodes: Iterable[Operation],
        cause: Cause,
        text: str,
    ) -> None:
        """The units of these values must stay as they are."""
        for node in nodes:
            mark = self.marks.get(node.name)
            if mark is not None:
                self.units.keep(mark.units, Kept(cause, text))

    def keep_at(self, node: Operation, cause: Cause, text: str) -> None:
        """The units that an operation takes first must stay: it does what is said."""
        where = f"{operation(node)} at {source_line(node)}"
        self.keep([node.args[0]], cause, f"{where} {text}")

    def refuse(
        self,
        node: Operation,
        name: str,
        marked: list[Operation],
    ) -> None:
        """Refuse the model, or keep the units, at an operation that nobody knows.

        Raises:
            InvalidInputError: The operation and its line, unless units are kept there.
        """
        where = f"{name} at {source_line(node)}"
        if self._unsupported == "keep":
            text = f"{where} is not on the list of known operations"
            self.keep(marked, Cause.UNKNOWN, text)
            return
        raise InvalidInputError(
            "model",
            given=f"the operation {where}",
            allowed="operations whose effect on single units is known",
            remedy="unsupported='keep' leaves the layers before it as they are",
        )

    # Steps

    def put(
        self,
        node: Operation,
        kind: str,
        source: tuple[str, ...],
        mark: Mark,
        **facts: Any,
    ) -> None:
        """Note a step and where the units are after it."""
        self.marks[node.name] = mark
        self.steps.append(Step(kind, node, source, facts))

    def make(
        self, node: Operation, weight: str, axis: int, bias: str | None, along: int
    ) -> np.ndarray:
        """Number the units that a layer makes along an axis of its value."""
        units = self.axes.get((weight, axis))
        if units is None:
            units = self.units.make(shape(node)[along])
        self.hold((weight, axis), units)
        if bias is not None:
            self.hold((bias, 0), units)
        maker = weight.rpartition(".")[0] or weight
        for unit in units:
            self.makers.setdefault(int(unit), maker)
        mark = Mark(along, units)
        self.put(
            node,
            "make",
            (),
            mark,
            weight=weight,
            axis=axis,
            bias=bias,
        )
        return units

    def read(
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
        """Let a layer read units along an axis of its weight."""
        units = self.marks[source].units
        block = len(units) // groups
        self.hold((weight, axis), units[:block])
        facts = {
            "weight": weight,
            "axis": axis,
            "bias": bias,
            "padded": padded,
            "groups": groups,
        }
        self.steps.append(Step("read", node, (source,), facts))

    # Axes of parameters

    def hold(self, axis: Axis, units: np.ndarray) -> None:
        """The units along an axis of a parameter; those it had before are the same."""
        if axis in self.axes:
            self.units.tie(self.axes[axis], units)
        else:
            self.axes[axis] = units

    def hold_all(self, weight: str, axis: int, reason: Kept) -> None:
        """Keep everything along an axis of a weight."""
        if (weight, axis) not in self.axes:
            count = self._entries(weight, axis)
            self.axes[weight, axis] = self.units.make(count)
        self.units.keep(self.axes[weight, axis], reason)

    def _entries(self, weight: str, axis: int) -> int:
        latest = reversed(self.steps)
        step = next(step for step in latest if step.facts.get("weight") == weight)
        if operation(step.node) != "embedding":
            return 0
        return shape(step.node.args[0])[axis]

    def tie_blocks(self, units: np.ndarray, count: int) -> None:
        """Units at the same index of equally long blocks are one."""
        blocks = np.split(units, count)
        for block in blocks[1:]:
            self.units.tie(blocks[0], block)

    # Arguments

    def parameter(self, node: Any) -> str | None:
        """Name of the parameter that a node stands for, None if it is computed."""
        return self._names.get(node.name) if isinstance(node, Node) else None

    def bias(self, node: Operation, index: int) -> Any:
        """The bias's name, None without one, False if it is computed."""
        value = argument(node, index, "bias", None)
        if value is None:
            return None
        return self.parameter(value) or False

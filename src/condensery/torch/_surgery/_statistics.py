"""What the units of a model do on given data: second moments and largest values, from
one pass over its graph.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Interpreter, Node

from condensery.torch._surgery._graph import ModelGraph
from condensery.torch._surgery._units import Coupling


@dataclass(frozen=True, eq=False)
class Activity:
    """What the units of one layer's input do on the data.

    Attributes:
        gram: Σ f_p f_q over samples and pixels, position × position, with a last row
            and column for the constant 1; None for values that go into an activation.
        largest: max |f_p|.
        least: min f_p.
    """

    gram: np.ndarray | None
    largest: np.ndarray
    least: np.ndarray

    @property
    def moments(self) -> np.ndarray:
        """`gram` of a value that a layer reads."""
        return np.zeros((0, 0)) if self.gram is None else self.gram


class _Watch(Interpreter):
    """Measures values on the way; `marked` has the axis of the units, and whether a
    layer reads the value.
    """

    def __init__(
        self, module: torch.fx.GraphModule, marked: Mapping[str, tuple[int, bool]]
    ) -> None:
        super().__init__(module)
        self._marked = marked
        self.activity: dict[str, Activity] = {}

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if n.name in self._marked:
            axis, read = self._marked[n.name]
            width = value.shape[axis]
            rows = value.detach().double().movedim(axis, -1).reshape(-1, width)
            largest = rows.abs().amax(dim=0).numpy()
            least = rows.amin(dim=0).numpy()
            gram = _gram(rows) if read else None
            self.activity[n.name] = Activity(gram, largest, least)
        return value


def _gram(rows: Tensor) -> np.ndarray:
    bias = torch.ones(len(rows), 1, dtype=torch.float64)
    with_bias = torch.cat([rows, bias], dim=1)
    return (with_bias.T @ with_bias).numpy()


def activity(
    graph: ModelGraph,
    coupling: Coupling,
    state: Mapping[str, Tensor],
    inputs: Sequence[Any],
) -> dict[str, Activity]:
    """What goes into every activation and every layer that reads units, by the name of
    the value.

    Args:
        graph: Traced with inputs of the same shapes.
        coupling: Of that graph.
        state: Parameters and buffers by name, in float64.
        inputs: The data, in float64.
    """
    marked: dict[str, tuple[int, bool]] = {}
    for kind in ("point", "read"):
        for step in coupling.steps:
            if step.kind == kind:
                name = step.source[0]
                marked[name] = (coupling.marks[name].axis, kind == "read")
    watch = _Watch(graph.module, marked)
    _run(watch, graph, state, inputs)
    return watch.activity


class _Record(Interpreter):
    def __init__(self, module: torch.fx.GraphModule, names: Collection[str]) -> None:
        super().__init__(module)
        self._names = names
        self.values: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if n.name in self._names:
            self.values[n.name] = value.detach()
        return value


def values(
    graph: ModelGraph,
    state: Mapping[str, Tensor],
    inputs: Sequence[Any],
    names: Collection[str],
) -> dict[str, Tensor]:
    """What a model computes on the way, by the name of the value; the rest as for
    `activity`.
    """
    record = _Record(graph.module, names)
    _run(record, graph, state, inputs)
    return record.values


def _run(
    interpreter: Interpreter,
    graph: ModelGraph,
    state: Mapping[str, Tensor],
    inputs: Sequence[Any],
) -> None:
    tensors = iter([value for value in inputs if isinstance(value, Tensor)])
    arguments = []
    for node in graph.nodes:
        if node.op != "placeholder":
            continue
        if node.name in graph.names:
            arguments.append(state[graph.names[node.name]])
        elif node.name in graph.constants:
            arguments.append(graph.constants[node.name])
        else:
            arguments.append(next(tensors))
    with torch.no_grad():
        interpreter.run(*arguments)

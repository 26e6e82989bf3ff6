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
    """What the places of one layer's input do on the data.

    Attributes:
        gram: Σ f_p f_q over samples and positions, places × places, with a last row and
            column for the constant 1; None for values that go into an activation.
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
    def __init__(
        self, module: torch.fx.GraphModule, wanted: Mapping[str, tuple[int, bool]]
    ) -> None:
        super().__init__(module)
        self._wanted, self.found = wanted, {}

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if n.name in self._wanted:
            axis, read = self._wanted[n.name]
            rows = (
                value.detach().double().movedim(axis, -1).reshape(-1, value.shape[axis])
            )
            gram = None
            if read:
                with_one = torch.cat(
                    [rows, torch.ones(len(rows), 1, dtype=torch.float64)], dim=1
                )
                gram = (with_one.T @ with_one).numpy()
            self.found[n.name] = Activity(
                gram, rows.abs().amax(dim=0).numpy(), rows.amin(dim=0).numpy()
            )
        return value


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
    wanted = {
        step.source[0]: (coupling.marks[step.source[0]].axis, step.kind == "read")
        for kind in ("point", "read")
        for step in coupling.steps
        if step.kind == kind
    }
    watch = _Watch(graph.module, wanted)
    _run(watch, graph, state, inputs)
    return watch.found


class _Record(Interpreter):
    def __init__(self, module: torch.fx.GraphModule, names: Collection[str]) -> None:
        super().__init__(module)
        self._names, self.found = names, {}

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        if n.name in self._names:
            self.found[n.name] = value.detach()
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
    return record.found


def _run(
    interpreter: Interpreter,
    graph: ModelGraph,
    state: Mapping[str, Tensor],
    inputs: Sequence[Any],
) -> None:
    tensors = iter(one for one in inputs if isinstance(one, Tensor))
    given = []
    for node in graph.nodes:
        if node.op == "placeholder":
            name = graph.names.get(node.name)
            constant = graph.constants.get(node.name)
            given.append(
                state[name]
                if name is not None
                else constant
                if constant is not None
                else next(tensors)
            )
    with torch.no_grad():
        interpreter.run(*given)

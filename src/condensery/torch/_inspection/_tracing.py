"""A model's graphs: the whole where torch.fx can trace it, else the largest parts that
it can.
"""

from __future__ import annotations

import copy
import io
import operator
from contextlib import redirect_stdout
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.fx.proxy import TraceError
from torch.nn import functional

from condensery.torch._inspection._reading import is_transposed_linear

_OF_ONE_NUMBER = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.neg,
    torch.add,
    torch.sub,
    torch.mul,
    torch.div,
    torch.pow,
    torch.square,
    torch.sqrt,
    torch.exp,
    torch.log,
    torch.tanh,
    torch.sigmoid,
    torch.sin,
    torch.cos,
    torch.erf,
    torch.abs,
    torch.relu,
    torch.clamp,
    torch.log1p,
    torch.expm1,
    functional.relu,
    functional.gelu,
    functional.silu,
    functional.sigmoid,
    functional.tanh,
    functional.softplus,
    functional.mish,
    functional.elu,
    functional.selu,
    functional.relu6,
    functional.hardtanh,
    functional.leaky_relu,
    functional.hardswish,
    functional.hardsigmoid,
    functional.softsign,
}
_METHODS = {
    "add",
    "sub",
    "mul",
    "div",
    "pow",
    "square",
    "sqrt",
    "exp",
    "tanh",
    "sigmoid",
    "erf",
    "relu",
    "clamp",
    "abs",
}


@dataclass(frozen=True, eq=False)
class Part:
    """A module whose forward was traced.

    Attributes:
        name: Its name in the model; empty for the model itself.
        kind: Its class.
        graph: What it does; names of modules in it are those in the part.
        modules: The modules in it by these names.
    """

    name: str
    kind: str
    graph: fx.Graph
    modules: dict[str, nn.Module]

    def full(self, target: object) -> str:
        """A module's name in the model from its name in the part."""
        return f"{self.name}.{target}" if self.name else str(target)


def parts_of(model: nn.Module) -> tuple[list[Part], dict[str, str]]:
    """The traced parts, larger ones before those that they contain, and why the others
    could not be traced.

    A copy that shares the weights is traced, so that what its forward keeps on itself
    does not reach the user's.

    Args:
        model: The model.

    Returns:
        The parts, and the name of each module that could not be traced with the reason.
    """
    with redirect_stdout(io.StringIO()):  # a forward may print, but nothing is computed
        return _parts(model)


def _parts(model: nn.Module) -> tuple[list[Part], dict[str, str]]:
    shared = [*model.parameters(), *model.buffers()]
    try:
        twin = copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
    except Exception as error:  # whatever a model keeps on itself
        return [], {
            "": f"{type(model).__name__} cannot be copied: {_first_line(error)}"
        }
    parts: list[Part] = []
    failed: dict[str, str] = {}
    opaque: set[int] = set()
    whole = _part("", twin, opaque)
    if isinstance(whole, Part):
        return [whole], failed
    for name, module in reversed(
        list(twin.named_modules())
    ):  # children before their parents
        if _has_no_graph(module):
            continue
        part = _part(name, module, opaque)
        if isinstance(part, Part):
            parts.append(part)
        else:
            failed[name], _ = part, opaque.add(id(module))
    return parts[::-1], failed


def _has_no_graph(module: nn.Module) -> bool:
    if isinstance(
        module, nn.ModuleList | nn.ModuleDict | nn.ParameterList | nn.ParameterDict
    ):
        return True
    is_own = type(module).__module__.startswith("torch.nn") and not isinstance(
        module, nn.Sequential
    )
    return is_own or is_transposed_linear(module)


def _part(name: str, module: nn.Module, opaque: set[int]) -> Part | str:
    try:
        graph = _Tracer(opaque).trace(module)
    except Exception as error:  # a forward that cannot be traced can fail in any way
        why = f": {_first_line(error)}" if isinstance(error, TraceError) else ""
        return f"torch.fx cannot trace {type(module).__name__}{why}"
    return Part(name, type(module).__name__, graph, dict(module.named_modules()))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:100]


class _Tracer(fx.Tracer):
    """Stops at layers, at functions of one number, and at what cannot be traced."""

    def __init__(self, opaque: set[int]) -> None:
        super().__init__()
        self._opaque = opaque

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if (
            id(m) in self._opaque
            or is_transposed_linear(m)
            or super().is_leaf_module(m, module_qualified_name)
        ):
            return True
        return is_of_one_number(m)


def is_of_one_number(module: nn.Module) -> bool:
    """Whether a module without weights applies one function of one number to every
    entry, as its graph tells.

    A single operation is not meant: it is traced through, so that its own name is
    known.
    """
    if next(module.parameters(), None) is not None or isinstance(module, nn.Sequential):
        return False
    if type(module).__module__.startswith("torch.nn"):
        return False
    try:
        graph = fx.Tracer().trace(module)
    except Exception:  # then it is no such function
        return False
    nodes = list(graph.nodes)
    works = [node for node in nodes if node.op not in {"placeholder", "output"}]
    kinds = {
        (node.op == "call_function" and node.target in _OF_ONE_NUMBER)
        or (node.op == "call_method" and node.target in _METHODS)
        for node in works
    }
    numbers = all(
        isinstance(one, fx.Node | int | float | None)
        for node in works
        for one in _given(node)
    )
    return (
        len(works) > 1
        and kinds == {True}
        and numbers
        and sum(node.op == "placeholder" for node in nodes) == 1
    )


def _given(node: fx.Node) -> list[object]:
    return [
        *node.args,
        *(value for value in node.kwargs.values() if not isinstance(value, str | bool)),
    ]

"""A model's graphs: that of the model where torch.fx can trace it, else those of its
largest modules that it can.
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

_POINTWISE = {
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
_POINTWISE_METHODS = {
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
class Traced:
    """A module whose forward was traced.

    Attributes:
        name: Its name in the model; empty for the model itself.
        kind: Its class.
        graph: What it does; modules are named in it as in this module.
        modules: The modules in it by these names.
    """

    name: str
    kind: str
    graph: fx.Graph
    modules: dict[str, nn.Module]

    def full_name(self, target: object) -> str:
        """A module's name in the model from its name in this module."""
        return f"{self.name}.{target}" if self.name else str(target)


def trace(model: nn.Module) -> tuple[list[Traced], dict[str, str]]:
    """The traced modules, larger ones before those that they contain, and why the
    others could not be traced.

    A copy that shares the weights is traced, so that what its forward keeps on itself
    does not reach the user's.

    Args:
        model: The model.

    Returns:
        The traced modules, and the name of each module that could not be traced with
        the reason.
    """
    with redirect_stdout(io.StringIO()):  # a forward may print, but nothing is computed
        return _trace_copy(model)


def _trace_copy(model: nn.Module) -> tuple[list[Traced], dict[str, str]]:
    shared = [*model.parameters(), *model.buffers()]
    try:
        twin = copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
    except Exception as error:  # whatever a model keeps on itself
        kind = type(model).__name__
        return [], {"": f"{kind} cannot be copied: {_first_line(error)}"}
    opaque: set[int] = set()
    traced_model = _trace_module("", twin, opaque)
    if isinstance(traced_model, Traced):
        return [traced_model], {}
    graphs: list[Traced] = []
    failures: dict[str, str] = {}
    # children before their parents, which stop at a child that cannot be traced
    for name, module in reversed(list(twin.named_modules())):
        if _has_no_graph(module):
            continue
        traced = _trace_module(name, module, opaque)
        if isinstance(traced, Traced):
            graphs.append(traced)
        else:
            failures[name] = traced
            opaque.add(id(module))
    return graphs[::-1], failures


def _has_no_graph(module: nn.Module) -> bool:
    if isinstance(
        module, nn.ModuleList | nn.ModuleDict | nn.ParameterList | nn.ParameterDict
    ):
        return True
    is_of_torch = type(module).__module__.startswith("torch.nn")
    is_layer = is_of_torch and not isinstance(module, nn.Sequential)
    return is_layer or is_transposed_linear(module)


def _trace_module(name: str, module: nn.Module, opaque: set[int]) -> Traced | str:
    """A traced module, or the reason why it cannot be traced."""
    kind = type(module).__name__
    try:
        graph = _Tracer(opaque).trace(module)
    except Exception as error:  # a forward that cannot be traced can fail in any way
        why = f": {_first_line(error)}" if isinstance(error, TraceError) else ""
        return f"torch.fx cannot trace {kind}{why}"
    return Traced(name, kind, graph, dict(module.named_modules()))


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
        return is_pointwise_module(m)


def is_pointwise_module(module: nn.Module) -> bool:
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
    inputs = [node for node in nodes if node.op == "placeholder"]
    works = [node for node in nodes if node.op not in {"placeholder", "output"}]
    if len(inputs) != 1 or len(works) < 2:
        return False
    return all(_is_pointwise(node) for node in works)


def _is_pointwise(node: fx.Node) -> bool:
    is_function = node.op == "call_function" and node.target in _POINTWISE
    is_method = node.op == "call_method" and node.target in _POINTWISE_METHODS
    # a mode such as approximate="tanh" is no operand
    options = node.kwargs.values()
    operands = [value for value in options if not isinstance(value, str | bool)]
    numbers = [*node.args, *operands]
    are_numbers = all(
        isinstance(value, fx.Node | int | float | None) for value in numbers
    )
    return (is_function or is_method) and are_numbers

"""What follows a layer in a model: the activation, a normalisation, and who reads its units."""

from __future__ import annotations

import copy
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from condensery.torch._reading import unwrapped

_MODULES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu", nn.PReLU: "prelu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid",
    nn.Softplus: "softplus", nn.GELU: "gelu", nn.SiLU: "silu", nn.Hardtanh: "hardtanh", nn.ReLU6: "relu6",
    nn.ELU: "elu", nn.SELU: "selu", nn.Mish: "mish", nn.Hardswish: "hardswish", nn.Hardsigmoid: "hardsigmoid",
    nn.Softsign: "softsign",
}  # fmt: skip
_IN_FUNCTIONAL = (
    "relu", "leaky_relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "hardtanh", "relu6", "elu", "selu", "mish",
    "hardswish", "hardsigmoid", "softsign",
)  # fmt: skip
_IN_TORCH = ("relu", "tanh", "sigmoid", "sin", "cos", "abs", "square", "erf")
_FUNCTIONS = {getattr(functional, name): name for name in _IN_FUNCTIONAL}
_FUNCTIONS |= {getattr(torch, name): name for name in _IN_TORCH}
_PASSES = (
    nn.Identity, nn.modules.dropout._DropoutNd, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d,
    nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d, nn.Flatten,
)  # fmt: skip
_PASSING_FUNCTIONS = {torch.flatten, functional.dropout, torch.max_pool1d, torch.max_pool2d, torch.max_pool3d} | {
    getattr(functional, f"{kind}_pool{dimensions}d")
    for kind in ("max", "avg", "adaptive_avg", "adaptive_max")
    for dimensions in (1, 2, 3)
}
_READERS = (nn.Linear, nn.modules.conv._ConvNd)


@dataclass(frozen=True, eq=False)
class After:
    """What follows a layer.

    Attributes:
        activation: Name of the activation as in `condensery.theory.merge_rule`; ``linear`` if there is none.
        slope: Slope below 0 of leaky_relu.
        fold: Scale and shift of every unit by the batch normalisation in between, in evaluation mode.
        mirror: Whether −z may stand for z on the way to the reader: a maximum over positions forbids it.
        output: Whether the units are the output of the model.
        obstacle: Why units of this layer cannot be merged, where that is so.
    """

    activation: str = "linear"
    slope: float | None = None
    fold: tuple[np.ndarray, np.ndarray] | None = None
    mirror: bool = True
    output: bool = False
    obstacle: str = ""


def structure(model: nn.Module) -> dict[str, After]:
    """What follows each layer, for the models that torch.fx can trace; for others nothing is known.

    A copy that shares the weights is traced, so that what its forward keeps on itself does not reach the user's.

    Args:
        model: The model.
    """
    model = unwrapped(model)
    shared = [*model.parameters(), *model.buffers()]
    try:
        twin = copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
        graph = fx.symbolic_trace(twin).graph
        modules = dict(twin.named_modules())
        calls = [node for node in graph.nodes if node.op == "call_module"]
        seen = [str(node.target) for node in calls]
        return {
            str(node.target): _after(node, modules)
            if seen.count(str(node.target)) == 1
            else After(obstacle="it is used more than once")
            for node in calls
        }
    except Exception:  # a model that cannot be traced can fail in any way: then nothing is known of what follows
        return {}


def _after(node: fx.Node, modules: dict[str, nn.Module]) -> After:
    found = After()
    is_activated = False
    for following, count in _chain(node):
        if count != 1:
            return replace(found, obstacle=f"its output is used in {count} places")
        if following.op == "output":
            break
        module = modules.get(str(following.target)) if following.op == "call_module" else None
        activation = _activation(following, module)
        if activation and not is_activated:
            found, is_activated = replace(found, activation=activation[0], slope=activation[1]), True
        elif isinstance(module, _BatchNorm) and not is_activated and found.fold is None and module.track_running_stats:
            found = replace(found, fold=_fold(module))
        elif isinstance(module, _READERS):
            return replace(found, obstacle=_grouped(module))
        elif _passes(following, module):
            found = replace(found, mirror=found.mirror and "max_pool" not in _name(following, module).lower())
        else:
            return replace(found, obstacle=_unknown(following, module))
    return replace(found, output=True)


def _grouped(reader: nn.Module) -> str:
    is_grouped = isinstance(reader, nn.modules.conv._ConvNd) and reader.groups > 1
    return "a grouped convolution reads its units block by block" if is_grouped else ""


def _unknown(node: fx.Node, module: nn.Module | None) -> str:
    if node.op == "call_function" and node.target in {operator.add, operator.iadd, torch.add}:
        return "its units are added to a residual stream"
    return f"{_name(node, module)} follows, and how it reads single units is not known here"


def _chain(node: fx.Node) -> Iterator[tuple[fx.Node, int]]:
    while node.users:
        following = next(iter(node.users))
        yield following, len(node.users)
        node = following


def _activation(node: fx.Node, module: nn.Module | None) -> tuple[str, float | None] | None:
    if module is not None:
        name = _MODULES.get(type(module))
        if name == "leaky_relu":
            return name, float(module.negative_slope)  # pyrefly: ignore[bad-argument-type]
        if name == "prelu":
            slopes = module.weight.detach()  # pyrefly: ignore[missing-attribute, not-callable]
            return ("leaky_relu", float(slopes[0])) if bool((slopes == slopes[0]).all()) else None
        return None if name is None else (name, None)
    if node.op == "call_function" and node.target in _FUNCTIONS:
        name = _FUNCTIONS[node.target]  # pyrefly: ignore[bad-index]
        slope = node.kwargs.get("negative_slope", node.args[1] if len(node.args) > 1 else 0.01)
        return name, float(slope) if name == "leaky_relu" else None  # pyrefly: ignore[bad-argument-type]
    return (str(node.target), None) if node.op == "call_method" and node.target in _IN_TORCH else None


def _passes(node: fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return isinstance(module, _PASSES)
    if node.op == "call_function":
        return node.target in _PASSING_FUNCTIONS
    return node.op == "call_method" and node.target in {"flatten", "contiguous"}


def _fold(module: _BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    mean, var = module.running_mean.double(), module.running_var.double()  # pyrefly: ignore[missing-attribute]
    scale = 1.0 / torch.sqrt(var + module.eps)
    shift = torch.zeros_like(mean)
    if module.affine:
        scale = scale * module.weight.detach().double()
        shift = module.bias.detach().double()
    return scale.cpu().numpy(), (shift - mean * scale).cpu().numpy()


def _name(node: fx.Node, module: nn.Module | None) -> str:
    if module is not None:
        return re.sub(r"(?<=[a-z])(?=Pool)", "_", type(module).__name__)
    return str(node.target) if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))

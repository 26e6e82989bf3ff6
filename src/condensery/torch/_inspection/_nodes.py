"""What a node of a traced graph does to the units: an activation, a normalisation, a
softmax, or only passing them on.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from condensery.torch._inspection._reading import is_transposed_linear
from condensery.torch._inspection._tracing import is_pointwise_module

_MODULES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.PReLU: "prelu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.Softplus: "softplus",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Hardtanh: "hardtanh",
    nn.ReLU6: "relu6",
    nn.ELU: "elu",
    nn.SELU: "selu",
    nn.Mish: "mish",
    nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid",
    nn.Softsign: "softsign",
}
_IN_FUNCTIONAL = (
    "relu",
    "leaky_relu",
    "tanh",
    "sigmoid",
    "softplus",
    "gelu",
    "silu",
    "hardtanh",
    "relu6",
    "elu",
    "selu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "softsign",
)
_IN_TORCH = ("relu", "tanh", "sigmoid", "sin", "cos", "abs", "square", "erf")
_FUNCTIONS = {getattr(functional, name): name for name in _IN_FUNCTIONAL}
_FUNCTIONS |= {getattr(torch, name): name for name in _IN_TORCH}
_PASSES = (
    nn.Identity,
    nn.modules.dropout._DropoutNd,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
    nn.Flatten,
)
_PASSING_FUNCTIONS = {
    torch.flatten,
    functional.dropout,
    torch.max_pool1d,
    torch.max_pool2d,
    torch.max_pool3d,
} | {
    getattr(functional, f"{kind}_pool{dimensions}d")
    for kind in ("max", "avg", "adaptive_avg", "adaptive_max")
    for dimensions in (1, 2, 3)
}
_READERS = (nn.Linear, nn.modules.conv._ConvNd)


_IN_TRANSFORMERS = {
    "GELUActivation": "gelu",
    "GELUTanh": "gelu",
    "NewGELUActivation": "gelu",
    "SiLUActivation": "silu",
    "MishActivation": "mish",
    "LinearActivation": "linear",
    "ReLUSquaredActivation": "relu_squared",
}
_SOFTMAX = {
    functional.softmax,
    functional.log_softmax,
    torch.softmax,
    torch.log_softmax,
}
_ADDITIONS = {operator.add, operator.iadd, torch.add}
_PRODUCTS = {operator.mul, torch.mul}
STREAM = "its units are added to a residual stream"


@dataclass(frozen=True)
class Activation:
    """An activation as in `condensery.theory.merge_rule`; an empty name where it is a
    function of one number that has none there.
    """

    name: str
    slope: float | None = None


def activation_named(activation: object) -> str | None:
    """Name of an activation, a module or a function; None if it is not in the table."""
    if isinstance(activation, nn.Module):
        return _MODULES.get(type(activation))
    return _FUNCTIONS.get(activation)  # pyrefly: ignore[bad-argument-type]


def activation_of(node: fx.Node, module: nn.Module | None) -> Activation | None:
    """The activation of a node, if it is one.

    Args:
        node: A node of a traced graph.
        module: The module that it calls, if it calls one.
    """
    if module is not None:
        return _module_activation(module)
    if node.op == "call_function":
        return _function_activation(node)
    is_method = node.op == "call_method" and node.target in _IN_TORCH
    return Activation(str(node.target)) if is_method else None


def _module_activation(module: nn.Module) -> Activation | None:
    name = _MODULES.get(type(module))
    if name == "leaky_relu":
        return Activation(name, float(module.negative_slope))  # pyrefly: ignore[bad-argument-type]
    if name == "prelu":
        slopes = module.weight.detach()  # pyrefly: ignore[missing-attribute, not-callable]
        is_common = bool((slopes == slopes[0]).all())
        return Activation("leaky_relu", float(slopes[0])) if is_common else None
    if type(module).__module__ == "transformers.activations":
        name = _IN_TRANSFORMERS.get(type(module).__name__)
    if name is None and is_pointwise_module(module):
        name = ""
    return None if name is None else Activation(name)


def _function_activation(node: fx.Node) -> Activation | None:
    name = _FUNCTIONS.get(node.target)  # pyrefly: ignore[bad-argument-type]
    if name != "leaky_relu":
        return None if name is None else Activation(name)
    default = node.args[1] if len(node.args) > 1 else 0.01
    slope = node.kwargs.get("negative_slope", default)
    return Activation(name, float(slope))  # pyrefly: ignore[bad-argument-type]


def passes(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether a node passes units on without mixing them."""
    if module is not None:
        return isinstance(module, _PASSES)
    if node.op == "call_function":
        return node.target in _PASSING_FUNCTIONS
    return node.op == "call_method" and node.target in {"flatten", "contiguous"}


def takes_maximum(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether a node takes a maximum over positions."""
    return "max_pool" in _name(node, module).lower()


def is_softmax(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether a node is a softmax or its logarithm."""
    if module is not None:
        return isinstance(module, nn.Softmax | nn.LogSoftmax | nn.Softmax2d)
    if node.op == "call_function":
        return node.target in _SOFTMAX
    return node.op == "call_method" and node.target in {"softmax", "log_softmax"}


def is_reader(module: nn.Module | None) -> bool:
    """Whether a module reads units with weights of its own."""
    if isinstance(module, _READERS):
        return True
    return module is not None and is_transposed_linear(module)


def obstacle_of_reader(reader: nn.Module | None) -> str:
    """Why a reader keeps its units apart; empty if it does not."""
    is_grouped = isinstance(reader, nn.modules.conv._ConvNd) and reader.groups > 1
    return "a grouped convolution reads its units block by block" if is_grouped else ""


def obstacle_of_unknown(node: fx.Node, module: nn.Module | None) -> str:
    """Why units cannot be merged before a node that is none of the others."""
    is_function = node.op == "call_function"
    if is_function and node.target in _ADDITIONS:
        return STREAM
    is_product = is_function and node.target in _PRODUCTS
    if is_product and len(node.all_input_nodes) > 1:
        return (
            "its units are multiplied by other units, which would have to agree as well"
        )
    return (
        f"{_name(node, module)} follows, and how it reads single units is not "
        "known here"
    )


def fold(module: _BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of every unit by a batch normalisation in evaluation mode."""
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
    if isinstance(node.target, str):
        return node.target
    return getattr(node.target, "__name__", str(node.target))

"""What follows a layer in a model: the activation, a normalisation, and who reads its
units.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from condensery.torch._inspection._reading import is_transposed_linear, unwrapped
from condensery.torch._inspection._tracing import Part, is_of_one_number, parts_of

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


@dataclass(frozen=True, eq=False)
class After:
    """What follows a layer.

    Attributes:
        activation: Name of the activation as in `condensery.theory.merge_rule`;
            ``linear`` if there is none, empty for a function of one number that has no
            name there.
        slope: Slope below 0 of leaky_relu.
        fold: Scale and shift of every unit by the batch normalisation in between, in
            evaluation mode.
        mirror: Whether −z may stand for z on the way to the reader: a maximum over
            positions forbids it.
        output: Whether the units are the output of the model.
        obstacle: Why units of this layer cannot be merged, where that is so.
        beyond: Class of the module that the units leave for a part of the model that
            could not be traced.
    """

    activation: str = "linear"
    slope: float | None = None
    fold: tuple[np.ndarray, np.ndarray] | None = None
    mirror: bool = True
    output: bool = False
    obstacle: str = ""
    beyond: str = ""


@dataclass(frozen=True, eq=False)
class Structure:
    """What is known of a model beyond its layers.

    Attributes:
        after: Name of a layer to what follows it.
        untold: Name of a layer to the reason why nothing is known.
    """

    after: dict[str, After]
    untold: dict[str, str]


def structure(model: nn.Module) -> Structure:
    """What follows each layer, as far as torch.fx can trace the model or the modules
    around the layer.

    Args:
        model: The model.
    """
    model = unwrapped(model)
    parts, failed = parts_of(model)
    after: dict[str, After] = {}
    untold: dict[str, str] = {}
    for part in parts:
        calls = [node for node in part.graph.nodes if node.op == "call_module"]
        seen = [str(node.target) for node in calls]
        for node in calls:
            name = part.full(node.target)
            if name in after or name in untold:
                continue
            found = (
                _after(node, part)
                if seen.count(str(node.target)) == 1
                else After(obstacle=_TWICE)
            )
            if found is None:
                untold[name] = (
                    f"{part.kind} passes its units on, and what uses {part.kind} "
                    "could not be traced"
                )
            else:
                after[name] = found
    after.update(_in_torch_blocks(model))
    modules = dict(model.named_modules())
    for name in modules:
        if name not in after:
            untold.setdefault(name, _why_untold(name, modules, failed))
    return Structure(after, untold)


_TWICE = "it is used more than once"


def _why_untold(
    name: str, modules: dict[str, nn.Module], failed: dict[str, str]
) -> str:
    """The reason at the innermost module around a layer that could not be traced."""
    while name:
        name = name.rpartition(".")[0]
        if isinstance(modules[name], nn.MultiheadAttention):
            return "it is a part of MultiheadAttention"
        if name in failed:
            return failed[name]
    return failed.get("", "it is not called as a module in the traced forward")


def _in_torch_blocks(model: nn.Module) -> dict[str, After]:
    """Torch's own transformer layers, which cannot be traced; what they do is known
    where their forward is torch's.
    """
    found: dict[str, After] = {}
    for name, module in model.named_modules():
        kind = next((one for one in _BLOCKS if isinstance(module, one)), None)
        if kind is None or type(module).forward is not kind.forward:
            continue
        activation = module.activation
        named = (
            _MODULES.get(type(activation))
            if isinstance(activation, nn.Module)
            else _FUNCTIONS.get(activation)
        )
        stem = f"{name}." if name else ""
        found[f"{stem}linear2"] = After(obstacle=_STREAM)
        if named is not None and named not in {"leaky_relu", "prelu"}:
            found[f"{stem}linear1"] = After(activation=named)
    return found


_BLOCKS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
_STREAM = "its units are added to a residual stream"


def _after(node: fx.Node, part: Part) -> After | None:
    """What follows, or None if the units leave the part before any activation."""
    return _follow(node, part, After(), is_activated=False, softmax="")


def _follow(
    node: fx.Node, part: Part, found: After, *, is_activated: bool, softmax: str
) -> After | None:
    """Go on from a value to all that use it; `softmax` is the obstacle that a softmax
    before here would be.
    """
    ends = [
        _use(one, part, found, is_activated=is_activated, softmax=softmax)
        for one in node.users
    ]
    known = [one for one in ends if one is not None]
    if len(known) < len(ends):
        return None
    obstacles = [one for one in known if one.obstacle]
    if obstacles or not known:
        return (
            obstacles[0]
            if obstacles
            else _end(part, found, is_activated=is_activated, softmax=softmax)
        )
    first = known[0]
    if any(
        (one.activation, one.slope, one.fold)
        != (first.activation, first.slope, first.fold)
        for one in known
    ):
        return replace(
            first, obstacle=f"its output is used in {len(known)} places, and not alike"
        )
    return replace(
        first,
        mirror=all(one.mirror for one in known),
        output=any(one.output for one in known),
        beyond=next((one.beyond for one in known if one.beyond), ""),
    )


def _use(
    node: fx.Node, part: Part, found: After, *, is_activated: bool, softmax: str
) -> After | None:
    """Go through one operation."""
    if node.op == "output":
        return _end(part, found, is_activated=is_activated, softmax=softmax)
    module = part.modules.get(str(node.target)) if node.op == "call_module" else None
    if softmax:
        return replace(found, obstacle=softmax)
    activation = _activation(node, module)
    if activation and not is_activated:
        found, is_activated = (
            replace(found, activation=activation[0], slope=activation[1]),
            True,
        )
    elif (
        isinstance(module, _BatchNorm)
        and not is_activated
        and found.fold is None
        and module.track_running_stats
    ):
        found = replace(found, fold=_fold(module))
    elif isinstance(module, _READERS) or (
        module is not None and is_transposed_linear(module)
    ):
        return replace(found, obstacle=_grouped(module))
    elif _passes(node, module):
        found = replace(
            found, mirror=found.mirror and "max_pool" not in _name(node, module).lower()
        )
    elif _is_softmax(node, module):
        softmax = _unknown(node, module)  # unless the output of the model comes next
    else:
        return replace(found, obstacle=_unknown(node, module))
    return _follow(node, part, found, is_activated=is_activated, softmax=softmax)


def _end(part: Part, found: After, *, is_activated: bool, softmax: str) -> After | None:
    if not part.name:
        return replace(found, output=True)
    return replace(found, beyond=part.kind) if is_activated and not softmax else None


def _is_softmax(node: fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return isinstance(module, nn.Softmax | nn.LogSoftmax | nn.Softmax2d)
    if node.op == "call_function":
        return node.target in _SOFTMAX
    return node.op == "call_method" and node.target in {"softmax", "log_softmax"}


def _grouped(reader: nn.Module) -> str:
    is_grouped = isinstance(reader, nn.modules.conv._ConvNd) and reader.groups > 1
    return "a grouped convolution reads its units block by block" if is_grouped else ""


def _unknown(node: fx.Node, module: nn.Module | None) -> str:
    if node.op == "call_function" and node.target in {
        operator.add,
        operator.iadd,
        torch.add,
    }:
        return _STREAM
    if (
        node.op == "call_function"
        and node.target in {operator.mul, torch.mul}
        and len(node.all_input_nodes) > 1
    ):
        return (
            "its units are multiplied by other units, which would have to agree as well"
        )
    return (
        f"{_name(node, module)} follows, and how it reads single units is not "
        "known here"
    )


def _activation(
    node: fx.Node, module: nn.Module | None
) -> tuple[str, float | None] | None:
    if module is not None:
        name = _MODULES.get(type(module))
        if name == "leaky_relu":
            return name, float(module.negative_slope)  # pyrefly: ignore[bad-argument-type]
        if name == "prelu":
            slopes = module.weight.detach()  # pyrefly: ignore[missing-attribute, not-callable]
            return (
                ("leaky_relu", float(slopes[0]))
                if bool((slopes == slopes[0]).all())
                else None
            )
        if type(module).__module__ == "transformers.activations":
            name = _IN_TRANSFORMERS.get(type(module).__name__)
        if name is None and is_of_one_number(module):
            name = ""
        return None if name is None else (name, None)
    if node.op == "call_function" and node.target in _FUNCTIONS:
        name = _FUNCTIONS[node.target]  # pyrefly: ignore[bad-index]
        slope = node.kwargs.get(
            "negative_slope", node.args[1] if len(node.args) > 1 else 0.01
        )
        return name, float(slope) if name == "leaky_relu" else None  # pyrefly: ignore[bad-argument-type]
    return (
        (str(node.target), None)
        if node.op == "call_method" and node.target in _IN_TORCH
        else None
    )


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
    return (
        str(node.target)
        if isinstance(node.target, str)
        else getattr(node.target, "__name__", str(node.target))
    )

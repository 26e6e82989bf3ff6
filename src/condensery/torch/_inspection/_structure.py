"""What follows a layer in a model: the activation, a normalisation, and who reads its
units.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from condensery.torch._inspection._nodes import (
    STREAM,
    activation_named,
    activation_of,
    fold,
    is_reader,
    is_softmax,
    obstacle_of_reader,
    obstacle_of_unknown,
    passes,
    takes_maximum,
)
from condensery.torch._inspection._reading import unwrapped
from condensery.torch._inspection._tracing import Traced, trace

_BLOCKS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


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
        untraced: Name of a layer to the reason why nothing is known.
    """

    after: dict[str, After]
    untraced: dict[str, str]


@dataclass(frozen=True, eq=False)
class _Path:
    """What the units of a layer have met on the way to a node.

    Attributes:
        after: What is known so far.
        is_activated: Whether their activation is behind them.
        softmax: The obstacle that a softmax behind them is, unless the output of the
            model comes next.
    """

    after: After
    is_activated: bool = False
    softmax: str = ""


def structure(model: nn.Module) -> Structure:
    """What follows each layer, as far as torch.fx can trace the model or the modules
    around the layer.

    Args:
        model: The model.
    """
    model = unwrapped(model)
    graphs, failures = trace(model)
    after: dict[str, After] = {}
    untraced: dict[str, str] = {}
    for traced in graphs:
        calls = [node for node in traced.graph.nodes if node.op == "call_module"]
        counts = Counter(str(node.target) for node in calls)
        for node in calls:
            name = traced.full_name(node.target)
            if name in after or name in untraced:
                continue
            reached = _after(node, traced, counts[str(node.target)])
            if reached is None:
                untraced[name] = (
                    f"{traced.kind} passes its units on, and what uses {traced.kind} "
                    "could not be traced"
                )
            else:
                after[name] = reached
    after.update(_in_torch_blocks(model))
    modules = dict(model.named_modules())
    for name in modules:
        if name not in after:
            untraced.setdefault(name, _why_untraced(name, modules, failures))
    return Structure(after, untraced)


def _why_untraced(
    name: str, modules: dict[str, nn.Module], failures: dict[str, str]
) -> str:
    """The reason at the innermost module around a layer that could not be traced."""
    while name:
        name = name.rpartition(".")[0]
        if isinstance(modules[name], nn.MultiheadAttention):
            return "it is a part of MultiheadAttention"
        if name in failures:
            return failures[name]
    return failures.get("", "it is not called as a module in the traced forward")


def _in_torch_blocks(model: nn.Module) -> dict[str, After]:
    """Torch's own transformer layers, which cannot be traced; what they do is known
    where their forward is torch's.
    """
    after: dict[str, After] = {}
    for name, module in model.named_modules():
        kind = next((block for block in _BLOCKS if isinstance(module, block)), None)
        if kind is None or type(module).forward is not kind.forward:
            continue
        activation = activation_named(module.activation)
        stem = f"{name}." if name else ""
        after[f"{stem}linear2"] = After(obstacle=STREAM)
        if activation is not None and activation not in {"leaky_relu", "prelu"}:
            after[f"{stem}linear1"] = After(activation=activation)
    return after


def _after(node: fx.Node, traced: Traced, calls: int) -> After | None:
    """What follows a layer, or None if its units leave the graph before any
    activation.
    """
    if calls > 1:
        return After(obstacle="it is used more than once")
    return _follow(node, traced, _Path(After()))


def _follow(node: fx.Node, traced: Traced, path: _Path) -> After | None:
    """Go on from a value to all that use it."""
    ends = [_use(user, traced, path) for user in node.users]
    reached = [end for end in ends if end is not None]
    if len(reached) < len(ends):
        return None
    if not reached:
        return _end(traced, path)
    obstacles = [after for after in reached if after.obstacle]
    return obstacles[0] if obstacles else _in_common(reached)


def _in_common(reached: list[After]) -> After:
    """What follows a value that is used more than once."""
    first, *rest = reached
    are_alike = all(_acts_like(after, first) for after in rest)
    if not are_alike:
        obstacle = f"its output is used in {len(reached)} places, and not alike"
        return replace(first, obstacle=obstacle)
    beyond = [after.beyond for after in reached if after.beyond]
    return replace(
        first,
        mirror=all(after.mirror for after in reached),
        output=any(after.output for after in reached),
        beyond=beyond[0] if beyond else "",
    )


def _acts_like(after: After, first: After) -> bool:
    return (
        after.activation == first.activation
        and after.slope == first.slope
        and after.fold is first.fold
    )


def _use(node: fx.Node, traced: Traced, path: _Path) -> After | None:
    """Go through one operation."""
    if node.op == "output":
        return _end(traced, path)
    after = path.after
    if path.softmax:
        return replace(after, obstacle=path.softmax)
    is_module = node.op == "call_module"
    module = traced.modules.get(str(node.target)) if is_module else None
    activation = activation_of(node, module)
    if activation is not None and not path.is_activated:
        name, slope = activation.name, activation.slope
        after = replace(after, activation=name, slope=slope)
        path = replace(path, after=after, is_activated=True)
    elif isinstance(module, _BatchNorm) and _can_fold(module, path):
        path = replace(path, after=replace(after, fold=fold(module)))
    elif is_reader(module):
        return replace(after, obstacle=obstacle_of_reader(module))
    elif passes(node, module):
        mirror = after.mirror and not takes_maximum(node, module)
        path = replace(path, after=replace(after, mirror=mirror))
    elif is_softmax(node, module):
        path = replace(path, softmax=obstacle_of_unknown(node, module))
    else:
        return replace(after, obstacle=obstacle_of_unknown(node, module))
    return _follow(node, traced, path)


def _can_fold(module: _BatchNorm, path: _Path) -> bool:
    is_first = not path.is_activated and path.after.fold is None
    return is_first and bool(module.track_running_stats)


def _end(traced: Traced, path: _Path) -> After | None:
    if not traced.name:
        return replace(path.after, output=True)
    if path.is_activated and not path.softmax:
        return replace(path.after, beyond=traced.kind)
    return None

"""A double-precision twin of a model whose weights are edited at full width and cut out
at the end.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condensery.torch._surgery._units import Axis

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Twin:
    """A copy of a model in float64 and evaluation mode, with its weights as arrays by
    name.

    Args:
        model: The user's model; it is copied.
        names: Names of the parameters and buffers that the exported graph uses.
    """

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        self.model = copy.deepcopy(model).double().eval()
        self._tensors = {name: _find(self.model, name) for name in names}
        self.weights: dict[str, np.ndarray] = {
            name: tensor.detach().numpy()
            for name, tensor in self._tensors.items()
            if tensor.is_floating_point()
        }

    def save(self) -> dict[str, np.ndarray]:
        """A copy of all weights, to come back to."""
        return {name: weight.copy() for name, weight in self.weights.items()}

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Come back to saved weights."""
        for name, weight in saved.items():
            self.weights[name][...] = weight

    def state(self) -> dict[str, Tensor]:
        """Tensors by name, as the graph takes them."""
        return dict(self._tensors)


def _find(model: nn.Module, name: str) -> Tensor:
    owner, _, last = name.rpartition(".")
    return getattr(model.get_submodule(owner), last)


def cut(
    model: nn.Module,
    weights: Mapping[str, np.ndarray],
    places: Mapping[Axis, np.ndarray],
) -> nn.Module:
    """A copy of the user's model with new weights, of which along each axis only the
    given places are taken.

    Modules keep their classes and their names; sizes that they state (`in_features`,
    `num_features`, …) follow. Tied weights stay tied.

    Args:
        model: The user's model.
        weights: Full weights by name.
        places: Axis of a weight to the places to take, in the new order; a place may be
            taken twice.
    """
    result = copy.deepcopy(model)
    shared: dict[int, list[tuple[nn.Module, str]]] = {}
    for module in result.modules():
        for last, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None:
                shared.setdefault(id(tensor), []).append((module, last))
    for name, weight in weights.items():
        old = _find(result, name)
        new = torch.from_numpy(weight)
        for (owner, axis), kept in places.items():
            if owner == name:
                new = new.index_select(axis, torch.from_numpy(np.asarray(kept)))
        new = (
            new.to(old.dtype)
            .to(old.device)
            .clone(memory_format=torch.contiguous_format)
        )
        if isinstance(old, nn.Parameter):
            new = nn.Parameter(new, requires_grad=old.requires_grad)
        for module, last in shared[id(old)]:
            held: dict[str, Any] = (
                module._parameters if last in module._parameters else module._buffers
            )
            held[last] = new
    for module in result.modules():
        _restate(module)
    return result


def _restate(module: nn.Module) -> None:
    """Let a module of torch state the sizes that its weights have."""
    if type(module) is nn.Linear:
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _CONVOLUTIONS):
        depthwise = (
            module.groups > 1
            and module.groups == module.in_channels == module.out_channels
        )
        module.out_channels = module.weight.shape[0]
        if depthwise:
            module.groups = module.out_channels
        module.in_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, _TRANSPOSED):
        module.in_channels, module.out_channels = (
            module.weight.shape[0],
            module.weight.shape[1] * module.groups,
        )
    elif isinstance(module, _NORMS) and module.running_mean is not None:
        module.num_features = len(module.running_mean)
    elif type(module) is nn.PReLU:
        module.num_parameters = len(module.weight)
    elif type(module) is nn.Embedding:
        module.embedding_dim = module.weight.shape[1]


def outputs(model: nn.Module, inputs: Sequence[Any]) -> list[Tensor]:
    """What a model returns, as a flat list of floating-point tensors in float64."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        given = model(*inputs)
    return [one.double() for one in _flat(given) if one.is_floating_point()]


def _flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for one in value for tensor in _flat(one)]
    return []


def as_double(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Inputs whose real numbers are in float64."""
    return tuple(
        one.double() if isinstance(one, Tensor) and one.is_floating_point() else one
        for one in inputs
    )


def like(inputs: Sequence[Any], seed: int) -> tuple[Any, ...]:
    """Random inputs of the same shapes: normal with the same mean and spread, or whole
    numbers of the same range.
    """
    source = torch.Generator().manual_seed(seed)
    made = []
    for one in inputs:
        if not isinstance(one, Tensor) or not one.numel():
            made.append(one)
        elif one.is_floating_point():
            mean, spread = one.double().mean(), one.double().std(correction=0)
            drawn = mean + (spread if spread > 0 else 1.0) * torch.randn(
                one.shape, generator=source, dtype=torch.float64
            )
            made.append(drawn.to(one.dtype))
        elif one.dtype == torch.bool:
            made.append(one)
        else:
            low, high = int(one.min()), int(one.max())
            made.append(
                torch.randint(
                    low, high + 1, one.shape, generator=source, dtype=one.dtype
                )
            )
    return tuple(made)


def difference(
    found: Sequence[Tensor], expected: Sequence[Tensor]
) -> tuple[float, float]:
    """Max |f′ − f|, and that over max |f|; infinite where a shape or a value is
    wrong.
    """
    if [one.shape for one in found] != [one.shape for one in expected]:
        return float("inf"), float("inf")
    worst = max(
        (
            float((a - b).abs().max())
            for a, b in zip(found, expected, strict=True)
            if a.numel()
        ),
        default=0.0,
    )
    size = max((float(one.abs().max()) for one in expected if one.numel()), default=0.0)
    if not np.isfinite(worst):
        return float("inf"), float("inf")
    return worst, worst / size if size > 0 else (0.0 if worst == 0 else float("inf"))

"""A double-precision twin of a model whose weights are edited at full width and cut out
at the end.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
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

    Attributes:
        model: The copy.
        weights: Its floating-point weights as arrays, by name.
        types: Kinds of number in which the user's model stores them.
    """

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        self.types = {}
        for name in names:
            stored = _find(model, name)
            self.types[name] = stored.dtype
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

    @contextmanager
    def as_stored(self, names: Iterable[str]) -> Generator[None]:
        """Round weights for a while to the kind of number in which the user's model
        stores them.
        """
        exact = {}
        for name in names:
            weight = self.weights[name]
            exact[name] = weight.copy()
            kind = self.types[name]
            stored = torch.from_numpy(weight).to(kind)
            weight[...] = stored.double().numpy()
        try:
            yield
        finally:
            self.restore(exact)


def _find(model: nn.Module, name: str) -> Tensor:
    owner, _, last = name.rpartition(".")
    return getattr(
        model.get_submodule(owner),
        last,
    )


def cut(
    model: nn.Module,
    weights: Mapping[str, np.ndarray],
    positions: Mapping[Axis, np.ndarray],
) -> nn.Module:
    """A copy of the user's model with new weights, of which along each axis only the
    given positions are taken.

    Modules keep their classes and their names; sizes that they state (`in_features`,
    `num_features`, …) follow. Tied weights stay tied.

    Args:
        model: The user's model.
        weights: Full weights by name.
        positions: Axis of a weight to the positions to take, in the new order; one may
            be taken twice.
    """
    result = copy.deepcopy(model)
    holders = _holders(result)
    for name, weight in weights.items():
        old = _find(result, name)
        new = torch.from_numpy(weight)
        for (owner, axis), kept in positions.items():
            if owner == name:
                index = torch.from_numpy(np.asarray(kept))
                new = new.index_select(axis, index)
        new = new.to(old.dtype).to(old.device)
        new = new.clone(
            memory_format=torch.contiguous_format,
        )
        if isinstance(old, nn.Parameter):
            new = nn.Parameter(
                new,
                requires_grad=old.requires_grad,
            )
        for tensors, last in holders[id(old)]:
            tensors[last] = new
    for module in result.modules():
        _restate(module)
    return result


def _holders(model: nn.Module) -> dict[int, list[tuple[dict[str, Any], str]]]:
    """Identity of a tensor to the modules' dictionaries that hold it, tied ones too."""
    holders: dict[int, list[tuple[dict[str, Any], str]]] = {}
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for last, tensor in tensors.items():
                if tensor is not None:
                    holders.setdefault(
                        id(tensor),
                        [],
                    ).append((tensors, last))
    return holders


def _restate(module: nn.Module) -> None:
    """Let a module of torch state the sizes that its weights have."""
    if type(module) is nn.Linear:
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _CONVOLUTIONS):
        _restate_convolution(module)
    elif isinstance(module, _TRANSPOSED):
        module.in_channels = module.weight.shape[0]
        module.out_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, _NORMS) and module.running_mean is not None:
        module.num_features = len(module.running_mean)
    elif type(module) is nn.PReLU:
        module.num_parameters = len(module.weight)
    elif type(module) is nn.Embedding:
        module.embedding_dim = module.weight.shape[1]


def _restate_convolution(module: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> None:
    filters_alone = module.groups == module.in_channels == module.out_channels
    depthwise = module.groups > 1 and filters_alone
    module.out_channels = module.weight.shape[0]
    if depthwise:
        module.groups = module.out_channels
    module.in_channels = module.weight.shape[1] * module.groups


def as_double(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Inputs whose real numbers are in float64."""
    return tuple(_in_double(value) for value in inputs)


def _in_double(value: Any) -> Any:
    is_real = isinstance(value, Tensor) and value.is_floating_point()
    return value.double() if is_real else value


def like(inputs: Sequence[Any], seed: int) -> tuple[Any, ...]:
    """Random inputs of the same shapes: normal with the same mean and spread, or whole
    numbers of the same range.
    """
    source = torch.Generator().manual_seed(seed)
    return tuple(_drawn(value, source) for value in inputs)


def _drawn(value: Any, source: torch.Generator) -> Any:
    if not isinstance(value, Tensor) or not value.numel():
        return value
    if value.dtype == torch.bool:
        return value
    if value.is_floating_point():
        mean = value.double().mean()
        spread = value.double().std(
            correction=0,
        )
        scale = spread if spread > 0 else 1.0
        normal = torch.randn(
            value.shape,
            generator=source,
            dtype=torch.float64,
        )
        return (mean + scale * normal).to(value.dtype)
    high = int(value.max())
    return torch.randint(
        int(value.min()),
        high + 1,
        value.shape,
        generator=source,
        dtype=value.dtype,
    )

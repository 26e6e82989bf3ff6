"""How far a function moved: what two models return, output by output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_MOST_AXES_OF_ROWS = 3
"""Tensors with more axes are images, whose outputs are channels along axis 1."""


class Change(NamedTuple):
    """How far a function moved.

    Attributes:
        absolute: max |Δf| over all outputs.
        relative: max |Δf|/max |f| of the output for which that is largest.
    """

    absolute: float
    relative: float


_INFINITE = Change(float("inf"), float("inf"))


def outputs(model: nn.Module, inputs: Sequence[Any]) -> list[Tensor]:
    """What a model returns, as a flat list of floating-point tensors in float64."""
    with (
        torch.no_grad(),
        torch.random.fork_rng(
            devices=[],
        ),
    ):
        value = model(*inputs)
    return [tensor.double() for tensor in _flat(value) if tensor.is_floating_point()]


def _flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(
        value,
        list | tuple,
    ):
        return [tensor for entry in value for tensor in _flat(entry)]
    return []


def rounding_of(model: nn.Module) -> float:
    """The relative rounding of the coarsest kind of number among the weights."""
    real = [tensor.dtype for tensor in model.parameters() if tensor.is_floating_point()]
    return max((torch.finfo(dtype).eps for dtype in real), default=0.0)


def difference(
    values: Sequence[Tensor], expected: Sequence[Tensor], *, rounding: float
) -> Change:
    """How far values are from those that are expected.

    Every output is compared with its own size: the last axis of a tensor has the
    outputs, axis 1 where there are more than three (the channels of images). An output
    that is smaller than the rounding of its tensor's largest value counts as that
    large.

    Args:
        values: Tensors that a model returns.
        expected: Tensors that the model it is compared with returns.
        rounding: Relative rounding of the weights.

    Returns:
        Infinite where a shape or a value is wrong.
    """
    if [value.shape for value in values] != [value.shape for value in expected]:
        return _INFINITE
    pairs = zip(
        values,
        expected,
        strict=True,
    )
    changes = [
        _of_tensor(value, reference, rounding)
        for value, reference in pairs
        if value.numel()
    ]
    return largest(changes)


def largest(changes: Sequence[Change]) -> Change:
    """The largest of each kind; zeros without any."""
    absolute = (change.absolute for change in changes)
    relative = (change.relative for change in changes)
    return Change(
        max(absolute, default=0.0),
        max(relative, default=0.0),
    )


def _of_tensor(value: Tensor, reference: Tensor, rounding: float) -> Change:
    both_nan = value.isnan() & reference.isnan()
    same = (value == reference) | both_nan
    moved = (value - reference).abs()
    moved[same] = 0.0
    if not bool(moved.isfinite().all()):
        return _INFINITE
    magnitude = reference.abs()
    magnitude[~reference.isfinite()] = 0.0
    moves, sizes = _by_output(moved), _by_output(magnitude)
    least = rounding * float(sizes.max())
    ratio = moves / sizes.clamp(min=least)
    ratio[moves == 0] = 0.0
    return Change(
        float(moves.max()),
        float(ratio.max()),
    )


def _by_output(magnitude: Tensor) -> Tensor:
    """The largest magnitude of every output."""
    if magnitude.ndim < 2:
        return magnitude.max().reshape(1)
    axis = 1 if magnitude.ndim > _MOST_AXES_OF_ROWS else magnitude.ndim - 1
    return magnitude.movedim(axis, 0).flatten(1).amax(dim=1)

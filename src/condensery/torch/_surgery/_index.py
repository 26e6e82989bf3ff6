"""Where entries go when an operation moves them: found by carrying it out on their
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from condensery.torch._surgery._graph import argument, shape


def moved_positions(
    node: Any, size: Sequence[int], axis: int
) -> tuple[int, np.ndarray] | str:
    """The axis on which positions along `axis` end up, and the old position at every
    new one; or why there is no such axis.

    Args:
        node: The operation, a `torch.fx.Node`.
        size: Shape of what it takes.
        axis: The axis whose positions are followed.
    """
    along_axis = [-1 if k == axis else 1 for k in range(len(size))]
    positions = np.arange(size[axis]).reshape(along_axis)
    entries = np.ascontiguousarray(np.broadcast_to(positions, size))
    tensor = torch.from_numpy(entries)
    moved = node.target(
        tensor,
        *node.args[1:],
        **node.kwargs,
    ).numpy()
    axes = [k for k in range(moved.ndim) if _varies(moved, k)]
    if len(axes) > 1 or moved.ndim == 0:
        return "spreads them over several axes"
    target = axes[0] if axes else _single_axis(moved)
    rows = np.moveaxis(moved, target, 0).reshape(moved.shape[target], -1)
    old = rows[:, 0]
    if len(np.unique(old)) != size[axis]:
        return "picks some of them by number"
    return target, old


def _varies(array: np.ndarray, axis: int) -> bool:
    return array.shape[axis] > 1 and bool(
        np.any(
            np.diff(
                array,
                axis=axis,
            )
        )
    )


def _single_axis(array: np.ndarray) -> int:
    """The first axis of size 1, on which a single unit can be."""
    return next((k for k in range(array.ndim) if array.shape[k] == 1), 0)


def pooled_axis(
    node: Any,
    name: str,
    dims: int,
    axis: int,
) -> int | None:
    """Where an axis is after pooling over others; None if the pooling goes over it.

    Args:
        node: The operation.
        name: Its name.
        dims: Number of axes of what it takes.
        axis: The axis that is followed.
    """
    after = len(shape(node))
    if name not in {"mean", "sum", "amax"}:
        moved = axis - dims + after
        return moved if 0 <= moved < after else None
    dim = argument(node, 1, "dim", None)
    chosen = range(dims) if dim is None else np.atleast_1d(dim)
    pooled = {int(index) % dims for index in chosen}
    if axis in pooled:
        return None
    if after == dims:
        return axis
    return axis - sum(index < axis for index in pooled)

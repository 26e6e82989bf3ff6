"""Where entries go when an operation moves them: found by carrying it out on their
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from condensery.torch._surgery._graph import argument, shape


def moved_places(
    node: Any, size: Sequence[int], axis: int
) -> tuple[int, np.ndarray] | str:
    """The axis on which places along `axis` end up, and the old place at every new one;
    or why there is no such axis.

    Args:
        node: The operation, a `torch.fx.Node`.
        size: Shape of what it takes.
        axis: The axis whose places are followed.
    """
    places = np.arange(size[axis]).reshape(
        [-1 if k == axis else 1 for k in range(len(size))]
    )
    whole = torch.from_numpy(np.ascontiguousarray(np.broadcast_to(places, size)))
    moved = node.target(whole, *node.args[1:], **node.kwargs).numpy()
    axes = [
        k
        for k in range(moved.ndim)
        if moved.shape[k] > 1 and np.any(np.diff(moved, axis=k))
    ]
    if len(axes) > 1 or moved.ndim == 0:
        return "spreads them over several axes"
    target = (
        axes[0]
        if axes
        else next((k for k in range(moved.ndim) if moved.shape[k] == 1), 0)
    )
    along = np.moveaxis(moved, target, 0).reshape(moved.shape[target], -1)[:, 0]
    return (
        (target, along)
        if len(np.unique(along)) == size[axis]
        else "picks some of them by number"
    )


def pooled_axis(node: Any, name: str, dims: int, axis: int) -> int | None:
    """Where an axis is after pooling over others; None if the pooling goes over it.

    Args:
        node: The operation.
        name: Its name.
        dims: Number of axes of what it takes.
        axis: The axis that is followed.
    """
    after = len(shape(node))
    if name in {"mean", "sum", "amax"}:
        given = argument(node, 1, "dim", None)
        axes = (
            {one % dims for one in np.atleast_1d(given)}
            if given is not None
            else set(range(dims))
        )
        if axis in axes:
            return None
        return axis if after == dims else axis - sum(one < axis for one in axes)
    place = axis - dims + after
    return place if 0 <= place < after else None

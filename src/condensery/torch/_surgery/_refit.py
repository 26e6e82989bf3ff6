"""Outgoing weights of the units that stay, fitted to what the next layer computed
before anything was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from condensery.torch._surgery._graph import argument, operation
from condensery.torch._surgery._units import Coupling, Step

RIDGE = 1e-3
"""Pull towards the merged weights, as a share of the features' mean square: there may
be fewer samples than weights.
"""
_ENTRIES = 2**24


def refittable(coupling: Coupling) -> list[Step]:
    """Readers whose weights can be fitted: linear layers, and convolutions over one or
    two axes without groups.

    A layer that is used twice has no single target and is left out.
    """
    reads = [step for step in coupling.steps if step.kind == "read"]
    used = [step.facts["weight"] for step in reads]
    return [
        step
        for step in reads
        if used.count(step.facts["weight"]) == 1 and _is_fitted(step)
    ]


def _is_fitted(step: Step) -> bool:
    name = operation(step.node)
    if name not in {"conv1d", "conv2d"}:
        return name == "linear"
    padding = argument(step.node, 4, "padding", 0)
    return step.facts["groups"] == 1 and not isinstance(padding, str)


def refit(
    weights: dict[str, np.ndarray],
    step: Step,
    kept: np.ndarray,
    now: Mapping[str, Tensor],
    target: Tensor,
) -> None:
    """Fit one reader in place: min ‖Z − A (W + δ)‖² + λ ‖δ‖² over δ, λ = `RIDGE` times
    the mean of diag AᵀA.

    A are the values that it reads at the kept positions, one row per sample and pixel
    (for a convolution the patches), with a column of ones where it has a bias; W are
    its merged weights.

    Args:
        weights: Of the model as cut so far, by name.
        step: The reader.
        kept: Its input positions that stay.
        now: What the cut model computes: the value that is read, and the reader's own.
        target: Z, the reader's value in the model as it was given.
    """
    value = now[step.source[0]]
    rest = target - now[step.node.name]
    bias = step.facts["bias"]
    gram, cross = torch.zeros(()), torch.zeros(())
    for features, left in _batches(step, value, rest, kept):
        rows = features
        if bias is not None:
            ones = features.new_ones(len(features), 1)
            rows = torch.cat(
                [features, ones],
                dim=1,
            )
        gram = gram + rows.T @ rows
        cross = cross + rows.T @ left
    pull = RIDGE * float(gram.diagonal().mean())
    if not pull > 0:
        return
    damped = gram + pull * torch.eye(
        len(gram),
        dtype=gram.dtype,
    )
    change = torch.linalg.solve(damped, cross).T.numpy()
    weight = weights[step.facts["weight"]]
    fitted = change if bias is None else change[:, :-1]
    weight[:, kept] += fitted.reshape(weight[:, kept].shape)
    if bias is not None:
        weights[bias] += change[:, -1]


def _batches(
    step: Step, value: Tensor, rest: Tensor, kept: np.ndarray
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of features and of what is left to fit, some samples at a time."""
    if operation(step.node) == "linear":
        features = value[..., kept].reshape(
            -1,
            len(kept),
        )
        yield features, rest.reshape(-1, rest.shape[-1])
        return
    kernel = tuple(step.node.args[1].meta["val"].shape[2:])
    flat = value.ndim == 3
    if flat:
        # a convolution over one axis is one over two, the first of which has one entry
        value, rest = value.unsqueeze(2), rest.unsqueeze(2)
        kernel = (1, *kernel)
    options = _unfolding(
        step,
        flat=flat,
    )
    positions = int(np.prod(rest.shape[2:]))
    entries = len(kept) * int(np.prod(kernel)) * positions
    count = max(1, _ENTRIES // max(entries, 1))
    batches = zip(
        value[:, kept].split(count),
        rest.split(count),
        strict=True,
    )
    for batch, left in batches:
        patches = functional.unfold(
            batch,
            kernel,
            **options,
        ).transpose(1, 2)
        features = patches.reshape(-1, patches.shape[-1])
        missing = left.flatten(2).transpose(1, 2)
        yield features, missing.reshape(-1, left.shape[1])


_OPTIONS = ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))
"""Index, name and default of a convolution's options; the default leaves an axis of
one entry as it is.
"""


def _unfolding(step: Step, *, flat: bool) -> dict[str, Any]:
    """Options of a convolution over two axes, or over one with a first axis added."""
    options = {}
    for index, name, default in _OPTIONS:
        value = argument(step.node, index, name, default)
        sizes = _pair(value, 1 if flat else 2)
        options[name] = [default, *sizes] if flat else sizes
    return options


def _pair(value: Any, count: int) -> list[int]:
    sizes = [int(size) for size in np.atleast_1d(np.asarray(value))]
    return sizes * count if len(sizes) == 1 else sizes

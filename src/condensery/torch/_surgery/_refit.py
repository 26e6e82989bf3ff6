"""Outgoing weights of the units that stay, fitted to what the next layer computed
before anything was cut.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def refittable(part: Coupling) -> list[Step]:
    """Readers whose weights can be fitted: linear layers, and convolutions over one or
    two axes without groups.

    A layer that is used twice has no single target and is left out.
    """
    reads = [step for step in part.steps if step.kind == "read"]
    used = [step.facts["weight"] for step in reads]
    return [
        step for step in reads if used.count(step.facts["weight"]) == 1 and _known(step)
    ]


def _known(step: Step) -> bool:
    name = operation(step.node)
    numbers = not isinstance(argument(step.node, 4, "padding", 0), str)
    return name == "linear" or (
        name in {"conv1d", "conv2d"} and step.facts["groups"] == 1 and numbers
    )


def refit(
    weights: dict[str, np.ndarray],
    step: Step,
    kept: np.ndarray,
    now: Mapping[str, Tensor],
    target: Tensor,
) -> None:
    """Fit one reader in place: min ‖Z − A (W + δ)‖² + λ ‖δ‖² over δ, λ = `RIDGE` times
    the mean of diag AᵀA.

    A are the values that it reads at the kept places, one row per sample and position
    (for a convolution the patches), with a column of ones where it has a bias; W are
    its merged weights.

    Args:
        weights: Of the model as cut so far, by name.
        step: The reader.
        kept: Its input places that stay.
        now: What the cut model computes: the value that is read, and the reader's own.
        target: Z, the reader's value in the model as it was given.
    """
    value, rest = now[step.source[0]], target - now[step.node.name]
    bias = step.facts["bias"]
    gram, cross = torch.zeros(()), torch.zeros(())
    for some, left in _parts(step, value, rest, kept):
        rows = (
            some
            if bias is None
            else torch.cat([some, some.new_ones(len(some), 1)], dim=1)
        )
        gram, cross = gram + rows.T @ rows, cross + rows.T @ left
    pull = RIDGE * float(gram.diagonal().mean())
    if not pull > 0:
        return
    change = torch.linalg.solve(
        gram + pull * torch.eye(len(gram), dtype=gram.dtype), cross
    ).T.numpy()
    weight = weights[step.facts["weight"]]
    fitted = change if bias is None else change[:, :-1]
    weight[:, kept] += fitted.reshape(weight[:, kept].shape)
    if bias is not None:
        weights[bias] += change[:, -1]


def _parts(step: Step, value: Tensor, rest: Tensor, kept: np.ndarray) -> Any:
    """Rows of features and of what is left to fit, some samples at a time."""
    if operation(step.node) == "linear":
        yield value[..., kept].reshape(-1, len(kept)), rest.reshape(-1, rest.shape[-1])
        return
    flat = (
        value.ndim == 3
    )  # a convolution over one axis is one over two, of which the first has one place
    value, rest = (one.unsqueeze(2) if flat else one for one in (value, rest))
    facts = {
        name: argument(step.node, place, name, usual) for place, name, usual in _FACTS
    }
    pairs: dict[str, Any] = {
        name: ([_FILL[name], *_pair(given, 1)] if flat else _pair(given, 2))
        for name, given in facts.items()
    }
    size = step.node.args[1].meta["val"].shape[2:]
    kernel = (1, *size) if flat else tuple(size)
    each = len(kept) * int(np.prod(kernel)) * int(np.prod(rest.shape[2:]))
    count = max(1, _ENTRIES // max(each, 1))
    for some, left in zip(value[:, kept].split(count), rest.split(count), strict=True):
        patches = functional.unfold(some, kernel, **pairs).transpose(1, 2)
        yield (
            patches.reshape(-1, patches.shape[-1]),
            left.flatten(2).transpose(1, 2).reshape(-1, left.shape[1]),
        )


_FACTS = ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))
_FILL = {"stride": 1, "padding": 0, "dilation": 1}


def _pair(given: Any, count: int) -> list[int]:
    values = [int(one) for one in np.atleast_1d(np.asarray(given))]
    return values * count if len(values) == 1 else values

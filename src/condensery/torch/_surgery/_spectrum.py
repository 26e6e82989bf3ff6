"""Gradient and inertia of a loss at a small model's parameters, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

LARGEST = 2000
"""Parameters up to which the Hessian is formed."""


def criticality(
    model: nn.Module, inputs: Sequence[Any], loss: Callable[[Any], Tensor]
) -> dict[str, Any]:
    """Largest entry of the gradient, and the inertia of the Hessian for at most 2000
    parameters.

    Eigenvalues within max(1e-9 max |λ|, 10 · entries · ε · max |λ|) of 0 count as zero.

    Args:
        model: In float64 and evaluation mode.
        inputs: Arguments of its forward.
        loss: A function of its output.
    """
    parameters = dict(model.named_parameters())
    values = [parameter.detach().clone() for parameter in parameters.values()]
    sizes = [value.numel() for value in values]

    def value_of(flat: Tensor) -> Tensor:
        pieces = zip(
            flat.split(sizes),
            values,
            strict=True,
        )
        shaped = [piece.reshape(value.shape) for piece, value in pieces]
        state = dict(
            zip(
                parameters,
                shaped,
                strict=True,
            )
        )
        return loss(
            functional_call(
                model,
                state,
                tuple(inputs),
            )
        )

    flat = torch.cat([value.ravel() for value in values])
    flat.requires_grad_()
    (gradient,) = torch.autograd.grad(value_of(flat), flat)
    result: dict[str, Any] = {"gradient": float(gradient.abs().max())}
    if flat.numel() <= LARGEST:
        hessian = torch.autograd.functional.hessian(value_of, flat.detach())
        result["inertia"] = _inertia(hessian)
    return result


def _inertia(hessian: Tensor) -> list[int]:
    """How many eigenvalues are negative, zero and positive."""
    symmetric = (hessian + hessian.T) / 2
    eigenvalues = np.linalg.eigvalsh(symmetric.numpy())
    size = float(abs(eigenvalues).max(initial=0.0))
    rounding = 10 * len(eigenvalues) * np.finfo(float).eps * size
    zero = max(1e-9 * size, rounding)
    negative = int((eigenvalues < -zero).sum())
    positive = int((eigenvalues > zero).sum())
    return [negative, len(eigenvalues) - negative - positive, positive]

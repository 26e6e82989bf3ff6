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
    names = [name for name, _ in model.named_parameters()]
    values = [parameter.detach().clone() for parameter in model.parameters()]
    sizes = [value.numel() for value in values]

    def value_of(flat: Tensor) -> Tensor:
        parts = [
            part.reshape(v.shape)
            for part, v in zip(flat.split(sizes), values, strict=True)
        ]
        return loss(
            functional_call(model, dict(zip(names, parts, strict=True)), tuple(inputs))
        )

    flat = torch.cat([value.ravel() for value in values]).requires_grad_()
    (gradient,) = torch.autograd.grad(value_of(flat), flat)
    found: dict[str, Any] = {"gradient": float(gradient.abs().max())}
    if flat.numel() <= LARGEST:
        hessian = torch.autograd.functional.hessian(value_of, flat.detach())
        eigenvalues = np.linalg.eigvalsh(((hessian + hessian.T) / 2).numpy())
        size = float(abs(eigenvalues).max(initial=0.0))
        zero = max(1e-9 * size, 10 * len(eigenvalues) * np.finfo(float).eps * size)
        found["inertia"] = [
            int((eigenvalues < -zero).sum()),
            int((abs(eigenvalues) <= zero).sum()),
            int((eigenvalues > zero).sum()),
        ]
    return found

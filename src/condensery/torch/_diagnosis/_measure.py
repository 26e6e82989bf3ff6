"""What is measured on one model at one moment: distances, tangent kernels and
condensation of its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from condensery._errors import InvalidInputError
from condensery.metrics import condensation, relative_distance
from condensery.torch._diagnosis._layers import Layer

UNITS = 512
"""Units of a layer that are compared for condensation, evenly spaced: enough for the
ratio, quick at any width.
"""
THRESHOLD = 0.95
"""Cosine from which two units count as one direction (Zhang & Xu 2024, arXiv
2207.05952).
"""


@dataclass(frozen=True)
class Moment:
    """Measures of one model at one moment, an entry for each layer; `drift` has one
    more for the whole model.

    Attributes:
        rd: ‖θ − θ⁰‖/‖θ⁰‖ of weight and bias together.
        drift: ‖K − K⁰‖/‖K⁰‖ of the empirical tangent kernel.
        condensed: 1 − (effective orientations)/(those of random directions); nan for
            other than hidden layers.
    """

    rd: np.ndarray
    drift: np.ndarray
    condensed: np.ndarray


class Gauge:
    """Measures a model against its own start.

    Args:
        model: The model before training.
        layers: Its layers.
        inputs: Samples for the tangent kernel, along the first axis; none for no
            kernel.
    """

    def __init__(self, model: Any, layers: Sequence[Layer], inputs: Any) -> None:
        self._layers, self._inputs = layers, inputs
        self._start = _weights(model, layers)
        self._kernel = self._kernels(model)

    def __call__(self, model: Any) -> Moment:
        """Measure it now; the model is left as it was."""
        now = _weights(model, self._layers)
        moved = [
            relative_distance(before, after)
            for before, after in zip(self._start, now, strict=True)
        ]
        kernel = self._kernels(model)
        with np.errstate(all="ignore"):
            drift = np.linalg.norm(kernel - self._kernel, axis=(1, 2)) / np.linalg.norm(
                self._kernel, axis=(1, 2)
            )
        condensed = [
            _condensed(layer, arrays)
            for layer, arrays in zip(self._layers, now, strict=True)
        ]
        return Moment(
            np.array(moved),
            drift,
            np.array(condensed),
        )

    def _kernels(self, model: Any) -> np.ndarray:
        if len(self._inputs) == 0:
            return np.full((len(self._layers) + 1, 1, 1), np.nan)
        return tangent_kernels(model, self._layers, self._inputs)


def _weights(model: Any, layers: Sequence[Layer]) -> list[list[np.ndarray]]:
    known = dict(model.named_parameters())
    return [[_array(known[name]) for name in layer.parameters] for layer in layers]


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float64).numpy().copy()


def tangent_kernels(model: Any, layers: Sequence[Layer], inputs: Any) -> np.ndarray:
    """Empirical tangent kernels of a model on some samples, layer by layer, then their
    sum.

    Formula:
        K_l(x, x') = Σ_{p in layer l} ∂s(x)/∂p · ∂s(x')/∂p, with s(x) = Σ_c v_c f_c(x)
        over the outputs and fixed random signs v_c, the same at every width (one
        output: v = 1). The model is in evaluation mode meanwhile.

    Args:
        model: The model.
        layers: Its L layers.
        inputs: N samples along the first axis.

    Returns:
        Shape (L + 1, N, N).

    Raises:
        InvalidInputError: The model returns something other than a tensor with the
            samples along its first axis.
    """
    known = dict(model.named_parameters())
    groups = [[known[name] for name in layer.parameters] for layer in layers]
    flat = [parameter for group in groups for parameter in group]
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    rows: list[list[np.ndarray]] = []
    try:
        with torch.enable_grad():
            for sample in range(len(inputs)):
                output = model(inputs[sample : sample + 1])
                found = torch.autograd.grad(_signed(output), flat, allow_unused=True)
                gradients = iter(found)
                rows.append(
                    [
                        _flat(next(gradients), parameter)
                        for group in groups
                        for parameter in group
                    ]
                )
    finally:
        for module, training in modes:
            module.training = training
    place, kernels = 0, []
    for group in groups:
        span = range(place, place + len(group))
        jacobian = np.stack([np.concatenate([row[k] for k in span]) for row in rows])
        kernels.append(jacobian @ jacobian.T)
        place += len(group)
    return np.stack([*kernels, np.sum(kernels, axis=0)])


def _flat(gradient: Any, parameter: Any) -> np.ndarray:
    return np.zeros(parameter.numel()) if gradient is None else _array(gradient).ravel()


def _signed(output: Any) -> Any:
    if not isinstance(output, torch.Tensor) or output.ndim == 0 or output.shape[0] != 1:
        given = (
            f"shape {tuple(output.shape)} for one sample"
            if isinstance(output, torch.Tensor)
            else type(output)
        )
        raise InvalidInputError(
            "build",
            given=f"a model that returns {given}",
            allowed="a tensor with the samples along its first axis",
            remedy="wrap the model so that it returns its outputs only",
        )
    count = output[0].numel()
    if count == 1:
        return output.sum()
    signs = np.random.default_rng(count).choice([-1.0, 1.0], size=count)
    return output.reshape(-1) @ torch.as_tensor(
        signs, dtype=output.dtype, device=output.device
    )


def _condensed(layer: Layer, arrays: Sequence[np.ndarray]) -> float:
    """1 − N/N₀ with N the effective orientations of the rows (w, b), N₀ those of as
    many random directions.
    """
    if layer.role != "hidden":
        return float("nan")
    weight = np.moveaxis(arrays[0], layer.unit_axis, 0)
    rows = weight.reshape(len(weight), -1)
    if len(arrays) > 1 and arrays[1].shape == (len(rows),):
        rows = np.column_stack([rows, arrays[1]])
    if len(rows) > UNITS:
        rows = rows[
            np.linspace(
                0,
                len(rows) - 1,
                UNITS,
            )
            .round()
            .astype(int)
        ]
    null = np.random.default_rng(rows.shape).standard_normal(rows.shape)
    found, random = (
        condensation(one, threshold=THRESHOLD).effective_orientations
        for one in (rows, null)
    )
    return 1.0 - found / random

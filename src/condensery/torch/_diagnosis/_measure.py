"""What is measured on one model at one moment: distances, tangent kernels and
condensation of its layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from condensery._errors import InvalidInputError
from condensery.metrics import condensation, relative_distance
from condensery.torch._diagnosis._layers import Layer
from condensery.torch._threshold import COSINE_THRESHOLD

Group = list[np.ndarray]
"""The weight and the bias of a layer."""
UNITS = 512
"""Units of a layer that are compared for condensation, evenly spaced: enough for the
ratio, quick at any width.
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

    def __init__(
        self,
        model: Any,
        layers: Sequence[Layer],
        inputs: Any,
    ) -> None:
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
        with np.errstate(all="ignore"):  # the kernel of a layer may be zero
            drift = _norms(kernel - self._kernel) / _norms(self._kernel)
        condensed = [
            _condensed(layer, arrays)
            for layer, arrays in zip(self._layers, now, strict=True)
        ]
        return Moment(np.array(moved), drift, np.array(condensed))

    def _kernels(self, model: Any) -> np.ndarray:
        if len(self._inputs) == 0:
            count = len(self._layers) + 1
            return np.full((count, 1, 1), np.nan)
        return tangent_kernels(model, self._layers, self._inputs)


def _norms(kernels: np.ndarray) -> np.ndarray:
    return np.linalg.norm(kernels, axis=(1, 2))


def _weights(model: Any, layers: Sequence[Layer]) -> list[Group]:
    weights = []
    for group in _parameters(model, layers):
        arrays = [_array(parameter) for parameter in group]
        weights.append(arrays)
    return weights


def _parameters(model: Any, layers: Sequence[Layer]) -> list[list[Any]]:
    named = dict(model.named_parameters())
    groups = []
    for layer in layers:
        group = [named[name] for name in layer.parameters]
        groups.append(group)
    return groups


def _array(tensor: Any) -> np.ndarray:
    wide = tensor.detach().to("cpu", torch.float64)
    return wide.numpy().copy()


def tangent_kernels(
    model: Any,
    layers: Sequence[Layer],
    inputs: Any,
) -> np.ndarray:
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
    groups = _parameters(model, layers)
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad():
            samples = inputs.split(1)
            rows = [_gradients(model, groups, sample) for sample in samples]
    finally:
        for module, training in modes:
            module.training = training
    jacobians = [np.stack(layer) for layer in zip(*rows, strict=True)]
    kernels = [jacobian @ jacobian.T for jacobian in jacobians]
    total = np.sum(kernels, axis=0)
    return np.stack([*kernels, total])


def _gradients(model: Any, groups: list[list[Any]], sample: Any) -> Group:
    """Gradient of the signed output with respect to each group of parameters."""
    flat = [parameter for group in groups for parameter in group]
    output = _signed(model(sample))
    gradients = torch.autograd.grad(output, flat, allow_unused=True)
    arrays = map(_flat, gradients, flat)
    joined = []
    for group in groups:
        members = list(itertools.islice(arrays, len(group)))
        joined.append(np.concatenate(members))
    return joined


def _flat(gradient: Any, parameter: Any) -> np.ndarray:
    if gradient is None:
        return np.zeros(parameter.numel())
    return _array(gradient).ravel()


def _signed(output: Any) -> Any:
    is_tensor = isinstance(output, torch.Tensor)
    if not is_tensor or output.ndim == 0 or len(output) != 1:
        kind = type(output)
        if is_tensor:
            kind = f"shape {tuple(output.shape)} for one sample"
        raise InvalidInputError(
            "build",
            given=f"a model that returns {kind}",
            allowed="a tensor with the samples along its first axis",
            remedy="wrap the model so that it returns its outputs only",
        )
    count = output[0].numel()
    if count == 1:
        return output.sum()
    generator = np.random.default_rng(count)
    signs = generator.choice([-1.0, 1.0], size=count)
    vector = torch.as_tensor(signs, dtype=output.dtype, device=output.device)
    return output.reshape(-1) @ vector


def _condensed(layer: Layer, arrays: Group) -> float:
    """1 − N/N₀ with N the effective orientations of the rows (w, b), N₀ those of as
    many random directions.
    """
    if layer.role != "hidden":
        return float("nan")
    weight = np.moveaxis(arrays[0], layer.unit_axis, 0)
    rows = weight.reshape(len(weight), -1)
    bias = arrays[1] if len(arrays) > 1 else None
    if bias is not None and bias.shape == (len(rows),):
        rows = np.column_stack([rows, bias])
    if len(rows) > UNITS:
        spaced = np.linspace(0, len(rows) - 1, UNITS)
        rows = rows[spaced.round().astype(int)]
    generator = np.random.default_rng(rows.shape)
    null = generator.standard_normal(rows.shape)
    measured, random = (
        condensation(vectors, threshold=COSINE_THRESHOLD).effective_orientations
        for vectors in (rows, null)
    )
    return 1.0 - measured / random

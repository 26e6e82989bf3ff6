"""What a monitor measures: the contract of a measure, and condensation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._measure import measure
from condensery.torch._inspection._reading import read_module
from condensery.torch._threshold import COSINE_THRESHOLD

_ROLES = ("units", "states")
_COLUMNS = ("effective_ratio", "effective_neurons", "active_units", "largest_cosine")


@runtime_checkable
class Measure(Protocol):
    """What `Monitor` asks of a measure. It knows nothing of steps, sinks or time.

    It reads the model and changes nothing: it draws no number from the generators of
    the training, and leaves mode, gradients and hooks as they are.
    """

    def check(self, model: nn.Module) -> None:
        """Refuse a model that does not fit, before the training begins.

        Args:
            model: The model, outside of any wrapper for several devices or compiling.

        Raises:
            InvalidInputError: The measure cannot be taken of this model.
        """
        ...

    def measure(self, model: nn.Module) -> Mapping[str, float]:
        """The values of this moment by ``layer/column``; a value of the whole model
        has the name of its column alone.

        Whatever it raises is logged, and this measure is left out at this step.

        Args:
            model: As for `check`.
        """
        ...


@dataclass(frozen=True)
class Condensation:
    """How condensed each layer is, as a measure for `Monitor`.

    Its columns are effective_ratio, effective_neurons, active_units and
    largest_cosine, as `inspect` has them. A layer whose weights are not finite gives
    nan.

    Attributes:
        layers: Names of the modules to measure; by default every layer with units or
            states of its own (embeddings, gates and attention projections are left to
            `inspect`).
        threshold: Cosine from which two directions count as one.
        active: Cut on ‖(w, b)‖ as a share of the layer's largest.

    Raises:
        InvalidInputError: An option is outside its range.

    Example:
        >>> import torch
        >>> from condensery.torch import Condensation
        >>> values = Condensation().measure(torch.nn.Linear(2, 8))
        >>> sorted(values)[:2]
        ['Linear/active_units', 'Linear/effective_neurons']
    """

    layers: Sequence[str] | None = None
    threshold: float = COSINE_THRESHOLD
    active: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InvalidInputError(
                "threshold",
                given=self.threshold,
                allowed="a cosine in (0, 1]",
                remedy=f"{COSINE_THRESHOLD} is the default",
            )
        if not 0 <= self.active < 1:
            raise InvalidInputError(
                "active",
                given=self.active,
                allowed="a share in [0, 1)",
                remedy="0.05 is the default",
            )

    def check(self, model: nn.Module) -> None:
        """Refuse names of layers that the model does not have.

        Args:
            model: The model.

        Raises:
            InvalidInputError: A layer is not in the model.
        """
        if self.layers is None:
            return
        modules = {layer.module for layer in read_module(model).layers}
        for name in self.layers:
            if name not in modules:
                raise InvalidInputError(
                    "layer",
                    given=name,
                    allowed=", ".join(sorted(modules)),
                    remedy="name modules of the model",
                )

    def measure(self, model: nn.Module) -> dict[str, float]:
        """Four values of every layer.

        Args:
            model: The model.
        """
        values: dict[str, float] = {}
        for layer in self._layers_of(model):
            numbers = self._numbers(layer)
            for column, number in zip(_COLUMNS, numbers, strict=True):
                values[f"{layer.name}/{column}"] = number
        return values

    def _layers_of(self, model: nn.Module) -> list[Layer]:
        layers = [layer for layer in read_module(model).layers if layer.rows.numel()]
        if self.layers is not None:
            return [layer for layer in layers if layer.module in self.layers]
        return [layer for layer in layers if layer.role in _ROLES]

    def _numbers(self, layer: Layer) -> tuple[float, ...]:
        try:
            result = measure(
                layer,
                threshold=self.threshold,
                active=self.active,
                linkage=False,
            )
        except InvalidInputError:
            return (math.nan,) * len(_COLUMNS)
        return (
            result.ratio,
            float(result.effective),
            float(result.active),
            result.largest_cosine,
        )

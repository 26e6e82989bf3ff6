"""`CondensationMonitor`: how condensed each layer is while a model trains, without
touching the training.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._measure import measure
from condensery.torch._inspection._reading import read_module, unwrapped

if TYPE_CHECKING:
    from condensery.protocols import Sink
    from condensery.records import Table

_log = logging.getLogger("condensery.torch")
_ROLES = ("units", "states")
_MEASURES = ("effective_ratio", "effective_neurons", "active_units", "largest_cosine")
_FREE_SECONDS = 1.0
_PATIENCE = 5


class CondensationMonitor:
    """Measures the condensation of a model's layers every now and then while it trains.

    It reads the weights and nothing else: it draws no random number, runs no forward
    pass, sets no mode, adds no hook and keeps no gradient, so that the training is bit
    for bit the same with and without it. Whatever goes wrong inside is logged (logger
    ``condensery.torch``) and never reaches the training; after five failures in a row
    it falls silent. In a distributed training the process of rank 0 alone measures and
    writes.

    A model inside DistributedDataParallel or torch.compile is found by itself. Weights
    are read in their own precision, also under autocast.

    Args:
        model: The model that is trained.
        *sinks: Where the values go (`JsonLines`, `TensorBoard`, `WeightsAndBiases`,
            `MLflow`, `condensery.record`, or anything with ``write(step, values)`` and
            ``close()``). They are kept in `history` in any case.
        every: Steps between two measures; before that the steps 0, 1, 2, 4, 8, … are
            measured, because orientations move most at the beginning.
        layers: Names of the modules to measure; by default every layer with units or
            states of its own (embeddings, gates and attention projections are left to
            `inspect`).
        threshold: Cosine from which two directions count as one.
        active: Cut on ‖(w, b)‖ as a share of the layer's largest.
        budget: Largest share of the time since the beginning that measuring may take,
            after a first second that is free; beyond it measures are left out until
            there is time again. None for no limit.

    Raises:
        InvalidInputError: An option is outside its range, or a layer is not in the
            model.

    Example:
        >>> import torch
        >>> from condensery.torch import CondensationMonitor
        >>> model = torch.nn.Sequential(
        ...     torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
        ... )
        >>> monitor = CondensationMonitor(model)
        >>> for _ in range(10):
        ...     monitor.step()  # after optimizer.step()
        >>> monitor.close()
        >>> [step for step, _ in monitor.history]
        [0, 1, 2, 4, 8]
        >>> sorted(monitor.history[0][1])[:4]  # doctest: +NORMALIZE_WHITESPACE
        ['0/active_units', '0/effective_neurons', '0/effective_ratio',
         '0/largest_cosine']
    """

    def __init__(
        self,
        model: nn.Module,
        *sinks: Sink,
        every: int = 100,
        layers: Sequence[str] | None = None,
        threshold: float = 0.95,
        active: float = 0.05,
        budget: float | None = 0.02,
    ) -> None:
        _check_options(every, threshold, active, budget)
        self.model, self.sinks = model, sinks
        self.every, self.threshold, self.active, self.budget = (
            every,
            threshold,
            active,
            budget,
        )
        self.layers = None if layers is None else tuple(layers)
        self.history: list[tuple[int, dict[str, float]]] = []
        self._step = self._due = 0
        self._spent, self._began = 0.0, time.monotonic()
        self._failures, self._closed = 0, False
        if self.layers is not None:
            known = {layer.module for layer in read_module(unwrapped(model)).layers}
            for name in self.layers:
                if name not in known:
                    raise InvalidInputError(
                        "layer",
                        given=name,
                        allowed=", ".join(sorted(known)),
                        remedy="name modules of the model",
                    )
        self.at(0)

    def step(self) -> None:
        """Count one optimiser step; call it after ``optimizer.step()``."""
        self.at(self._step + 1)

    def at(self, step: int) -> None:
        """The same for a loop that counts its own steps.

        Args:
            step: Number of optimiser steps so far; a number that does not rise is
                ignored.
        """
        if self._closed or (step <= self._step and self.history):
            return
        self._step = step
        if step < self._due or not is_first_process():
            return
        try:
            self._measure_if_affordable(step)
            self._failures = 0
        except Exception:
            self._failures += 1
            _log.warning(
                "the monitor failed at step %d and goes on", step, exc_info=True
            )
            if self._failures >= _PATIENCE:
                _log.warning(
                    "the monitor has failed %d times in a row and stops", self._failures
                )
                self.close()

    def measure(self) -> dict[str, float]:
        """The values of this moment by ``layer/measure``; a layer whose weights are not
        finite gives nan.
        """
        values: dict[str, float] = {}
        for layer in self._chosen():
            values |= {
                f"{layer.name}/{name}": value for name, value in self._of(layer).items()
            }
        return values

    def table(self) -> Table:
        """The history with a row per step and layer."""
        from condensery.records import Table

        return Table.of_history(self.history)

    def close(self) -> None:
        """Close the sinks; the history stays."""
        if self._closed:
            return
        self._closed = True
        for sink in self.sinks:
            try:
                if is_first_process():
                    sink.close()
            except Exception:
                _log.warning("a sink of the monitor could not be closed", exc_info=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _measure_if_affordable(self, step: int) -> None:
        began = time.monotonic()
        self._due = _next(step, self.every)
        if self.budget is not None and self._spent > _FREE_SECONDS + self.budget * (
            began - self._began
        ):
            return
        values = self.measure()
        self.history.append((step, values))
        for sink in self.sinks:
            sink.write(step, values)
        self._spent += time.monotonic() - began

    def _chosen(self) -> list[Layer]:
        found = [
            layer
            for layer in read_module(unwrapped(self.model)).layers
            if layer.rows.numel()
        ]
        if self.layers is not None:
            return [layer for layer in found if layer.module in self.layers]
        return [layer for layer in found if layer.role in _ROLES]

    def _of(self, layer: Layer) -> dict[str, float]:
        try:
            seen = measure(
                layer, threshold=self.threshold, active=self.active, linkage=False
            )
        except InvalidInputError:
            return dict.fromkeys(_MEASURES, math.nan)
        return dict(
            zip(
                _MEASURES,
                (
                    seen.ratio,
                    float(seen.effective),
                    float(seen.active),
                    seen.largest_cosine,
                ),
                strict=True,
            )
        )


def is_first_process() -> bool:
    """Whether this is the only process of a training, or the one of rank 0."""
    distributed = torch.distributed
    return (
        not (distributed.is_available() and distributed.is_initialized())
        or distributed.get_rank() == 0
    )


def _next(step: int, every: int) -> int:
    """The first step behind `step` at which there is something to measure."""
    doubled = 1 if step == 0 else 1 << step.bit_length()
    return doubled if doubled < every else (step // every + 1) * every


def _check_options(
    every: int, threshold: float, active: float, budget: float | None
) -> None:
    if every < 1:
        raise InvalidInputError(
            "every",
            given=every,
            allowed="a whole number >= 1",
            remedy="100 is the default",
        )
    if not 0 < threshold <= 1:
        raise InvalidInputError(
            "threshold",
            given=threshold,
            allowed="a cosine in (0, 1]",
            remedy="0.95 is the default",
        )
    if not 0 <= active < 1:
        raise InvalidInputError(
            "active",
            given=active,
            allowed="a share in [0, 1)",
            remedy="0.05 is the default",
        )
    if budget is not None and not 0 < budget <= 1:
        raise InvalidInputError(
            "budget",
            given=budget,
            allowed="a share in (0, 1], or None",
            remedy="0.02 is the default",
        )

"""`Monitor`: takes measures of a model while it trains, without touching the
training.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._inspection._reading import unwrapped
from condensery.torch._monitoring._measures import Condensation, Measure
from condensery.torch._threshold import COSINE_THRESHOLD

if TYPE_CHECKING:
    from condensery.protocols import Sink
    from condensery.records import Table

_log = logging.getLogger("condensery.torch")
_FREE_SECONDS = 1.0
_PATIENCE = 5


class Monitor:
    """Takes measures of a model every now and then while it trains.

    Schedule, time, failures, sinks and processes are its part; a measure (see
    `Measure`) only turns a model into numbers. The monitor draws no random number, runs
    no forward pass, sets no mode, adds no hook and keeps no gradient, so that with
    measures that do the same (`Condensation`) the training is bit for bit the same
    with and without it.

    Whatever goes wrong inside is logged (logger ``condensery.torch``) and never
    reaches the training. A measure that fails is left out at that step, and after
    `patience` failures in a row for good; when no measure is left, or writing has
    failed as often, the monitor stops. In a distributed training the process of rank 0
    alone measures and writes. A model inside DistributedDataParallel or torch.compile
    is found by itself.

    Args:
        model: The model that is trained.
        *measures: What to measure, at the same steps. No two may give a value of one
            name.
        sinks: Where the values go (`JsonLines`, `TensorBoard`, `WeightsAndBiases`,
            `MLflow`, `condensery.record`, or anything with ``write(step, values)`` and
            ``close()``). They are kept in `history` in any case.
        every: Steps between two measures; before that the steps 0, 1, 2, 4, 8, … are
            measured, because orientations move most at the beginning.
        budget: Largest share of the time since the beginning that all measures together
            may take, after a first second that is free; beyond it measures are left out
            until there is time again. None for no limit.
        patience: Failures in a row after which a measure, or writing, is given up.
        start: Optimiser steps that are done already when a training is resumed. The
            first record carries this step; then the schedule goes on behind it, as if
            it had not been interrupted.

    Attributes:
        history: Pairs of a step and its values by ``layer/column``.

    Raises:
        InvalidInputError: An option is outside its range, there is no measure, or a
            measure refuses the model.

    Example:
        >>> import torch
        >>> from condensery.torch import Condensation, Monitor
        >>> model = torch.nn.Sequential(
        ...     torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
        ... )
        >>> monitor = Monitor(model, Condensation(threshold=0.99), every=5)
        >>> for _ in range(10):
        ...     monitor.step()  # after optimizer.step()
        >>> monitor.close()
        >>> [step for step, _ in monitor.history]
        [0, 1, 2, 4, 5, 10]
    """

    def __init__(
        self,
        model: nn.Module,
        *measures: Measure,
        sinks: Sequence[Sink] = (),
        every: int = 100,
        budget: float | None = 0.02,
        patience: int = _PATIENCE,
        start: int = 0,
    ) -> None:
        _check_measures(measures)
        _check_options(every, budget, patience, start)
        self.model, self.measures = model, measures
        self.sinks = tuple(sinks)
        self.every, self.budget, self.patience = every, budget, patience
        self.history: list[tuple[int, dict[str, float]]] = []
        self._step = self._due = start
        self._spent, self._began = 0.0, time.monotonic()
        self._failed_measures = [0] * len(measures)
        self._failed_writes, self._closed = 0, False
        for measure in measures:
            measure.check(unwrapped(model))
        self.at(start)

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
        self._due = _next(step, self.every)
        began = time.monotonic()
        if self._is_over_budget(began):
            return
        values = self._take(step)
        if values:
            self.history.append((step, values))
            self._write(step, values)
        self._spent += time.monotonic() - began

    def measure(self) -> dict[str, float]:
        """The values of this moment by ``layer/column``, of all measures.

        Raises:
            InvalidInputError: Two measures give a value of one name.
        """
        values: dict[str, float] = {}
        for measure in self.measures:
            _join(values, measure, measure.measure(unwrapped(self.model)))
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

    def _is_over_budget(self, now: float) -> bool:
        if self.budget is None:
            return False
        return self._spent > _FREE_SECONDS + self.budget * (now - self._began)

    def _take(self, step: int) -> dict[str, float]:
        """The values of the measures that have not been given up."""
        values: dict[str, float] = {}
        for index, measure in enumerate(self.measures):
            if self._failed_measures[index] >= self.patience:
                continue
            try:
                _join(values, measure, measure.measure(unwrapped(self.model)))
                self._failed_measures[index] = 0
            except Exception:
                self._failed_measures[index] += 1
                self._report_measure(step, measure, self._failed_measures[index])
        if min(self._failed_measures) >= self.patience:
            _log.warning("the monitor has no measure left and stops")
            self.close()
        return values

    def _report_measure(self, step: int, measure: Measure, failures: int) -> None:
        name = type(measure).__name__
        _log.warning(
            "the measure %s failed at step %d; the training goes on",
            name,
            step,
            exc_info=True,
        )
        if failures >= self.patience:
            _log.warning(
                "the measure %s has failed %d times in a row and is given up",
                name,
                failures,
            )

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        """Write to every sink, also behind one that fails."""
        failed = False
        for sink in self.sinks:
            try:
                sink.write(step, values)
            except Exception:
                failed = True
                _log.warning(
                    "a sink of the monitor failed at step %d; the training goes on",
                    step,
                    exc_info=True,
                )
        self._failed_writes = self._failed_writes + 1 if failed else 0
        if self._failed_writes >= self.patience:
            _log.warning(
                "the monitor has failed %d times in a row and stops",
                self._failed_writes,
            )
            self.close()


def CondensationMonitor(  # ruff: ignore[invalid-function-name] - the short spelling of a class
    model: nn.Module,
    *sinks: Sink,
    every: int = 100,
    layers: Sequence[str] | None = None,
    threshold: float = COSINE_THRESHOLD,
    active: float = 0.05,
    budget: float | None = 0.02,
    patience: int = _PATIENCE,
    start: int = 0,
) -> Monitor:
    """`Monitor` with `Condensation` as its one measure.

    ``CondensationMonitor(model, sink)`` is
    ``Monitor(model, Condensation(), sinks=[sink])``. It reads the weights and nothing
    else, in their own precision, also under autocast.

    Args:
        model: The model that is trained.
        *sinks: As for `Monitor`.
        every: As for `Monitor`.
        layers: As for `Condensation`.
        threshold: As for `Condensation`.
        active: As for `Condensation`.
        budget: As for `Monitor`.
        patience: As for `Monitor`.
        start: As for `Monitor`.

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
    names = None if layers is None else tuple(layers)
    return Monitor(
        model,
        Condensation(layers=names, threshold=threshold, active=active),
        sinks=sinks,
        every=every,
        budget=budget,
        patience=patience,
        start=start,
    )


def monitor_for_callback(
    model: nn.Module,
    sinks: Sequence[Sink],
    measures: Sequence[Measure] | None,
    options: Mapping[str, Any],
) -> Monitor:
    """The monitor of a callback: of these measures, or of condensation.

    Args:
        model: The model that is trained.
        sinks: As for `Monitor`.
        measures: The measures; None for `CondensationMonitor`.
        options: Keywords of `Monitor` or `CondensationMonitor`.
    """
    if measures is None:
        return CondensationMonitor(model, *sinks, **options)
    return Monitor(model, *measures, sinks=sinks, **options)


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


def _join(
    values: dict[str, float], measure: Measure, numbers: Mapping[str, float]
) -> None:
    """Add the numbers of a measure to the values.

    Raises:
        InvalidInputError: There is a value of this name already.
    """
    shared = values.keys() & numbers.keys()
    if shared:
        raise InvalidInputError(
            f"measure {type(measure).__name__}",
            given=f"the name {min(shared)}, which another measure gives",
            allowed="a name of its own for every value",
            remedy="rename a column",
        )
    values.update(numbers)


def _check_measures(measures: Sequence[Measure]) -> None:
    if not measures:
        raise InvalidInputError(
            "measures",
            given="none",
            allowed="at least one measure",
            remedy="Condensation() is one",
        )
    for measure in measures:
        if not isinstance(measure, Measure) or isinstance(measure, type):
            raise InvalidInputError(
                "measures",
                given=repr(measure),
                allowed="objects with check(model) and measure(model)",
                remedy="give sinks by sinks=[...], and classes with ()",
            )


def _check_options(every: int, budget: float | None, patience: int, start: int) -> None:
    if every < 1:
        raise InvalidInputError(
            "every",
            given=every,
            allowed="a whole number >= 1",
            remedy="100 is the default",
        )
    if budget is not None and not 0 < budget <= 1:
        raise InvalidInputError(
            "budget",
            given=budget,
            allowed="a share in (0, 1], or None",
            remedy="0.02 is the default",
        )
    if patience < 1:
        raise InvalidInputError(
            "patience",
            given=patience,
            allowed="a whole number >= 1",
            remedy=f"{_PATIENCE} is the default",
        )
    if start < 0:
        raise InvalidInputError(
            "start",
            given=start,
            allowed="a whole number >= 0",
            remedy="0 is a training that begins",
        )

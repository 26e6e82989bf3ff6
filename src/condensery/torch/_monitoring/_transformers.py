"""The monitor as a callback of the Transformers trainer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from condensery.protocols import Sink
from condensery.torch._monitoring._measures import Measure
from condensery.torch._monitoring._monitor import Monitor, monitor_for_callback


class TransformersCallback(TrainerCallback):
    """`CondensationMonitor` for Transformers: ``Trainer(...,
    callbacks=[TransformersCallback(sink)])``.

    Args:
        *sinks: As for `CondensationMonitor`.
        measures: What to measure; by default condensation.
        **options: Keywords of `Monitor` if there are measures, otherwise those of
            `CondensationMonitor`.

    Attributes:
        monitor: The monitor, once the training has begun in the first process.
    """

    def __init__(
        self,
        *sinks: Sink,
        measures: Sequence[Measure] | None = None,
        **options: Any,
    ) -> None:
        self._sinks, self._measures = sinks, measures
        self._options = options
        self.monitor: Monitor | None = None

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Begin, where a training is resumed at the step it has come to."""
        if state.is_world_process_zero and model is not None:
            options = {"start": state.global_step, **self._options}
            self.monitor = monitor_for_callback(
                model, self._sinks, self._measures, options
            )

    def on_step_end(
        self,
        args: Any,
        state: Any,
        control: Any,
        **kwargs: Any,
    ) -> None:
        """Go on."""
        if self.monitor is not None:
            self.monitor.at(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the sinks."""
        if self.monitor is not None:
            self.monitor.close()

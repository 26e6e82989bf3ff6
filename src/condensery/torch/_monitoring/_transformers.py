"""The monitor as a callback of the Transformers trainer."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from condensery.protocols import Sink
from condensery.torch._monitoring._monitor import CondensationMonitor


class TransformersCallback(TrainerCallback):
    """`CondensationMonitor` for Transformers: ``Trainer(...,
    callbacks=[TransformersCallback(sink)])``.

    Args:
        *sinks: As for `CondensationMonitor`.
        **options: Likewise.

    Attributes:
        monitor: The monitor, once the training has begun in the first process.
    """

    def __init__(self, *sinks: Sink, **options: Any) -> None:
        self._sinks, self._options = sinks, options
        self.monitor: CondensationMonitor | None = None

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Begin."""
        if state.is_world_process_zero and model is not None:
            self.monitor = CondensationMonitor(model, *self._sinks, **self._options)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Go on."""
        if self.monitor is not None:
            self.monitor.at(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the sinks."""
        if self.monitor is not None:
            self.monitor.close()

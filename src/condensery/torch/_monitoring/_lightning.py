"""The monitor as a Lightning callback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback

from condensery.protocols import Sink
from condensery.torch._monitoring._measures import Measure
from condensery.torch._monitoring._monitor import Monitor, monitor_for_callback


class LightningCallback(Callback):
    """`CondensationMonitor` for Lightning:
    ``Trainer(callbacks=[LightningCallback(JsonLines("monitor.jsonl"))])``.

    Args:
        *sinks: As for `CondensationMonitor`.
        measures: What to measure; by default condensation.
        **options: Keywords of `Monitor` if there are measures, otherwise those of
            `CondensationMonitor`.

    Attributes:
        monitor: The monitor, once the training has begun in the process of rank 0.
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

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin, where a training is resumed at the step it has come to."""
        if trainer.is_global_zero:
            options = {"start": trainer.global_step, **self._options}
            self.monitor = monitor_for_callback(
                pl_module, self._sinks, self._measures, options
            )

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Go on; with accumulated gradients a step is an optimiser step."""
        if self.monitor is not None:
            self.monitor.at(trainer.global_step)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the sinks."""
        if self.monitor is not None:
            self.monitor.close()

    def on_exception(
        self, trainer: Any, pl_module: Any, exception: BaseException
    ) -> None:
        """Close the sinks of a training that was interrupted."""
        self.on_train_end(trainer, pl_module)

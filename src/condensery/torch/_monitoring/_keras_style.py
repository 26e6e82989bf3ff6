"""The monitor as a callback with the method names of Keras, for Keras on torch and the
loops that follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from condensery.torch._monitoring._measures import Measure
from condensery.torch._monitoring._monitor import Monitor, monitor_for_callback

if TYPE_CHECKING:
    from condensery.protocols import Sink


class KerasStyleCallback:
    """`CondensationMonitor` for loops that call ``set_model``, ``on_train_batch_end``,
    ``on_train_end`` and the like.

    Args:
        *sinks: As for `CondensationMonitor`.
        measures: What to measure; by default condensation.
        **options: Keywords of `Monitor` if there are measures, otherwise those of
            `CondensationMonitor`.

    Attributes:
        monitor: The monitor, once a model was set.

    Example:
        >>> import torch
        >>> from condensery.torch import KerasStyleCallback
        >>> callback = KerasStyleCallback()
        >>> callback.set_model(torch.nn.Linear(2, 3))
        >>> callback.on_epoch_begin(0)
        >>> callback.on_train_batch_end(0)
        >>> callback.on_train_end()
        >>> [step for step, _ in callback.monitor.history]
        [0, 1]
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

    def set_params(self, params: Any) -> None:
        """Nothing depends on the loop's parameters."""

    def set_model(self, model: Any) -> None:
        """Begin."""
        self.monitor = monitor_for_callback(
            model, self._sinks, self._measures, self._options
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Go on."""
        if self.monitor is not None:
            self.monitor.step()

    def on_train_end(self, logs: Any = None) -> None:
        """Close the sinks."""
        if self.monitor is not None:
            self.monitor.close()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("on_"):  # the events of which nothing is wanted
            return lambda *args, **kwargs: None
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}"
        )

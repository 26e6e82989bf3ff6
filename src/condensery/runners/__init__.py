"""Runners move tasks to where they are computed and hand back what became of them.

They know nothing else. `make` gives a runner by its name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condensery.runners._make import make, registered
    from condensery.runners.local import LocalRunner

__all__ = ["LocalRunner", "make", "registered"]


def __getattr__(name: str) -> Any:
    # Lazy, because a worker process imports this package too and has no use for the
    # records that runners import.
    if name in __all__:
        module = "local" if name == "LocalRunner" else "_make"
        return getattr(import_module(f"condensery.runners.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Runners move tasks to where they are computed and hand back what became of them; they
know nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condensery.runners.local import LocalRunner

__all__ = ["LocalRunner"]


def __getattr__(name: str) -> object:
    # Lazy, because a worker process imports this package too and has no use for the
    # records that runners import.
    if name == "LocalRunner":
        from condensery.runners.local import LocalRunner

        return LocalRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Runners move tasks to where they are computed and hand back what became of them.

They know nothing else. `make` gives a runner by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condensery._lazy import load

if TYPE_CHECKING:
    from condensery.runners._make import make, registered
    from condensery.runners.local import LocalRunner

__all__ = ["LocalRunner", "make", "registered"]


def __getattr__(name: str) -> Any:
    # Lazy, because a worker process imports this package too and has no use for the
    # records that runners import.
    return load(
        __name__,
        name,
        {
            "condensery.runners._make": ["make", "registered"],
            "condensery.runners.local": ["LocalRunner"],
        },
    )


def __dir__() -> list[str]:
    return sorted(__all__)

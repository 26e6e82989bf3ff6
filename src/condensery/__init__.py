"""condensery: the instrument and the workshop for the simplicity bias of neural networks.

`run` carries out a published experiment and checks the paper's statements; `open` reopens what was run. The subpackages
`metrics`, `theory`, `data`, `engine` and `plots` are the parts, for use on their own.

Importing condensery loads none of the frameworks: each part is imported when it is first used.

Example:
    >>> import condensery
    >>> condensery.theory.__name__
    'condensery.theory'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condensery import data, engine, metrics, plots, theory
    from condensery.workbench import Run, open, run

__all__ = ["Run", "data", "engine", "metrics", "open", "plots", "run", "theory"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("condensery")
    if name in {"Run", "open", "run"}:
        return getattr(import_module("condensery.workbench"), name)
    if name in __all__:
        return import_module(f"condensery.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""condensery: the instrument and the workshop for the simplicity bias of neural
networks.

`run` carries out a published experiment and checks the paper's statements; `open`
reopens what was run, `record` keeps what a monitor saw of a user's own training. The
subpackages `metrics`, `theory`, `data`, `engine`, `landscape` and `plots` are the
parts, for use on their own; `torch` is the workshop for a user's own PyTorch model.

Importing condensery loads none of the frameworks: each part is imported when it is
first used.

Example:
    >>> import condensery
    >>> condensery.theory.__name__
    'condensery.theory'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condensery._lazy import load

if TYPE_CHECKING:
    from condensery import data, engine, landscape, metrics, plots, theory, torch
    from condensery.workbench import Run, Running, open, record, run, start

__all__ = [
    "Run",
    "Running",
    "data",
    "engine",
    "landscape",
    "metrics",
    "open",
    "plots",
    "record",
    "run",
    "start",
    "theory",
    "torch",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("condensery")
    return load(
        __name__,
        name,
        {
            ".": ["data", "engine", "landscape", "metrics", "plots", "theory", "torch"],
            "condensery.workbench": [
                "Run",
                "Running",
                "open",
                "record",
                "run",
                "start",
            ],
        },
    )


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

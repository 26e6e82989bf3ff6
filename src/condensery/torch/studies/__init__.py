"""Studies of PyTorch models that the built-in experiments run, for users to run too.

* Ways to make a network narrower, compared at equal widths: `compare_reductions` and
  `shrink`, with `build_classifier`, `Training` and the `Comparison` that they give.
* A classifier watched while it trains: `watch_classifier`.
* `diagnose` on networks whose regime is known: `calibrate_cell`, with the model
  `NormalisedTwoLayer`, its optimiser `FlowSteps` and the data `four_points`.
* Units with a partner in a file of weights: `inspect_file`.

Importing this package loads no torch; each name is loaded when it is first used, and
without torch its use is refused with the extra to install.

Example:
    >>> from condensery.torch import studies
    >>> "compare_reductions" in dir(studies)
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from condensery._errors import MissingExtraError

if TYPE_CHECKING:
    from condensery.torch._inspection._partners import inspect_file
    from condensery.torch.studies._calibrate import calibrate_cell
    from condensery.torch.studies._classifier import watch_classifier
    from condensery.torch.studies._compare import (
        Comparison,
        Training,
        build_classifier,
        compare_reductions,
    )
    from condensery.torch.studies._peers import PEERS, shrink
    from condensery.torch.studies._two_layer import (
        FlowSteps,
        NormalisedTwoLayer,
        four_points,
    )

__all__ = [
    "PEERS",
    "Comparison",
    "FlowSteps",
    "NormalisedTwoLayer",
    "Training",
    "build_classifier",
    "calibrate_cell",
    "compare_reductions",
    "four_points",
    "inspect_file",
    "shrink",
    "watch_classifier",
]


def __getattr__(name: str) -> Any:
    homes = {
        "PEERS": "studies._peers",
        "Comparison": "studies._compare",
        "FlowSteps": "studies._two_layer",
        "NormalisedTwoLayer": "studies._two_layer",
        "Training": "studies._compare",
        "build_classifier": "studies._compare",
        "calibrate_cell": "studies._calibrate",
        "compare_reductions": "studies._compare",
        "four_points": "studies._two_layer",
        "inspect_file": "_inspection._partners",
        "shrink": "studies._peers",
        "watch_classifier": "studies._classifier",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"condensery.torch.{homes[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError(
            "torch", extra="torch", purpose=f"{__name__}.{name}"
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)

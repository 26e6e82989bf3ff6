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

from typing import TYPE_CHECKING, Any

from condensery._lazy import load

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
    return load(
        __name__,
        name,
        {
            "condensery.torch._inspection._partners": ["inspect_file"],
            "condensery.torch.studies._calibrate": ["calibrate_cell"],
            "condensery.torch.studies._classifier": ["watch_classifier"],
            "condensery.torch.studies._compare": [
                "Comparison",
                "Training",
                "build_classifier",
                "compare_reductions",
            ],
            "condensery.torch.studies._peers": ["PEERS", "shrink"],
            "condensery.torch.studies._two_layer": [
                "FlowSteps",
                "NormalisedTwoLayer",
                "four_points",
            ],
        },
    )


def __dir__() -> list[str]:
    return sorted(__all__)

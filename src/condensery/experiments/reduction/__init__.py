"""Reduction: a condensed network is merged group by group, and trains on as if nothing
had happened.
"""

from condensery.experiments.reduction._config import Config
from condensery.experiments.reduction._experiment import reduction
from condensery.experiments.reduction._work import recorded_steps, resting, slowest

__all__ = [
    "Config",
    "recorded_steps",
    "reduction",
    "resting",
    "slowest",
]

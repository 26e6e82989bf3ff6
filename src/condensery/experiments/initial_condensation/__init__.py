"""Initial condensation: on how many lines the neurons of a small network gather first
(Zhou et al. 2022).
"""

from condensery.experiments.initial_condensation._config import Config
from condensery.experiments.initial_condensation._experiment import (
    initial_condensation,
)

__all__ = [
    "Config",
    "initial_condensation",
]

"""What happens to condensed groups while a network trains: an open question, followed
group by group.
"""

from condensery.experiments.condensation_dynamics._config import Config
from condensery.experiments.condensation_dynamics._experiment import (
    condensation_dynamics,
)

__all__ = [
    "Config",
    "condensation_dynamics",
]

"""A census of critical points: which are embeddings of narrower ones, and which are
not.
"""

from condensery.experiments.critical_census._config import Config
from condensery.experiments.critical_census._experiment import critical_census

__all__ = [
    "Config",
    "critical_census",
]

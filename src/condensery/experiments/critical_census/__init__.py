"""The census of critical points: which there are at each width, and which embed in
which.
"""

from condensery.experiments.critical_census._config import Config
from condensery.experiments.critical_census._experiment import CriticalCensus

__all__ = ["Config", "CriticalCensus"]

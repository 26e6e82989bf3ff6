"""Reduction against its peers: condensed and ordinary classifiers, cut down to equal
sizes in every way there is.
"""

from condensery.experiments.reduce_benchmark._claims import OURS
from condensery.experiments.reduce_benchmark._config import Config
from condensery.experiments.reduce_benchmark._experiment import reduce_benchmark

__all__ = [
    "OURS",
    "Config",
    "reduce_benchmark",
]

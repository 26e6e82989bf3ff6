"""Reduction against its peers: condensed and ordinary classifiers, cut down to equal
sizes in every way there is.
"""

from condensery.experiments.reduce_benchmark._config import Config
from condensery.experiments.reduce_benchmark._experiment import reduce_benchmark
from condensery.experiments.reduce_benchmark._work import OURS

__all__ = [
    "OURS",
    "Config",
    "reduce_benchmark",
]

"""Fewest samples from which a target can be recovered: model ranks, and training with
as many samples and one less.
"""

from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._experiment import optimistic_sizes

__all__ = ["Config", "optimistic_sizes"]

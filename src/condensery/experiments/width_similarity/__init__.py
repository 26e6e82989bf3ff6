"""Nets of different widths on one data set: common plateaus, and how they are left."""

from condensery.experiments.width_similarity._config import Config
from condensery.experiments.width_similarity._experiment import width_similarity

__all__ = ["Config", "width_similarity"]

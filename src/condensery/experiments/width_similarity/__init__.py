"""Nets of different widths on one data set: common plateaus, and how they are left."""

from condensery.experiments.width_similarity._config import Config
from condensery.experiments.width_similarity._experiment import WidthSimilarity

__all__ = ["Config", "WidthSimilarity"]

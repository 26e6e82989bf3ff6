"""Embedding in depth: lifts of critical points, and how linear the layers of trained
nets are.
"""

from condensery.experiments.embedding_depth._config import Config
from condensery.experiments.embedding_depth._experiment import embedding_depth

__all__ = ["Config", "embedding_depth"]

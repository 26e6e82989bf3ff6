"""Embedding in depth: lifts of critical points, and how linear the layers of trained
nets are.
"""

from condensery.experiments.embedding_depth._experiment import Config, EmbeddingDepth

__all__ = ["Config", "EmbeddingDepth"]

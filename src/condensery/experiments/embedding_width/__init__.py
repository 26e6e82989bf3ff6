"""The embedding principle in width: what becomes of a narrow net's critical point in a
wider net.
"""

from condensery.experiments.embedding_width._config import Config
from condensery.experiments.embedding_width._experiment import embedding_width

__all__ = ["Config", "embedding_width"]

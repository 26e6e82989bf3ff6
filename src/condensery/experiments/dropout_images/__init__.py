"""Which part of dropout makes a network generalise."""

from condensery.experiments.dropout_images._config import Config
from condensery.experiments.dropout_images._experiment import dropout_images

__all__ = ["Config", "dropout_images"]

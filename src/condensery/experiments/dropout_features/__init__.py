"""What dropout does to the features of a small network, beside noise that does not do
it.
"""

from condensery.experiments.dropout_features._config import Config
from condensery.experiments.dropout_features._experiment import dropout_features

__all__ = [
    "Config",
    "dropout_features",
]

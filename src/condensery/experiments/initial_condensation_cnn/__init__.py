"""Initial condensation of convolution kernels: along a direction known beforehand, and
in a small CNN on images.
"""

from condensery.experiments.initial_condensation_cnn._experiment import (
    initial_condensation_cnn,
)
from condensery.experiments.initial_condensation_cnn._work import Config

__all__ = [
    "Config",
    "initial_condensation_cnn",
]

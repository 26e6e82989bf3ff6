"""The phase diagram of three-layer networks: each layer linear, critical or condensed
(Zhou et al. 2022).
"""

from condensery.experiments.three_layer._config import Config
from condensery.experiments.three_layer._experiment import three_layer

__all__ = ["Config", "three_layer"]

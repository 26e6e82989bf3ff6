"""The phase diagram of two-layer networks: linear, critical and condensed regimes (Luo
et al. 2021).
"""

from condensery.experiments.phase_diagram._config import Config, configuration
from condensery.experiments.phase_diagram._experiment import phase_diagram

__all__ = ["Config", "configuration", "phase_diagram"]

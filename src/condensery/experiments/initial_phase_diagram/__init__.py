"""The phase diagram of initial condensation: how far, along what and when two-layer
tanh networks condense first (Chen et al. 2023).
"""

from condensery.experiments.initial_phase_diagram._config import Config
from condensery.experiments.initial_phase_diagram._experiment import (
    initial_phase_diagram,
)

__all__ = ["Config", "initial_phase_diagram"]

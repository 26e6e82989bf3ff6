"""Trained networks that come inside Python packages: how many of their units have a
partner, with honest zeros.
"""

from condensery.experiments.real_networks._config import Config
from condensery.experiments.real_networks._experiment import real_networks
from condensery.experiments.real_networks._files import NETWORKS, locate

__all__ = [
    "NETWORKS",
    "Config",
    "locate",
    "real_networks",
]

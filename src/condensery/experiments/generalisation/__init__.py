"""How many samples recover a target, and what condensation has to do with it."""

from condensery.experiments.generalisation._config import Config
from condensery.experiments.generalisation._experiment import generalisation

__all__ = ["Config", "generalisation"]

"""Demo A: four points, one thousand ReLU units, and all of them in two orientations."""

from condensery.experiments.demo_a._experiment import demo_a
from condensery.experiments.demo_a._work import ANGLES, REFERENCE, Config

__all__ = ["ANGLES", "REFERENCE", "Config", "demo_a"]

"""Closed forms: where a network lies in the phase diagram, what it will do there, and facts about activations."""

from condensery.theory._activations import (
    ACTIVATION_NAMES,
    ActivationFacts,
    AffinePiece,
    Reflection,
    activation_facts,
)
from condensery.theory._coordinates import SCHEMES, Coordinates, coordinates, finite_width_slope, kappas
from condensery.theory._kernels import NtkKernels, ntk_two_layer_relu
from condensery.theory._phase import boundary, phase_slope, regime
from condensery.theory._prediction import ntk_relative_distance

__all__ = [
    "ACTIVATION_NAMES",
    "SCHEMES",
    "ActivationFacts",
    "AffinePiece",
    "Coordinates",
    "NtkKernels",
    "Reflection",
    "activation_facts",
    "boundary",
    "coordinates",
    "finite_width_slope",
    "kappas",
    "ntk_relative_distance",
    "ntk_two_layer_relu",
    "phase_slope",
    "regime",
]

"""Networks as pure JAX functions of their parameters, and how the parameters are drawn."""

from condensery.models._activations import ACTIVATIONS, Activation, activation
from condensery.models._initialisation import mlp_normal, two_layer_normal
from condensery.models._mlp import Mlp, mlp
from condensery.models._two_layer import TwoLayer, with_bias

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Mlp",
    "TwoLayer",
    "activation",
    "mlp",
    "mlp_normal",
    "two_layer_normal",
    "with_bias",
]

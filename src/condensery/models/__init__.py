"""Networks as pure JAX functions of their parameters, and how the parameters are
drawn.
"""

from condensery._doors import guard
from condensery._lazy import require

require("jax", purpose="condensery.models")

from condensery.models._activations import ACTIVATIONS, Activation, activation
from condensery.models._arrays import AnyArray
from condensery.models._batch_norm import BatchNormMlp
from condensery.models._convolution import (
    Cnn,
    TwoLayerConv,
    cnn_normal,
    two_layer_conv_normal,
)
from condensery.models._image_nets import IMAGE_NETS, ImageNet
from condensery.models._initialisation import mlp_normal, two_layer_normal
from condensery.models._leaves import leaf_names
from condensery.models._mlp import Mlp, mlp
from condensery.models._network import Network, completed
from condensery.models._numpy_activations import numpy_activation
from condensery.models._residual import LayeredMlp
from condensery.models._two_layer import TwoLayer, with_bias

__all__ = [
    "ACTIVATIONS",
    "IMAGE_NETS",
    "Activation",
    "AnyArray",
    "BatchNormMlp",
    "Cnn",
    "ImageNet",
    "LayeredMlp",
    "Mlp",
    "Network",
    "TwoLayer",
    "TwoLayerConv",
    "activation",
    "cnn_normal",
    "completed",
    "leaf_names",
    "mlp",
    "mlp_normal",
    "numpy_activation",
    "two_layer_conv_normal",
    "two_layer_normal",
    "with_bias",
]

guard(globals(), __all__)

"""The activations of the registry on NumPy arrays, without JAX's compiler."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, ndtr

from condensery.models._activations import LEAKY_SLOPE, activation

OnHost = Callable[[np.ndarray], np.ndarray]

_FUNCTIONS: dict[str, OnHost] = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(
        z > 0,
        z,
        LEAKY_SLOPE * z,
    ),
    "tanh": np.tanh,
    "sigmoid": expit,
    "softplus": lambda z: np.logaddexp(z, 0),
    "sin": np.sin,
    "xtanh": lambda z: z * np.tanh(z),
    "x2tanh": lambda z: z * z * np.tanh(z),
    "gelu": lambda z: z * ndtr(z),
    "hardtanh": lambda z: np.clip(z, -1, 1),
    "linear": lambda z: z,
}


def numpy_activation(name: str) -> OnHost:
    """σ of the registry for NumPy arrays; agrees with `activation` up to rounding.

    Args:
        name: One of `ACTIVATIONS`.

    Returns:
        z -> σ(z), elementwise and of the dtype of z.

    Raises:
        InvalidInputError: The name is not in the registry.

    Example:
        >>> import numpy as np
        >>> from condensery.models import numpy_activation
        >>> numpy_activation("hardtanh")(np.array([-2.0, 0.5]))
        array([-1. ,  0.5])
    """
    return _FUNCTIONS[activation(name).name]

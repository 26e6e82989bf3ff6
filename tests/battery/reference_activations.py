"""The activations of the registry once more, in NumPy, for the references."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Pair = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]
LEAK = 0.01
_erf = np.vectorize(
    math.erf,
    otypes=[float],
)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def _cdf(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + _erf(z / math.sqrt(2.0)))


def _pdf(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)


def _sech2(z: np.ndarray) -> np.ndarray:
    return 1.0 - np.tanh(z) ** 2


def _xtanh_prime(z: np.ndarray) -> np.ndarray:
    curved = z * _sech2(z)
    return np.tanh(z) + curved


PAIRS: dict[str, Pair] = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "leaky_relu": (
        lambda z: np.where(
            z > 0,
            z,
            LEAK * z,
        ),
        lambda z: np.where(
            z > 0,
            1.0,
            LEAK,
        ),
    ),
    "tanh": (np.tanh, _sech2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1.0 - _sigmoid(z))),
    "softplus": (lambda z: np.logaddexp(0.0, z), _sigmoid),
    "sin": (np.sin, np.cos),
    "xtanh": (
        lambda z: z * np.tanh(z),
        _xtanh_prime,
    ),
    "x2tanh": (
        lambda z: z**2 * np.tanh(z),
        lambda z: 2.0 * z * np.tanh(z) + z**2 * _sech2(z),
    ),
    "gelu": (lambda z: z * _cdf(z), lambda z: _cdf(z) + z * _pdf(z)),
    "hardtanh": (
        lambda z: np.clip(
            z,
            -1.0,
            1.0,
        ),
        lambda z: (np.abs(z) < 1.0).astype(float),
    ),
    "linear": (lambda z: z, np.ones_like),
}
SLOPES = {
    "relu": (0.0, 1.0),
    "leaky_relu": (LEAK, 1.0),
}

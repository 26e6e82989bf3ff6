"""The loss along a straight line through parameter space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    shapes_of,
)
from condensery.models import Network


def loss_along(
    parameters: Sequence[Layer],
    direction: Sequence[Layer],
    problem: Problem,
    strides: Float[np.ndarray, " stride"],
) -> Float[np.ndarray, " stride"]:
    """The loss on a straight line.

    Formula:
        R(θ + s d) for every stride s. With d = θ' − θ the line leads from the one
        network, at 0, to the other, at 1.

    Args:
        parameters: θ, ``(W, b)`` per layer.
        direction: d, with the same shapes; see `random_direction`.
        problem: Data, activation and loss.
        strides: s, in lengths of d.

    Returns:
        R at every stride. The activation is NumPy's, so that R may differ from
        `condensery.landscape.loss` in the last digit.

    Raises:
        InvalidInputError: Shapes that do not fit, or values that are not finite.

    Example:
        f = w x on x = 1, y = 0: R = w².

        >>> import numpy as np
        >>> from condensery.landscape import Problem, loss_along
        >>> problem = Problem(np.ones((1, 1)), np.zeros(1))
        >>> line = [(np.array([[1.0]]), None)]
        >>> loss_along(line, line, problem, np.array([-1.0, 0.0, 2.0])).tolist()
        [0.0, 1.0, 9.0]
    """
    start = check_parameters(parameters)
    along = check_parameters(direction)
    if shapes_of(start) != shapes_of(along):
        raise InvalidInputError(
            "direction",
            given="layers of other shapes",
            allowed="the shapes of the parameters",
            remedy="take the difference of two networks, or random_direction",
        )
    losses = np.empty(len(strides))
    for index, stride in enumerate(strides):
        moved = _moved(start, along, float(stride))
        network = Network.of(moved, problem.activation)
        error = network.forward(problem.x) - problem.y
        losses[index] = problem.factor * np.mean(error**2)
    return losses


def _moved(start: Parameters, along: Parameters, stride: float) -> Parameters:
    layers: Parameters = []
    for (W, b), (along_W, along_b) in zip(start, along, strict=True):
        bias = None
        if b is not None and along_b is not None:
            bias = b + stride * along_b
        layers.append((W + stride * along_W, bias))
    return layers


def random_direction(
    parameters: Sequence[Layer], random: np.random.Generator
) -> Parameters:
    """A random direction whose share in each layer is as long as the layer.

    Formula:
        d_l = g_l ‖θ_l‖/‖g_l‖ with g_l standard normal and θ_l weights and bias of a
        layer. A bias that is zero throughout stays zero.

    Args:
        parameters: θ, ``(W, b)`` per layer.
        random: The generator, layer by layer first for W, then for b.

    Returns:
        The direction, with the shapes of the parameters.

    Source:
        After Li et al. 2018 (arXiv 1712.09913), Sec. 4, who make it as long as the
        weights of each filter; here it is each layer.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import random_direction
        >>> net = [(np.array([[3.0, 0.0]]), np.array([4.0]))]
        >>> [(W, b)] = random_direction(net, np.random.default_rng(0))
        >>> round(float(np.sum(W**2) + np.sum(b**2)), 9)
        25.0
    """
    return [_direction(layer, random) for layer in check_parameters(parameters)]


def _direction(layer: Layer, random: np.random.Generator) -> Layer:
    W, b = layer
    along_W = random.standard_normal(W.shape)
    along_b = None
    if b is not None:
        is_biased = np.abs(b).max() > 0
        along_b = random.standard_normal(b.shape) * is_biased
    length = _square(layer)
    drawn = _square((along_W, along_b))
    size = np.sqrt(length / drawn)
    if along_b is not None:
        along_b = size * along_b
    return size * along_W, along_b


def _square(layer: Layer) -> float:
    W, b = layer
    square = np.sum(W**2)
    return square if b is None else square + np.sum(b**2)

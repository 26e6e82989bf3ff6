"""When two nets are one: order and signs of units, and equal functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    flatten,
    forward,
    unit_rows,
)
from condensery.theory import activation_facts


def canonical(
    parameters: Sequence[Layer], activation_name: str
) -> Float[np.ndarray, " parameter"]:
    """Flat parameters, the same for nets that differ in the order of their units and,
    where σ is odd or even, in signs.

    Units are turned and sorted by their product with a fixed vector of random numbers,
    layer by layer.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import canonical
        >>> one = [(np.array([[1.0], [2.0]]), None), (np.array([[3.0, 4.0]]), None)]
        >>> other = [(np.array([[-2.0], [1.0]]), None), (np.array([[-4.0, 3.0]]), None)]
        >>> bool((canonical(one, "tanh") == canonical(other, "tanh")).all())
        True
    """
    layers = list(parameters)
    parity = activation_facts(activation_name).parity
    for index in range(len(layers) - 1):
        rows = unit_rows(layers[index])
        after, next_bias = layers[index + 1]
        into, out = _fixed_directions(index, rows.shape[1], len(after))
        flipped = (rows @ into < 0) & (parity != "none")
        turn = np.where(flipped, -1.0, 1.0)
        rows = turn[:, None] * rows
        if parity == "odd":
            after = after * turn
        key = rows @ into
        # The output weights tell parallel units apart; those of a hidden layer are not
        # sorted yet.
        if index == len(layers) - 2:
            key = key + out @ after
        order = np.argsort(key)
        layers[index] = _sorted_layer(layers[index], rows[order])
        layers[index + 1] = (after[:, order], next_bias)
    return flatten(layers)


def _fixed_directions(
    index: int, inputs: int, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers, always the same for a layer: for input and output weights."""
    rng = np.random.default_rng(index)
    fixed = rng.standard_normal(inputs + outputs)
    return fixed[:inputs], fixed[inputs:]


def _sorted_layer(layer: Layer, rows: np.ndarray) -> Layer:
    weight, bias = layer
    inputs = weight.shape[1]
    if bias is None:
        return rows, None
    return rows[:, :inputs], rows[:, -1]


def sampled_outputs(parameters: Parameters, problem: Problem) -> np.ndarray:
    """Outputs on the data, and on as many points between and beyond them."""
    x = problem.x
    rng = np.random.default_rng(0)
    mixed = rng.dirichlet(np.ones(2), size=len(x))
    partner = np.roll(x, 1, axis=0)
    between = mixed[:, :1] * x + mixed[:, 1:] * partner
    center = x.mean(axis=0)
    beyond = center + 1.5 * (x - center)
    samples = np.concatenate([x, between, beyond])
    output = forward(parameters, samples, problem.activation)
    return output.ravel()

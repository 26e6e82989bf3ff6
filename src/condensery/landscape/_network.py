"""The multilayer net of the landscape: its parameters, and output, loss, gradient,
Jacobian and Hessian at them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.engine import PRECISION
from condensery.models import activation

Layer = tuple[Float[np.ndarray, "_unit _input"], Float[np.ndarray, " _unit"] | None]
"""Weights and bias of one layer; None is a layer without bias."""

Parameters = list[Layer]
"""All layers, input first; the last one is linear."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a landscape is the landscape of: data, an activation, and the loss R =
    `factor` · mean of (f(x) − y)².

    The mean is over samples and outputs, as in `condensery.engine.mean_square`.

    Attributes:
        x: Inputs.
        y: Targets; (sample,) is taken for one output.
        activation: That of every hidden layer, a name of the registry in
            `condensery.models`.
        factor: 1 for the plain mean square, ½ for the other convention.

    Raises:
        InvalidInputError: Data of mismatched or zero length or not finite, an unknown
            activation, a factor ≤ 0.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, loss
        >>> problem = Problem(np.array([[0.0], [1.0]]), np.array([1.0, 3.0]), "tanh")
        >>> loss([(np.array([[2.0]]), np.array([0.0]))], problem)
        1.0
    """

    x: Float[np.ndarray, "sample feature"]
    y: Float[np.ndarray, "sample ..."]
    activation: str = "tanh"
    factor: float = 1.0

    def __post_init__(self) -> None:
        activation(self.activation)
        x = np.asarray(self.x, dtype=PRECISION)
        y = np.asarray(self.y, dtype=PRECISION)
        y = y[:, None] if y.ndim == 1 else y
        if x.ndim != 2 or y.ndim != 2 or len(x) < 1 or len(x) != len(y):
            raise InvalidInputError(
                "data",
                given=f"inputs of shape {x.shape} and targets of shape {y.shape}",
                allowed="x: (sample, feature) and y: (sample, output) with at least "
                "one sample",
                remedy="check the leading axes",
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise InvalidInputError(
                "data",
                given="a value that is not finite",
                allowed="finite numbers",
                remedy="clean it",
            )
        if not 0 < self.factor < np.inf:
            raise InvalidInputError(
                "factor",
                given=self.factor,
                allowed="a number > 0",
                remedy="use 1 or 0.5",
            )
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)


def check_parameters(parameters: Sequence[Layer]) -> Parameters:
    """A copy of the parameters in float64, after a look at their shapes and values.

    Args:
        parameters: ``(W, b)`` per layer, input first; b may be None.

    Raises:
        InvalidInputError: No layer, shapes that do not fit together, or a value that is
            not finite.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import check_parameters
        >>> check_parameters([(np.ones((2, 1)), None), (np.ones((1, 2)), None)])[0][
        ...     0
        ... ].shape
        (2, 1)
    """
    layers: Parameters = []
    for number, (weight, bias) in enumerate(parameters, start=1):
        W = np.array(weight, dtype=PRECISION)
        b = None if bias is None else np.array(bias, dtype=PRECISION)
        fits = W.ndim == 2 and W.size > 0 and (b is None or b.shape == W.shape[:1])
        if not fits or (layers and W.shape[1] != len(layers[-1][0])):
            raise InvalidInputError(
                f"layer {number}",
                given=f"W of shape {W.shape}, b of {None if b is None else b.shape}",
                allowed="W: (out, in) with in = out of the layer before, b: (out,) "
                "or None",
                remedy="check the shapes",
            )
        if not (np.isfinite(W).all() and (b is None or np.isfinite(b).all())):
            raise InvalidInputError(
                f"layer {number}",
                given="a value that is not finite",
                allowed="finite numbers",
                remedy="take the parameters from before the training diverged",
            )
        layers.append((W, b))
    if not layers:
        raise InvalidInputError(
            "parameters",
            given="no layer",
            allowed="at least one (W, b)",
            remedy="give a net",
        )
    return layers


def widths(parameters: Sequence[Layer]) -> tuple[int, ...]:
    """Number of inputs, of units of each hidden layer, and of outputs."""
    first, _ = parameters[0]
    return (first.shape[1], *(len(weight) for weight, _ in parameters))


def parameter_count(parameters: Sequence[Layer]) -> int:
    """Number of weights and biases."""
    return sum(
        weight.size + (0 if bias is None else bias.size) for weight, bias in parameters
    )


def flatten(parameters: Sequence[Layer]) -> Float[np.ndarray, " parameter"]:
    """All parameters in one vector: layer by layer W row by row, then b.

    The order of Jacobian and Hessian.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import flatten
        >>> flatten([(np.array([[1.0, 2.0]]), np.array([3.0]))]).tolist()
        [1.0, 2.0, 3.0]
    """
    arrays = [array for layer in parameters for array in layer if array is not None]
    vectors = [np.ravel(array) for array in arrays]
    return np.concatenate(vectors, dtype=PRECISION)


def unflatten(
    vector: Float[np.ndarray, " parameter"], like: Sequence[Layer]
) -> Parameters:
    """The inverse of `flatten`, for the shapes of `like`."""
    layers: Parameters = []
    start = 0
    for weight, bias in like:
        W = np.reshape(vector[start : start + weight.size], weight.shape)
        start += weight.size
        b = None
        if bias is not None:
            b = np.asarray(vector[start : start + bias.size])
            start += bias.size
        layers.append((W, b))
    return layers


def forward(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    activation_name: str,
) -> Float[np.ndarray, "sample output"]:
    """The net's output in float64.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import forward
        >>> hat = [(np.array([[1.0], [-1.0]]), None), (np.array([[1.0, 1.0]]), None)]
        >>> forward(hat, np.array([[-2.0], [3.0]]), "relu").tolist()
        [[2.0], [3.0]]
    """
    return preactivations(parameters, x, activation_name)[-1]


def elementwise(
    function: Callable[[Array], Array], z: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """σ or σ′ of the registry on a host array; padded to powers of two, so that few
    sizes are ever compiled.
    """
    power = max(z.size - 1, 0).bit_length()
    padded = np.zeros(max(1024, 1 << power), dtype=PRECISION)
    padded[: z.size] = z.ravel()
    values = np.asarray(_compiled(function, padded))
    return values[: z.size].reshape(z.shape)


@partial(jax.jit, static_argnums=0)
def _compiled(function: Callable[[Array], Array], z: Array) -> Array:
    return function(z)


def preactivations(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    activation_name: str,
) -> list[Float[np.ndarray, "sample _unit"]]:
    """z_l = W_l f_{l−1} + b_l of every layer; the last one is the output."""
    return forward_pass(parameters, x, activation_name)[1]


def features(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    activation_name: str,
) -> list[Float[np.ndarray, "sample _unit"]]:
    """f_0 = x, then f_l = σ(z_l) of every hidden layer."""
    return forward_pass(parameters, x, activation_name)[0]


def forward_pass(
    parameters: Sequence[Layer],
    x: Float[np.ndarray, "sample feature"],
    activation_name: str,
) -> tuple[
    list[Float[np.ndarray, "sample _unit"]], list[Float[np.ndarray, "sample _unit"]]
]:
    """What goes into every layer, f_0 … f_{L−1}, and what comes out of its weights, z_1
    … z_L.
    """
    # Not `condensery.models.Network`, whose σ on host arrays is NumPy's: here it is
    # that of gradient and Hessian, and the layers are needed before σ as well.
    sigma = activation(activation_name).sigma
    below = [np.asarray(x, dtype=PRECISION)]
    before = []
    for weight, bias in parameters:
        z = below[-1] @ weight.T
        if bias is not None:
            z = z + bias
        before.append(z)
        if len(before) < len(parameters):
            below.append(elementwise(sigma, z))
    return below, before


def loss(parameters: Sequence[Layer], problem: Problem) -> float:
    """R = factor · mean over samples and outputs of (f − y)²; nan or inf where the net
    overflows.
    """
    output = forward(parameters, problem.x, problem.activation)
    square = np.mean((output - problem.y) ** 2)
    return float(problem.factor * square)


def output_errors(
    parameters: Sequence[Layer], problem: Problem
) -> Float[np.ndarray, "sample output"]:
    """E_L: the derivative of a sample's loss with respect to its outputs, so that ∇R =
    mean over samples of Eᵀ∇f.
    """
    output = forward(parameters, problem.x, problem.activation)
    return errors_of(output, problem)


def errors_of(
    output: Float[np.ndarray, "sample output"], problem: Problem
) -> Float[np.ndarray, "sample output"]:
    """`output_errors` of a net whose output is known."""
    outputs = problem.y.shape[1]
    return 2 * problem.factor / outputs * (output - problem.y)


def unit_rows(layer: Layer) -> Float[np.ndarray, "unit input"]:
    """Input weights and, if there is one, bias of each unit."""
    weight, bias = layer
    return weight if bias is None else np.column_stack([weight, bias])


def unit_inputs(
    below: Float[np.ndarray, "sample _unit"], layer: Layer
) -> Float[np.ndarray, "sample input"]:
    """x̃ = (f, 1): what the `unit_rows` of a layer are multiplied with."""
    _, bias = layer
    return below if bias is None else np.column_stack([below, np.ones(len(below))])


Shapes = tuple[tuple[int, int, bool], ...]


def shapes_of(parameters: Sequence[Layer]) -> Shapes:
    return tuple((*weight.shape, bias is not None) for weight, bias in parameters)

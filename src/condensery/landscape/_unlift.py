"""Take out a hidden layer that is linear on the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._affine import pieces_of
from condensery.landscape._lift import EXACT, full_rank, shifted
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    features,
    parameter_count,
    preactivations,
)
from condensery.landscape._receipt import (
    Moved,
    admitted,
    check_hidden,
    is_critical,
    write_receipt,
)

LINEAR = 1 - 1e-3
"""A unit with a linearity score above this is taken for a linear one when `fit` is
asked for.
"""


def unlift(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    layer: int,
    fit: bool = False,
    spectrum: bool = True,
) -> Moved:
    """Take out a hidden layer that is linear on the data: W = V diag(λ) Ŵ, b = V(λ·b̂ +
    μ) + b'.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        layer: The hidden layer to take out, from 1.
        fit: False: every unit must stay in one affine piece on every sample, and the
            output on the data is kept. True: λ and μ are least-squares fits, every live
            unit must have a linearity score above 0.999, and the output changes by what
            the receipt says.
        spectrum: Whether the receipt measures and predicts inertia.

    Returns:
        The new parameters and the receipt.

    Raises:
        InvalidInputError: No such layer, a unit that is not linear (its sample or score
            is named), or a next layer without bias that would need one.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, lift, unlift
        >>> net = [
        ...     (np.array([[1.0], [-1.0]]), np.zeros(2)),
        ...     (np.array([[1.0, 1.0]]), np.zeros(1)),
        ... ]
        >>> problem = Problem(np.array([[0.5], [-2.0]]), np.zeros(2), "relu")
        >>> deep, _ = lift(net, problem, after=1, width=5)
        >>> shallow, receipt = unlift(deep, problem, layer=2)
        >>> np.allclose(shallow[1][0], net[1][0]), receipt.widths[1]
        (True, (1, 2, 1))
    """
    layers = admitted(parameters, problem)
    check_hidden(layers, layer)
    (hat, shift), (V, bias) = layers[layer - 1], layers[layer]
    z = preactivations(layers, problem.x, problem.activation)[layer - 1]
    slope, intercept = (
        _fitted(layers, problem, layer) if fit else pieces_of(z, problem.activation)
    )
    constant = (slope * shift if shift is not None else 0.0) + intercept
    moved = V @ constant
    if bias is None and np.abs(moved).max() > EXACT * max(1.0, float(np.abs(V).max())):
        raise InvalidInputError(
            f"layer {layer + 1}",
            given=f"no bias, where output {int(np.argmax(np.abs(moved)))} needs one",
            allowed="a next layer with a bias",
            remedy="add a bias of zeros to it first",
        )
    joined: Layer = (V @ (slope[:, None] * hat), None if bias is None else bias + moved)
    shallow = [*layers[: layer - 1], joined, *layers[layer + 1 :]]
    fewer = parameter_count(shallow) - parameter_count(layers)
    certain = (
        bias is not None
        and not fit
        and full_rank(slope[:, None] * hat, V)
        and is_critical(layers, problem)
    )
    receipt = write_receipt(
        "unlift",
        layers,
        shallow,
        problem,
        spectrum=spectrum,
        predict=(lambda inertia: shifted(inertia, fewer)) if certain else None,
    )
    return shallow, receipt


def linearity(
    parameters: Sequence[Layer], problem: Problem
) -> list[Float[np.ndarray, " _unit"]]:
    r"""How linear every hidden unit is on the data: \|Pearson correlation\| of
    pre-activation and activation.

    The score of a layer is the least of its live units. A unit whose activation does
    not vary (dead or saturated) has none: nan.

    Args:
        parameters: ``(W, b)`` per layer.
        problem: Data and activation.

    Returns:
        One array per hidden layer, in [0, 1] or nan.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, linearity
        >>> net = [
        ...     (np.array([[1.0], [1.0]]), np.array([5.0, -9.0])),
        ...     (np.ones((1, 2)), None),
        ... ]
        >>> linearity(
        ...     net, Problem(np.array([[0.5], [-2.0], [1.0]]), np.zeros(3), "relu")
        ... )
        [array([ 1., nan])]
    """
    z = preactivations(parameters, problem.x, problem.activation)[:-1]
    f = features(parameters, problem.x, problem.activation)[1:]
    return [_correlation(before, after) for before, after in zip(z, f, strict=True)]


def _correlation(z: np.ndarray, f: np.ndarray) -> np.ndarray:
    before, after = z - z.mean(axis=0), f - f.mean(axis=0)
    sizes = np.linalg.norm(before, axis=0) * np.linalg.norm(after, axis=0)
    alive = np.linalg.norm(after, axis=0) > 1e-12 * np.maximum(
        1.0, np.abs(f).max(axis=0)
    )
    score = np.abs((before * after).sum(axis=0)) / np.where(
        alive & (sizes > 0), sizes, 1.0
    )
    return np.where(alive, np.minimum(score, 1.0), np.nan)


def _fitted(
    layers: Parameters, problem: Problem, layer: int
) -> tuple[np.ndarray, np.ndarray]:
    scores = linearity(layers, problem)[layer - 1]
    if np.nanmin(scores, initial=1.0) < LINEAR:
        unit = int(np.nanargmin(scores))
        raise InvalidInputError(
            f"unit {unit} of layer {layer}",
            given=f"linearity {scores[unit]:.6f}",
            allowed=f"at least {LINEAR}",
            remedy="this layer computes something: leave it in",
        )
    z = preactivations(layers, problem.x, problem.activation)[layer - 1]
    f = features(layers, problem.x, problem.activation)[layer]
    spread = z.var(axis=0)
    slope = ((z - z.mean(axis=0)) * f).mean(axis=0) / np.where(spread > 0, spread, 1.0)
    return slope, f.mean(axis=0) - slope * z.mean(axis=0)

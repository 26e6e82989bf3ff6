"""Operators of depth: `lift` inserts a layer that computes nothing new on the data,
`unlift` takes such a layer out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._affine import pieces_of, placed, tangent
from condensery.landscape._inertia import Inertia
from condensery.landscape._network import (
    Layer,
    Problem,
    features,
    parameter_count,
)
from condensery.landscape._receipt import (
    Counts,
    Moved,
    admitted,
    is_critical,
    write_receipt,
)

EXACT = 1e-9
"""A residual of the factorisation above this (relatively) means that the new layer is
too narrow.
"""


def lift(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    after: int,
    width: int | None = None,
    weights: tuple[Float[np.ndarray, "new below"], Float[np.ndarray, " new"]]
    | None = None,
    margin: float = 1.0,
    epsilon: float | None = None,
    spread: float = 0.0,
    seed: int = 0,
    spectrum: bool = True,
) -> Moved:
    """Insert a hidden layer whose units all stay in an affine piece of the activation
    on the data.

    With z = Ŵf + b̂ the new pre-activations, σ(z_j) = λ_j z_j + μ_j on every sample,
    the next layer's W becomes V with V diag(λ) Ŵ = W and its bias b − V(λ·b̂ + μ). On
    the data nothing changes; elsewhere the output is the same only as far as the inputs
    stay in the piece (the receipt's random inputs tell). At a critical point with Ŵ or
    V of full rank the inertia becomes (n₋, n₀ + D, n₊), D the number of parameters
    more.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss; the activation has an affine piece (relu,
            leaky_relu, hardtanh, linear), one to rounding (gelu, softplus, xtanh), or
            `epsilon` is given.
        after: The new layer comes after this one; 0 is the input.
        width: Its number of units, by default that of the layer before; at least the
            rank of the next weights.
        weights: Ŵ and b̂; by default Ŵ is random and b̂ leaves a distance of `margin`
            to the ends of the piece.
        margin: See `weights`; for a piece with two ends, of half its length at most.
        epsilon: For activations that are odd about 0 up to a constant (tanh, sigmoid,
            sin, x2tanh is not): Ŵ is scaled to this size and the affine piece is
            replaced by the tangent at 0; the output is wrong by O(epsilon²).
        spread: Standard deviation of the part of V that nothing determines.
        seed: Of Ŵ and V.
        spectrum: Whether the receipt measures and predicts inertia.

    Returns:
        The new parameters and the receipt.

    Raises:
        InvalidInputError: No such layer, a width below the rank, an activation without
            affine piece and no epsilon, given weights that leave the piece on some
            sample (which is named), or a next layer without bias whose shift the new
            layer cannot absorb.

    Source:
        After the abstract of Bai, Luo, Xu and Zhang 2022 (arXiv 2205.13283); the
        details are this program's.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, lift
        >>> net = [
        ...     (np.array([[1.0], [-1.0]]), np.zeros(2)),
        ...     (np.array([[1.0, 1.0]]), np.zeros(1)),
        ... ]
        >>> problem = Problem(np.array([[0.5], [-2.0]]), np.zeros(2), "relu")
        >>> deep, receipt = lift(net, problem, after=1)
        >>> receipt.widths[1], receipt.data_change < 1e-12
        ((1, 2, 2, 1), True)
    """
    layers = admitted(parameters, problem)
    if isinstance(after, bool) or not 0 <= after < len(layers):
        raise InvalidInputError(
            "after",
            given=after,
            allowed=f"0 (the input) to {len(layers) - 1} (the last hidden layer)",
            remedy="name the layer that the new one follows",
        )
    if not (np.isfinite(margin) and margin > 0 and np.isfinite(spread)):
        raise InvalidInputError(
            "margin",
            given=f"{margin}, spread {spread}",
            allowed="finite numbers, margin > 0",
            remedy="use 1 and 0",
        )
    below = features(layers, problem.x, problem.activation)[after]
    W, b = layers[after]
    rng = np.random.Generator(np.random.Philox(seed))
    drawn = (
        _given_weights(weights, below)
        if weights is not None
        else _drawn(W, below.shape[1] if width is None else width, rng)
    )
    if epsilon is not None:
        hat, shift, slope, intercept = tangent(drawn, problem.activation, epsilon)
    else:
        hat, shift = (
            drawn
            if weights is not None
            else placed(drawn[0], below, problem.activation, margin)
        )
        slope, intercept = pieces_of(below @ hat.T + shift, problem.activation)
    V, bias = _factor(
        W,
        b,
        hat,
        shift * slope + intercept,
        slope,
        spread * rng.standard_normal((len(W), len(hat))),
    )
    deep = [*layers[:after], (hat, shift), (V, bias), *layers[after + 1 :]]
    notes = (
        []
        if epsilon is None
        else [
            "tangent at 0, not an affine piece: the change is O(epsilon²), "
            f"{epsilon = :g}"
        ]
    )
    if b is None:
        notes.append(
            "the next layer has no bias: the new biases stand in for one, and a "
            "critical point is not kept"
        )
    certain = (
        b is not None
        and epsilon is None
        and full_rank(hat, V)
        and is_critical(layers, problem)
    )
    more = parameter_count(deep) - parameter_count(layers)
    receipt = write_receipt(
        "lift",
        layers,
        deep,
        problem,
        spectrum=spectrum,
        notes=notes,
        predict=(lambda inertia: shifted(inertia, more)) if certain else None,
    )
    return deep, receipt


def shifted(inertia: Inertia, more: int) -> Counts | None:
    return (
        (inertia.negative, inertia.zero + more, inertia.positive)
        if inertia.decided
        else None
    )


def full_rank(hat: np.ndarray, V: np.ndarray) -> bool:
    rank_of_rows = int(np.linalg.matrix_rank(hat))
    rank_of_columns = int(np.linalg.matrix_rank(V))
    return rank_of_rows == hat.shape[1] or rank_of_columns == V.shape[0]


def _given_weights(
    weights: tuple[np.ndarray, np.ndarray], below: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    hat, shift = (np.asarray(array, dtype=np.float64) for array in weights)
    fits = (
        hat.ndim == 2
        and hat.shape[1] == below.shape[1]
        and shift.shape == hat.shape[:1]
    )
    if not fits or not (np.isfinite(hat).all() and np.isfinite(shift).all()):
        raise InvalidInputError(
            "weights",
            given=f"W of shape {hat.shape}, b of {shift.shape}",
            allowed=f"finite W: (new, {below.shape[1]}) and b: (new,)",
            remedy="check the shapes",
        )
    return hat, shift


def _drawn(
    W: np.ndarray, width: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    into = W.shape[1]
    rank = int(np.linalg.matrix_rank(W))
    if isinstance(width, bool) or width < max(1, rank):
        raise InvalidInputError(
            "width",
            given=width,
            allowed=f"at least {max(1, rank)}, the rank of the next layer's weights",
            remedy=f"use for example {into}",
        )
    if width >= into:
        return rng.standard_normal((width, into)) / np.sqrt(into), np.zeros(width)
    right = np.linalg.svd(W)[2][:width]  # must span the rows of W
    mixed = rng.standard_normal((width, width)) / np.sqrt(width) + np.eye(width)
    return mixed @ right, np.zeros(width)


def _factor(
    W: np.ndarray,
    b: np.ndarray | None,
    hat: np.ndarray,
    constant: np.ndarray,
    slope: np.ndarray,
    free: np.ndarray,
) -> tuple[np.ndarray, np.ndarray | None]:
    """V with V diag(λ) Ŵ = W and the bias with V·constant + b' = b; without a bias
    V·constant = 0 is asked of V.

    Raises:
        InvalidInputError: The new layer is too narrow or some unit is flat, so that
            there is no such V.
    """
    columns, aim = slope[:, None] * hat, W
    if b is None:
        columns, aim = (
            np.column_stack([columns, constant]),
            np.column_stack([W, np.zeros(len(W))]),
        )
    inverse = np.linalg.pinv(columns)
    V = aim @ inverse + free @ (np.eye(len(hat)) - columns @ inverse)
    if np.abs(V @ columns - aim).max() > EXACT * max(1.0, float(np.abs(W).max())):
        raise InvalidInputError(
            "width",
            given=f"{len(hat)} units of rank {np.linalg.matrix_rank(columns)}",
            allowed="enough to span the next layer's weights, and one more where "
            "that layer has no bias",
            remedy="give more units"
            if b is not None
            else "give more units, or the next layer a bias",
        )
    return V, None if b is None else b - V @ constant

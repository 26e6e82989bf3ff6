"""Operators of depth: `lift` inserts a layer that computes nothing new on the data,
`unlift` takes such a layer out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._inertia import Inertia
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    features,
    parameter_count,
    preactivations,
)
from condensery.landscape._receipt import (
    Counts,
    Moved,
    admitted,
    check_hidden,
    is_critical,
    write_receipt,
)
from condensery.theory import AffinePiece, activation_facts

_INF = float("inf")

SATURATED = {
    "gelu": (AffinePiece(9.0, _INF, 1.0, 0.0),),
    "softplus": (AffinePiece(40.0, _INF, 1.0, 0.0),),
    "xtanh": (AffinePiece(-_INF, -20.0, -1.0, 0.0), AffinePiece(20.0, _INF, 1.0, 0.0)),
}
"""Where a smooth activation is affine to the last bit of double precision."""

EXACT = 1e-9
"""A residual of the factorisation above this (relatively) means that the new layer is
too narrow.
"""

LINEAR = 1 - 1e-3
"""A unit with a linearity score above this is taken for a linear one when `fit` is
asked for.
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
        hat, shift, slope, intercept = _tangent(drawn, problem.activation, epsilon)
    else:
        hat, shift = (
            drawn
            if weights is not None
            else _placed(drawn[0], below, problem.activation, margin)
        )
        slope, intercept = _pieces(below @ hat.T + shift, problem.activation)
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
        and _full_rank(hat, V)
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
        predict=(lambda inertia: _shifted(inertia, more)) if certain else None,
    )
    return deep, receipt


def _shifted(inertia: Inertia, more: int) -> Counts | None:
    return (
        (inertia.negative, inertia.zero + more, inertia.positive)
        if inertia.decided
        else None
    )


def _full_rank(hat: np.ndarray, V: np.ndarray) -> bool:
    return (
        np.linalg.matrix_rank(hat) == hat.shape[1]
        or np.linalg.matrix_rank(V) == V.shape[0]
    )


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


def _placed(
    hat: np.ndarray, below: np.ndarray, name: str, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ŵ and b̂ with all pre-activations `margin` inside the first piece that is not
    flat.
    """
    pieces = [piece for piece in _affine(name) if piece.slope]
    piece = pieces[-1]  # unbounded above where there is a choice
    low, high = (below @ hat.T).min(axis=0), (below @ hat.T).max(axis=0)
    if np.isfinite(piece.lower) and np.isfinite(piece.upper):
        room = (piece.upper - piece.lower) - 2 * min(
            margin, (piece.upper - piece.lower) / 4
        )
        scale = np.minimum(
            1.0, room / np.maximum(high - low, np.finfo(np.float64).tiny)
        )
        return hat * scale[:, None], (piece.upper + piece.lower) / 2 - scale * (
            high + low
        ) / 2
    if np.isfinite(piece.lower):
        return hat, piece.lower + margin - low
    return hat, np.zeros(len(hat)) if not np.isfinite(
        piece.upper
    ) else piece.upper - margin - high


def _affine(name: str) -> tuple[AffinePiece, ...]:
    pieces = activation_facts(name).affine_pieces or SATURATED.get(name, ())
    if not pieces:
        raise InvalidInputError(
            "activation",
            given=name,
            allowed="one with an affine piece, or epsilon",
            remedy="give epsilon=0.01 for a lift that is exact up to O(epsilon²)",
        )
    return pieces


def _pieces(z: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """λ and μ of every unit; refuses a unit that no single piece holds.

    Raises:
        InvalidInputError: The pre-activations of a unit leave the piece that holds most
            of them; the sample is named.
    """
    pieces = _affine(name)
    inside = np.array(
        [(z >= piece.lower) & (z <= piece.upper) for piece in pieces]
    )  # piece, sample, unit
    best = inside.sum(axis=1).argmax(axis=0)
    for unit, choice in enumerate(best):
        if not inside[choice, :, unit].all():
            sample, piece = int(np.argmin(inside[choice, :, unit])), pieces[choice]
            raise InvalidInputError(
                f"unit {unit} of the linear layer",
                given=f"pre-activation {z[sample, unit]:.6g} on sample {sample}",
                allowed=f"{piece.lower:g} to {piece.upper:g} on every sample, where "
                f"{name} is affine",
                remedy="shift its bias, or leave out that sample",
            )
    return np.array([pieces[k].slope for k in best]), np.array(
        [pieces[k].intercept for k in best]
    )


def _tangent(
    drawn: tuple[np.ndarray, np.ndarray], name: str, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    facts = activation_facts(name)
    inflection = (
        facts.multiplicity == 1
        and facts.reflection.sign == -1
        and not facts.reflection.slope
    )
    if not inflection or facts.leading_derivative is None:
        raise InvalidInputError(
            "epsilon",
            given=f"with {name}",
            allowed="only with activations that are odd about 0 up to a constant",
            remedy="leave epsilon out: lift by an affine piece",
        )
    if not 0 < epsilon < _INF:
        raise InvalidInputError(
            "epsilon",
            given=epsilon,
            allowed="a number > 0",
            remedy="use for example 0.01",
        )
    count = len(drawn[0])
    slope, value = (
        np.full(count, facts.leading_derivative),
        np.full(count, facts.value_at_zero),
    )
    return epsilon * drawn[0], np.zeros(count), slope, value


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
        _fitted(layers, problem, layer) if fit else _pieces(z, problem.activation)
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
        and _full_rank(slope[:, None] * hat, V)
        and is_critical(layers, problem)
    )
    receipt = write_receipt(
        "unlift",
        layers,
        shallow,
        problem,
        spectrum=spectrum,
        predict=(lambda inertia: _shifted(inertia, fewer)) if certain else None,
    )
    return shallow, receipt


def linearity(
    parameters: Sequence[Layer], problem: Problem
) -> list[Float[np.ndarray, " unit"]]:
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

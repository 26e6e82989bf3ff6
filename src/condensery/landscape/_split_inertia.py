"""The inertia of a net after splitting units, from the narrow net alone: the wide
Hessian is never formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._inertia import (
    DECIDED,
    GRADIENT,
    RELATIVE,
    SILENT,
    Inertia,
    dense_inertia,
    refuse_kinks,
    refuse_nan,
    second_derivative,
)
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    elementwise,
    errors_of,
    forward_pass,
    widths,
)
from condensery.models import activation

Counts = tuple[int, int, int]


@dataclass(frozen=True)
class UnitSplit:
    """Unit `unit` (from 0) of hidden layer `layer` (from 1) becomes one copy per
    fraction; fractions sum to 1.

    A copy keeps the input weights and bias and takes its fraction, which may be
    negative, of the output weights.
    """

    layer: int
    unit: int
    fractions: tuple[float, ...]


@dataclass(frozen=True)
class NullUnit:
    """A new unit in hidden layer `layer` (from 1) without input and output weights,
    with bias `bias`.
    """

    layer: int
    bias: float = 0.0


@dataclass(frozen=True, eq=False)
class InnerHessian:
    """What decides the new eigenvalues when one unit is split.

    Attributes:
        B: B_s = E[Z_s σ″(z_s) x̃ x̃ᵀ], Z_s the derivative of the loss with respect to
            the unit's activation and x̃ = (f_{l−1}, 1) its inputs.
        C: C_s = E[E_{l+1} σ′(z_s) x̃ᵀ], E_{l+1} the errors at the pre-activations of
            the next layer.
        inner_size: E[Σ_k|E_{l+1,k} W_{l+1,ks}|·|σ″|·‖x̃‖²]: how large B would be if
            nothing cancelled.
        companion_size: The same for C.
        output_norm: ‖W_{l+1}[:, s]‖.
    """

    B: Float[np.ndarray, "input input"]
    C: Float[np.ndarray, "next input"]
    inner_size: float
    companion_size: float
    output_norm: float


@dataclass(frozen=True)
class SplitBlock:
    """What one split or one null unit adds.

    Attributes:
        change: The `UnitSplit` or `NullUnit`.
        rank: r, of C_s on the complement (of G for a null unit).
        inner: Inertia of B_s on the kernel of C_s; (0, 0, 0) for a null unit.
        added: What it adds to (n₋, n₀, n₊).
        decided: Whether rank and inner inertia have a gap of 1000.
    """

    change: UnitSplit | NullUnit
    rank: int
    inner: Counts
    added: Counts
    decided: bool


@dataclass(frozen=True, eq=False)
class SplitInertia:
    """Predicted inertia of the wide net.

    Attributes:
        counts: (n₋, n₀, n₊).
        narrow: Inertia of the narrow net.
        blocks: What each change adds.
        decided: Whether every part is.
    """

    counts: Counts
    narrow: Inertia
    blocks: tuple[SplitBlock, ...]
    decided: bool


def inner_hessian(
    parameters: Sequence[Layer], problem: Problem, *, layer: int, unit: int
) -> InnerHessian:
    """The inner Hessian B_s of a unit and its companion C_s.

    Fukumizu & Amari 2000 (Neural Networks 13) use B for one hidden layer; here for any
    layer and output dimension: along (δ, η), w_j → w_j + δ_j with Σα_jδ_j = 0 and a_j →
    a_j + η_j with Ση_j = 0, the second variation of the loss after a split with
    fractions α_j is Σ α_j δ_jᵀB δ_j + 2 Σ η_jᵀC δ_j.

    Args:
        parameters: ``(W, b)`` per layer.
        problem: Data, activation and loss.
        layer: Hidden layer, from 1.
        unit: Unit, from 0.

    Returns:
        B: (input, input) and C: (next, input), where input counts the bias if there is
        one.

    Raises:
        InvalidInputError: A layer or unit that does not exist.

    Example:
        f = a·w²x² for σ(z) = z·tanh z near 0; at w = 0: σ″(0) = 2, so B =
        2a·E[error·x²].

        >>> import numpy as np
        >>> from condensery.landscape import Problem, inner_hessian
        >>> net = [(np.zeros((1, 1)), None), (np.array([[3.0]]), None)]
        >>> inner_hessian(
        ...     net, Problem(np.ones((1, 1)), np.ones(1), "xtanh"), layer=1, unit=0
        ... ).B.tolist()
        [[-12.0]]
    """
    layers = check_parameters(parameters)
    _check_unit(layers, layer, unit)
    return _inner(_Pass.of(layers, problem), layer, unit)


def split_inertia(
    parameters: Sequence[Layer],
    problem: Problem,
    changes: Sequence[UnitSplit | NullUnit],
) -> SplitInertia:
    """Inertia of the net after the changes, from the narrow Hessian and one small
    matrix per changed unit.

    In coordinates adapted to the split the wide Hessian is diag(H, M): the directions
    that keep the copies equal see the narrow H, all others have no first-order effect
    on the network, and none on each other. M falls into k − 1 blocks [[±B_s, C_sᵀ],
    [C_s, 0]], with the sign + (#positive fractions − 1) times and − (#negative
    fractions) times, and without B_s for each fraction 0; such a block has r = rank C_s
    extra negative and positive eigenvalues, zeros, and the inertia of ±B_s on the
    kernel of C_s. A null unit adds σ′(β)·[[0, Gᵀ], [G, 0]] with G = E[E_{l+1} x̃ᵀ].
    Valid at any parameters, critical or not, for any number of layers, outputs and
    changes; the changes of one unit must be given as one `UnitSplit`. That the counts
    never fall is Thm 6.2 of Zhang et al. 2022 (J. Mach. Learn. 1).

    Args:
        parameters: The narrow net, ``(W, b)`` per layer.
        problem: Data, activation and loss.
        changes: Splits and null units, all of the narrow net; any number of null units
            per layer.

    Returns:
        The counts, those of the narrow net, and what each change adds.

    Raises:
        InvalidInputError: A layer or unit that does not exist, a unit named twice,
            fractions that are not finite or do not sum to 1, a null unit whose σ(β) no
            bias can compensate, a loss that is not finite, a kink.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, UnitSplit, split_inertia
        >>> net = [(np.array([[1.0]]), None), (np.array([[2.0]]), None)]
        >>> problem = Problem(np.array([[0.5]]), 2 * np.tanh(np.array([0.5])), "tanh")
        >>> found = split_inertia(net, problem, [UnitSplit(1, 0, (0.5, 0.5))])
        >>> found.narrow.counts, found.counts
        ((0, 1, 1), (0, 3, 1))
    """
    layers = check_parameters(parameters)
    refuse_nan(layers, problem)
    refuse_kinks(layers, problem)
    _check_changes(layers, problem, changes)
    narrow = dense_inertia(layers, problem)
    wide = list(widths(layers))
    for change in changes:
        wide[change.layer] += (
            len(change.fractions) - 1 if isinstance(change, UnitSplit) else 1
        )
    run = _Pass.of(layers, problem)
    blocks = []
    for change in changes:
        biased = int(layers[change.layer - 1][1] is not None)
        # as if the last layer were changed first: a split sees the narrow layer before
        # it and the wide one behind it
        room = widths(layers)[change.layer - 1] + biased + wide[change.layer + 1]
        blocks.append(
            _split_block(run, change, room)
            if isinstance(change, UnitSplit)
            else _null(run, change, room)
        )
    counts = np.sum([narrow.counts, *(block.added for block in blocks)], axis=0)
    return SplitInertia(
        counts=(int(counts[0]), int(counts[1]), int(counts[2])),
        narrow=narrow,
        blocks=tuple(blocks),
        decided=narrow.decided and all(block.decided for block in blocks),
    )


def new_descent_direction(
    parameters: Sequence[Layer], problem: Problem, change: UnitSplit
) -> tuple[float, Parameters] | None:
    """A direction of negative curvature of the wide net that the narrow net does not
    have, or None if there is none.

    Args:
        parameters: The narrow net.
        problem: Data, activation and loss.
        change: One split; the copies are the unit itself and then units at the end of
            its layer, as `split_many` makes them.

    Returns:
        uᵀH′u for the unit vector u, and u in the shape of the wide net's parameters.

    Raises:
        InvalidInputError: As for `split_inertia`.
    """
    layers = check_parameters(parameters)
    _check_changes(layers, problem, [change])
    inner, fractions = (
        inner_hessian(layers, problem, layer=change.layer, unit=change.unit),
        np.array(change.fractions),
    )
    D = np.linalg.svd(fractions[None])[2][1:].T
    signs, rotation = np.linalg.eigh(D.T @ (fractions[:, None] * D))
    best: tuple[float, Parameters] | None = None
    for sign, mode in zip(signs, rotation.T, strict=True):
        M = np.block(
            [[sign * inner.B, inner.C.T], [inner.C, np.zeros((len(inner.C),) * 2)]]
        )
        values, vectors = np.linalg.eigh(M)
        inputs, outputs = np.split(vectors[:, 0], [len(inner.B)])
        # dual to D within the vectors that sum to zero, so that a pair of modes is
        # weighted by one
        shares = D @ mode
        shifts = shares - fractions * shares.sum()
        direction, length = _as_parameters(
            layers, change, np.outer(shares, inputs), np.outer(shifts, outputs)
        )
        curvature = float(values[0] / length**2)
        if curvature < 0 and (best is None or curvature < best[0]):
            best = curvature, direction
    return best


def _as_parameters(
    layers: Parameters, change: UnitSplit, inputs: np.ndarray, outputs: np.ndarray
) -> tuple[Parameters, float]:
    """Copies' changes of input weights (copy, input) and output weights (copy, next) as
    a unit vector; its length.
    """
    length = float(np.sqrt((inputs**2).sum() + (outputs**2).sum()))
    inputs, outputs = inputs / length, outputs / length
    directions: Parameters = []
    for number, (weight, bias) in enumerate(layers, start=1):
        W, b = np.zeros_like(weight), None if bias is None else np.zeros_like(bias)
        if number == change.layer:
            W = np.vstack([W, inputs[1:, : W.shape[1]]])
            W[change.unit] = inputs[0, : W.shape[1]]
            if b is not None:
                b = np.concatenate([b, inputs[1:, -1]])
                b[change.unit] = inputs[0, -1]
        if number == change.layer + 1:
            W = np.hstack([W, outputs[1:].T])
            W[:, change.unit] = outputs[0]
        directions.append((W, b))
    return directions, length


@dataclass(frozen=True, eq=False)
class _Pass:
    """One pass forward and back: inputs x̃ and errors of every layer, σ′ and σ″ of
    hidden ones, the gradient's size.
    """

    layers: Parameters
    inputs: list[np.ndarray]
    slopes: list[np.ndarray]
    curvatures: list[np.ndarray]
    errors: list[np.ndarray]
    gradient_norm: float
    activation: str

    @classmethod
    def of(cls, layers: Parameters, problem: Problem) -> _Pass:
        name = problem.activation
        prime = activation(name).sigma_prime
        below, before = forward_pass(layers, problem.x, name)
        inputs = [
            f if bias is None else np.column_stack([f, np.ones(len(f))])
            for f, (_, bias) in zip(below, layers, strict=True)
        ]
        slopes = [elementwise(prime, z) for z in before[:-1]]
        errors = [errors_of(before[-1], problem)]
        for index in reversed(range(1, len(layers))):
            errors.append(errors[-1] @ layers[index][0] * slopes[index - 1])
        errors.reverse()
        size = sum(
            float(np.abs(E.T @ x).sum()) / len(x)
            for E, x in zip(errors, inputs, strict=True)
        )
        return cls(
            layers,
            inputs,
            slopes,
            [second_derivative(name, z) for z in before[:-1]],
            errors,
            size,
            name,
        )


def _inner(run: _Pass, layer: int, unit: int) -> InnerHessian:
    x, slope, E = (
        run.inputs[layer - 1],
        run.slopes[layer - 1][:, unit],
        run.errors[layer],
    )
    out = run.layers[layer][0][:, unit]
    curvature = run.curvatures[layer - 1][:, unit]
    # errors of several outputs may cancel in Z_s to rounding: the size is that of the
    # terms
    pull, terms = (E @ out) * curvature, (np.abs(E) @ np.abs(out)) * np.abs(curvature)
    lengths, count = np.linalg.norm(x, axis=1), len(x)
    return InnerHessian(
        B=x.T @ (pull[:, None] * x) / count,
        C=E.T @ (slope[:, None] * x) / count,
        inner_size=float(np.mean(terms * lengths**2)),
        companion_size=float(
            np.mean(np.linalg.norm(E, axis=1) * np.abs(slope) * lengths)
        ),
        output_norm=float(np.linalg.norm(out)),
    )


def _split_block(run: _Pass, change: UnitSplit, room: int) -> SplitBlock:
    inner = _inner(run, change.layer, change.unit)
    # C_sᵀa_s is the gradient at the unit's weights: it bounds C_s only where a_s is not
    # nothing
    floor = (
        GRADIENT
        * run.gradient_norm
        / (inner.output_norm if inner.output_norm >= SILENT else 1.0)
    )
    rank, kernel, sure = _rank(inner.C, scale=inner.companion_size, floor=floor)
    values = (
        np.linalg.eigvalsh(kernel.T @ inner.B @ kernel)
        if kernel.shape[1]
        else np.zeros(0)
    )
    signs, also_sure = _signs(values, scale=inner.inner_size, floor=floor)
    negative, zero, positive = signs
    rest = room - len(inner.B) - rank
    plus, minus, none = (
        int((np.sign(change.fractions) == sign).sum()) for sign in (1, -1, 0)
    )
    kinds = (
        (plus - 1, (rank + negative, rest + zero, rank + positive)),
        (minus, (rank + positive, rest + zero, rank + negative)),
        (none, (rank, rest + sum(signs), rank)),
    )
    added = np.sum([times * np.asarray(kind) for times, kind in kinds], axis=0)
    return SplitBlock(
        # pyrefly: ignore[bad-argument-type]
        change,
        rank,
        signs,
        # pyrefly: ignore[bad-argument-type]
        tuple(int(count) for count in added),
        sure and also_sure,
    )


def _null(run: _Pass, change: NullUnit, room: int) -> SplitBlock:
    x, E = run.inputs[change.layer - 1], run.errors[change.layer]
    slope = float(activation(run.activation).sigma_prime(jnp.asarray(change.bias)))
    rank, sure = 0, True
    if slope:
        scale = float(np.mean(np.linalg.norm(E, axis=1) * np.linalg.norm(x, axis=1)))
        rank, _, sure = _rank(
            E.T @ x / len(x), scale=scale, floor=GRADIENT * run.gradient_norm
        )
    return SplitBlock(change, rank, (0, 0, 0), (rank, room - 2 * rank, rank), sure)


def _rank(
    matrix: np.ndarray, *, scale: float, floor: float
) -> tuple[int, np.ndarray, bool]:
    """Rank, an orthonormal basis of the kernel, and whether the gap between the
    singular values is wide enough.
    """
    _, values, right = np.linalg.svd(matrix)
    tau = max(RELATIVE * scale, floor)
    rank = int((values > tau).sum())
    return rank, right[rank:].T, _gap(values, tau, scale)


def _signs(values: np.ndarray, *, scale: float, floor: float) -> tuple[Counts, bool]:
    tau = max(RELATIVE * scale, floor)
    counts = (
        int((values < -tau).sum()),
        int((abs(values) <= tau).sum()),
        int((values > tau).sum()),
    )
    return counts, _gap(np.abs(values), tau, scale)


def _gap(sizes: np.ndarray, tau: float, scale: float) -> bool:
    small, large = sizes[sizes <= tau], sizes[sizes > tau]
    floor = max(small.max(initial=0.0), sizes.size * np.finfo(np.float64).eps * scale)
    return bool(not large.size or large.min() >= DECIDED * floor)


def _check_unit(layers: Parameters, layer: int, unit: int) -> None:
    sizes = widths(layers)
    if not 1 <= layer < len(layers):
        allowed = (
            f"a hidden layer, 1 to {len(layers) - 1}"
            if len(layers) > 1
            else "none: the net has no hidden layer"
        )
        raise InvalidInputError(
            "layer", given=layer, allowed=allowed, remedy="choose a hidden layer"
        )
    if not 0 <= unit < sizes[layer]:
        raise InvalidInputError(
            "unit",
            given=unit,
            allowed=f"0 to {sizes[layer] - 1}",
            remedy=f"choose a unit of hidden layer {layer}",
        )


def _check_changes(
    layers: Parameters, problem: Problem, changes: Sequence[UnitSplit | NullUnit]
) -> None:
    named = [
        (change.layer, change.unit)
        for change in changes
        if isinstance(change, UnitSplit)
    ]
    if len(set(named)) < len(named):
        raise InvalidInputError(
            "changes",
            given="one unit twice",
            allowed="one split per unit",
            remedy="give all its fractions at once",
        )
    for change in changes:
        _check_unit(
            layers, change.layer, change.unit if isinstance(change, UnitSplit) else 0
        )
        if isinstance(change, UnitSplit):
            fractions = np.asarray(change.fractions, dtype=np.float64)
            if not (
                fractions.size
                and np.isfinite(fractions).all()
                and abs(fractions.sum() - 1) <= 1e-12
            ):
                raise InvalidInputError(
                    "fractions",
                    given=list(change.fractions),
                    allowed="finite numbers that sum to 1",
                    remedy="use for example (0.5, 0.5)",
                )
            continue
        value = float(activation(problem.activation).sigma(jnp.asarray(change.bias)))
        unbiased = layers[change.layer - 1][1] is None and change.bias != 0
        if (
            not np.isfinite(change.bias)
            or unbiased
            or (value != 0 and layers[change.layer][1] is None)
        ):
            raise InvalidInputError(
                "bias",
                given=change.bias,
                allowed="a finite number; without a bias in its layer 0, and "
                "without one in the next layer σ(β) = 0",
                remedy="give the next layer a bias, or use a split",
            )

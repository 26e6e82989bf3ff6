"""Operators that make a net wider without changing its function: splits, null units,
general compatible embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from condensery._errors import InvalidInputError
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    elementwise,
    features,
    output_errors,
    preactivations,
    widths,
)
from condensery.landscape._receipt import (
    Counts,
    Moved,
    admitted,
    check_hidden,
    check_unit,
    is_critical,
    write_receipt,
)
from condensery.landscape._split_inertia import NullUnit, UnitSplit, split_inertia
from condensery.models import activation
from condensery.theory import NULL, Embedding, embed, embedding, even_fractions

STARTS = 40
"""From how many random places `zero_output` looks for input weights."""

BIASLESS = (
    "the next layer has no bias and σ(β) is not 0: the output is kept, but a "
    "critical point is not"
)


def split(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    layer: int,
    unit: int,
    alpha: float,
    spectrum: bool = True,
) -> Moved:
    """Split one unit in two: the copy takes the share α of the outgoing weights, the
    unit keeps 1 − α.

    The copy is the last unit of its layer. Output, gradient at zero and all units'
    functions are kept, for any real α.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        layer: A hidden layer, from 1.
        unit: A unit of it, from 0.
        alpha: Any finite number.
        spectrum: Whether the receipt measures and predicts inertia.

    Returns:
        The new parameters and the receipt; the predicted inertia holds at any
        parameters, not only critical ones.

    Raises:
        InvalidInputError: α is not finite, there is no such layer or unit, or the loss
            is not finite.

    Source:
        Zhang, Zhang, Luo and Xu 2021 (NeurIPS, arXiv 2105.14573), Definition 5.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, split
        >>> net = [(np.array([[2.0]]), np.array([1.0])), (np.array([[4.0]]), None)]
        >>> problem = Problem(np.array([[0.5], [1.0]]), np.zeros(2))
        >>> wide, receipt = split(net, problem, layer=1, unit=0, alpha=0.25)
        >>> wide[0][0].tolist(), wide[1][0].tolist(), receipt.data_change
        ([[2.0], [2.0]], [[3.0, 1.0]], 0.0)
    """
    if not np.isfinite(alpha):
        raise InvalidInputError(
            "alpha",
            given=alpha,
            allowed="a finite number",
            remedy="use for example 0.5",
        )
    return _split(
        "split", parameters, problem, layer, unit, [1 - alpha, alpha], spectrum=spectrum
    )


def split_many(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    layer: int,
    unit: int,
    fractions: int | Sequence[float],
    spectrum: bool = True,
) -> Moved:
    """Split one unit in several: the unit keeps the first fraction, its copies take the
    others.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        layer: A hidden layer, from 1.
        unit: A unit of it, from 0.
        fractions: How many even shares, or any finite numbers that sum to one.
        spectrum: Whether the receipt measures and predicts inertia.

    Returns:
        The new parameters, copies at the end of the layer, and the receipt.

    Raises:
        InvalidInputError: As `split`, or fractions that do not sum to one.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, split_many
        >>> net = [(np.array([[2.0]]), np.array([1.0])), (np.array([[4.0]]), None)]
        >>> problem = Problem(np.array([[0.5], [1.0]]), np.zeros(2))
        >>> split_many(net, problem, layer=1, unit=0, fractions=4, spectrum=False)[0][
        ...     1
        ... ][0].tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    return _split(
        "split_many",
        parameters,
        problem,
        layer,
        unit,
        even_fractions(fractions),
        spectrum=spectrum,
    )


def _split(
    operator: str,
    parameters: Sequence[Layer],
    problem: Problem,
    layer: int,
    unit: int,
    fractions: Sequence[float] | np.ndarray,
    *,
    spectrum: bool,
) -> Moved:
    layers = admitted(parameters, problem)
    check_unit(layers, layer, unit)
    sizes = widths(layers)
    copies = len(fractions) - 1
    shares = np.concatenate(
        [np.ones(sizes[layer]), np.asarray(fractions, dtype=np.float64)[1:]]
    )
    shares[unit] = fractions[0]
    made = embedding(
        sizes,
        source={layer: [*range(sizes[layer]), *[unit] * copies]},
        beta={layer: shares.tolist()},
    )
    change = UnitSplit(layer, unit, tuple(float(share) for share in fractions))
    return _embedded(
        operator,
        layers,
        problem,
        made,
        spectrum=spectrum,
        predict=_prediction(layers, problem, change),
    )


def _prediction(
    layers: Parameters, problem: Problem, change: UnitSplit | NullUnit
) -> Callable[[object], Counts | None]:
    def predict(_: object) -> Counts | None:
        inertia = split_inertia(layers, problem, [change])
        return inertia.counts if inertia.decided else None

    return predict


def null(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    layer: int,
    bias: float = 0.0,
    spectrum: bool = True,
) -> Moved:
    """Add a unit without weights, neither incoming nor outgoing: the constant σ(bias)
    that nothing reads.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        layer: A hidden layer, from 1.
        bias: The new unit's bias β, any finite number; 0 where the layer has no biases.
        spectrum: Whether the receipt measures and predicts inertia.

    Returns:
        The new parameters, the new unit last in its layer, and the receipt. Criticality
        is kept if the next layer has a bias or σ(β) = 0; otherwise a note says that it
        is not.

    Raises:
        InvalidInputError: A bias that is not finite, or other than 0 in a layer without
            biases; no such layer.

    Source:
        Zhang et al. 2021 (NeurIPS, arXiv 2105.14573), Definition 5.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, null
        >>> net = [
        ...     (np.array([[2.0]]), np.array([1.0])),
        ...     (np.array([[4.0]]), np.array([0.0])),
        ... ]
        >>> problem = Problem(np.array([[0.5], [1.0]]), np.zeros(2))
        >>> wide, receipt = null(net, problem, layer=1, bias=3.0)
        >>> wide[0][1].tolist(), wide[1][0].tolist(), receipt.random_change
        ([1.0, 3.0], [[4.0, 0.0]], 0.0)
    """
    layers = admitted(parameters, problem)
    check_hidden(layers, layer)
    if not np.isfinite(bias):
        raise InvalidInputError(
            "bias", given=bias, allowed="a finite number", remedy="use for example 0"
        )
    sizes = widths(layers)
    made = embedding(
        sizes,
        source={layer: [*range(sizes[layer]), NULL]},
        beta={layer: [*[1.0] * sizes[layer], 0.0]},
        constant={layer: [*[0.0] * sizes[layer], bias]},
    )
    value = float(_sigma(problem)(np.asarray([bias]))[0])
    carried = layers[layer][1] is not None or not value
    predict = _prediction(layers, problem, NullUnit(layer, bias)) if carried else None
    return _embedded("null", layers, problem, made, spectrum=spectrum, predict=predict)


def compatible(
    parameters: Sequence[Layer],
    problem: Problem,
    made: Embedding,
    *,
    spectrum: bool = True,
) -> Moved:
    """A general compatible embedding, of any number of layers at once.

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        made: From `condensery.theory.embedding` (given copies and shares) or
            `condensery.theory.random_embedding`.
        spectrum: Whether the receipt measures inertia. (There is no prediction; no
            count is less than before.)

    Returns:
        The new parameters and the receipt.

    Raises:
        InvalidInputError: An embedding of a net of other widths, one that violates its
            conditions by more than 1e-9, or null units in layers whose biases they need
            and that have none.

    Source:
        Zhang et al. 2022 (J. Mach. Learn. 1, arXiv 2111.15527), Definitions 5.1 to 5.4;
        the sampler is this program's.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, compatible
        >>> from condensery.theory import random_embedding
        >>> net = [
        ...     (np.eye(2), np.zeros(2)),
        ...     (np.eye(2), np.ones(2)),
        ...     (np.ones((1, 2)), np.zeros(1)),
        ... ]
        >>> problem = Problem(np.array([[0.5, 1.0], [1.0, -1.0]]), np.zeros(2))
        >>> made = random_embedding([2, 2, 2, 1], add={1: 2, 2: 1}, seed=3)
        >>> wide, receipt = compatible(net, problem, made, spectrum=False)
        >>> receipt.widths[1], receipt.random_change < 1e-12
        ((2, 4, 3, 1), True)
    """
    layers = admitted(parameters, problem)
    sizes = tuple(int(origins.max(initial=-1)) + 1 for origins in made.source)
    if sizes != widths(layers):
        raise InvalidInputError(
            "embedding",
            given=f"one of widths {sizes}",
            allowed=f"one of widths {widths(layers)}",
            remedy="make it for this net",
        )
    if not made.defect() < 1e-9:
        raise InvalidInputError(
            "embedding",
            given=f"conditions violated by {made.defect():.1e}",
            allowed="at most 1e-9",
            remedy="make it with condensery.theory.embedding",
        )
    return _embedded("compatible", layers, problem, made, spectrum=spectrum)


def global_three(
    parameters: Sequence[Layer], problem: Problem, *, spectrum: bool = True
) -> Moved:
    """Three copies of the whole net side by side, with the shares 1, 1 and −1 of the
    output.

    At a critical point without negative eigenvalues, whose residual part of the Hessian
    is not zero, this is a strict saddle: the construction behind "no truly-bad critical
    points" of Zhang et al. 2022 (arXiv 2111.15527), Example 5.1.

    Args:
        parameters: ``(W, b)`` per layer, at least one hidden; they are left as they
            are.
        problem: Data, activation and loss.
        spectrum: Whether the receipt measures inertia.

    Returns:
        The new parameters, copy after copy in every layer, and the receipt.

    Raises:
        InvalidInputError: A net without hidden layer, or a loss that is not finite.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, global_three
        >>> net = [(np.array([[2.0]]), np.array([1.0])), (np.array([[4.0]]), None)]
        >>> global_three(net, Problem(np.ones((1, 1)), np.zeros(1)), spectrum=False)[0][
        ...     1
        ... ][0].tolist()
        [[4.0, 4.0, -4.0]]
    """
    layers = admitted(parameters, problem)
    check_hidden(layers, 1)
    sizes, last = widths(layers), len(layers)
    source = [
        np.tile(np.arange(m), 1 if level in {0, last} else 3)
        for level, m in enumerate(sizes)
    ]
    beta = [
        np.repeat([1.0] if level in {0, last} else [1.0, 1.0, -1.0], m)
        for level, m in enumerate(sizes)
    ]
    alpha = [np.ones((3 * sizes[1], sizes[0]))]
    # copies within a layer know only their own: blocks of ones on the diagonal
    alpha += [
        np.kron(np.eye(3), np.ones((sizes[level], sizes[level - 1])))
        for level in range(2, last)
    ]
    alpha.append(np.tile(beta[last - 1], (sizes[last], 1)))
    made = Embedding(
        tuple(source),
        tuple(beta),
        tuple(alpha),
        tuple(np.zeros(len(origins)) for origins in source),
    )
    return _embedded("global_three", layers, problem, made, spectrum=spectrum)


def _sigma(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: elementwise(activation(problem.activation).sigma, np.asarray(z))


def _embedded(
    operator: str,
    layers: Parameters,
    problem: Problem,
    made: Embedding,
    *,
    spectrum: bool,
    predict: Callable[[object], Counts | None] | None = None,
) -> Moved:
    wide = embed(layers, made, sigma=_sigma(problem))
    notes = []
    for level in range(1, len(layers)):
        nulls = made.source[level] == NULL
        if layers[level][1] is None and np.any(
            _sigma(problem)(made.constant[level][nulls])
        ):
            notes.append(f"layer {level}: {BIASLESS}")
    return wide, write_receipt(
        operator, layers, wide, problem, spectrum=spectrum, predict=predict, notes=notes
    )


def zero_output(
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    layer: int,
    weight: Sequence[float] | None = None,
    seed: int = 0,
    spectrum: bool = True,
) -> Moved:
    """Add a unit that nothing reads but that is no constant: the embedding that depends
    on the samples.

    Criticality is kept if E[E_{l+1} σ(w·x̃)] = 0, with E_{l+1} the errors at the
    pre-activations of the next layer and x̃ = (f_{l−1}, 1). Without `weight` the
    operator looks for such a w from 40 random starts and takes, of those it finds, the
    one that is least parallel to any unit of the layer (for these are roots, too).

    Args:
        parameters: ``(W, b)`` per layer; they are left as they are.
        problem: Data, activation and loss.
        layer: A hidden layer, from 1.
        weight: The input weights, followed by the bias if the layer has one; None to
            search.
        seed: Of the search.
        spectrum: Whether the receipt measures inertia.

    Returns:
        The new parameters, the new unit last, and the receipt, whose gradient tells
        whether criticality was kept.

    Raises:
        InvalidInputError: A weight of another length or not finite; no such layer; a
            search that found nothing.

    Source:
        The samples decide: arXiv 2405.17501 and 2505.13582.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import Problem, zero_output
        >>> net = [(np.array([[2.0]]), np.array([1.0])), (np.array([[4.0]]), None)]
        >>> problem = Problem(np.array([[0.5], [1.0]]), np.zeros(2))
        >>> wide, receipt = zero_output(
        ...     net, problem, layer=1, weight=[5.0, -1.0], spectrum=False
        ... )
        >>> wide[0][0].tolist(), wide[1][0].tolist(), receipt.data_change
        ([[2.0], [5.0]], [[4.0, 0.0]], 0.0)
    """
    layers = admitted(parameters, problem)
    check_hidden(layers, layer)
    W, b = layers[layer - 1]
    length = W.shape[1] + (b is not None)
    row = (
        _root(layers, problem, layer, length, seed)
        if weight is None
        else np.asarray(weight, dtype=np.float64)
    )
    if row.shape != (length,) or not np.isfinite(row).all():
        raise InvalidInputError(
            "weight",
            given=f"{row.tolist()}",
            allowed=f"{length} finite numbers: input weights and bias of a unit",
            remedy="leave it out to search for one that keeps criticality",
        )
    wide = list(layers)
    wide[layer - 1] = (
        np.vstack([W, row[: W.shape[1]]]),
        None if b is None else np.append(b, row[-1]),
    )
    wide[layer] = (
        np.column_stack([layers[layer][0], np.zeros(len(layers[layer][0]))]),
        layers[layer][1],
    )
    receipt = write_receipt("zero_output", layers, wide, problem, spectrum=spectrum)
    if is_critical(layers, problem) and not is_critical(wide, problem):
        receipt = replace(
            receipt,
            notes=(*receipt.notes, "this weight does not keep the critical point"),
        )
    return wide, receipt


def _root(
    layers: Parameters, problem: Problem, layer: int, length: int, seed: int
) -> np.ndarray:
    """Input weights at which the new unit's pull on the next layer vanishes.

    Raises:
        InvalidInputError: There were none from any start.
    """
    pair = activation(problem.activation)
    below = features(layers, problem.x, problem.activation)[layer - 1]
    x = np.column_stack([below, np.ones(len(below))])[:, :length]
    E = output_errors(layers, problem)
    hidden = preactivations(layers, problem.x, problem.activation)
    for index in reversed(range(layer + 1, len(layers))):
        E = (E @ layers[index][0]) * elementwise(pair.sigma_prime, hidden[index - 1])

    def pull(w: np.ndarray) -> np.ndarray:
        return E.T @ elementwise(pair.sigma, x @ w) / len(x)

    def slope(w: np.ndarray) -> np.ndarray:
        return (E.T * elementwise(pair.sigma_prime, x @ w)) @ x / len(x)

    W, b = layers[layer - 1]
    rows = W if b is None else np.column_stack([W, b])
    rng = np.random.Generator(np.random.Philox(seed))
    floor = 1e-12 * max(float(np.abs(E).mean()), np.finfo(np.float64).tiny)
    candidates = []
    for _ in range(STARTS):
        start = rng.standard_normal(length) * (
            np.linalg.norm(rows, axis=1).max() or 1.0
        )
        end = least_squares(
            pull, start, jac=slope, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=200
        ).x
        size = np.linalg.norm(end)
        if np.abs(pull(end)).max() <= floor and size > 0.05 * np.linalg.norm(start):
            cosines = np.abs(rows @ end) / np.maximum(
                np.linalg.norm(rows, axis=1) * size, np.finfo(np.float64).tiny
            )
            candidates.append((float(cosines.max()), end))
    if not candidates:
        raise InvalidInputError(
            "weight",
            given=f"none, and {STARTS} starts found none that keeps criticality",
            allowed="input weights w with E[E σ(w·x)] = 0",
            remedy="try another seed, or give the weight yourself",
        )
    return min(candidates, key=lambda candidate: candidate[0])[1]

"""A new unit that nothing reads: the embedding that depends on the samples."""

from __future__ import annotations

from collections.abc import Sequence
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
    unit_inputs,
    unit_rows,
)
from condensery.landscape._receipt import (
    Moved,
    admitted,
    check_hidden,
    is_critical,
    write_receipt,
)
from condensery.models import activation

STARTS = 40
"""From how many random places `zero_output` looks for input weights."""


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
    if weight is None:
        row = _root(layers, problem, layer, length, seed)
    else:
        row = np.asarray(weight, dtype=np.float64)
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
    after, next_bias = layers[layer]
    silent = np.zeros(len(after))
    wide[layer] = (
        np.column_stack([after, silent]),
        next_bias,
    )
    receipt = write_receipt("zero_output", layers, wide, problem, spectrum=spectrum)
    if is_critical(layers, problem) and not is_critical(wide, problem):
        note = "this weight does not keep the critical point"
        receipt = replace(
            receipt,
            notes=(*receipt.notes, note),
        )
    return wide, receipt


def _root(
    layers: Parameters,
    problem: Problem,
    layer: int,
    length: int,
    seed: int,
) -> np.ndarray:
    """Input weights at which the new unit's pull on the next layer vanishes.

    Raises:
        InvalidInputError: There were none from any start.
    """
    pair = activation(problem.activation)
    below = features(layers, problem.x, problem.activation)[layer - 1]
    x = unit_inputs(below, layers[layer - 1])
    E = output_errors(layers, problem)
    hidden = preactivations(layers, problem.x, problem.activation)
    for index in reversed(range(layer + 1, len(layers))):
        weight, _ = layers[index]
        slopes = elementwise(pair.sigma_prime, hidden[index - 1])
        E = (E @ weight) * slopes

    def pull(w: np.ndarray) -> np.ndarray:
        return E.T @ elementwise(pair.sigma, x @ w) / len(x)

    def slope(w: np.ndarray) -> np.ndarray:
        slopes = elementwise(pair.sigma_prime, x @ w)
        return (E.T * slopes) @ x / len(x)

    rows = unit_rows(layers[layer - 1])
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

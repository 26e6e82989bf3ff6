"""Operators that make a net wider without changing its function: splits, null units,
general compatible embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from condensery._errors import InvalidInputError
from condensery.landscape._embeddings import embedded, sigma_of
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    widths,
)
from condensery.landscape._receipt import (
    Counts,
    Moved,
    admitted,
    check_hidden,
    check_unit,
)
from condensery.landscape._split_inertia import NullUnit, UnitSplit, split_inertia
from condensery.theory import NULL, embedding, even_fractions


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
    return embedded(
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
    value = float(sigma_of(problem)(np.asarray([bias]))[0])
    carried = layers[layer][1] is not None or not value
    predict = _prediction(layers, problem, NullUnit(layer, bias)) if carried else None
    return embedded("null", layers, problem, made, spectrum=spectrum, predict=predict)

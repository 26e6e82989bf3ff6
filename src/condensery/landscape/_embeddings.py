"""Embeddings of any number of layers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from condensery._errors import InvalidInputError
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    elementwise,
    widths,
)
from condensery.landscape._receipt import (
    Counts,
    Moved,
    admitted,
    check_hidden,
    write_receipt,
)
from condensery.models import activation
from condensery.theory import NULL, Embedding, embed

BIASLESS = (
    "the next layer has no bias and σ(β) is not 0: the output is kept, but a "
    "critical point is not"
)


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
    return embedded("compatible", layers, problem, made, spectrum=spectrum)


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
    return embedded("global_three", layers, problem, made, spectrum=spectrum)


def sigma_of(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: elementwise(activation(problem.activation).sigma, np.asarray(z))


def embedded(
    operator: str,
    layers: Parameters,
    problem: Problem,
    made: Embedding,
    *,
    spectrum: bool,
    predict: Callable[[object], Counts | None] | None = None,
) -> Moved:
    wide = embed(layers, made, sigma=sigma_of(problem))
    notes = []
    for level in range(1, len(layers)):
        nulls = made.source[level] == NULL
        if layers[level][1] is None and np.any(
            sigma_of(problem)(made.constant[level][nulls])
        ):
            notes.append(f"layer {level}: {BIASLESS}")
    return wide, write_receipt(
        operator, layers, wide, problem, spectrum=spectrum, predict=predict, notes=notes
    )

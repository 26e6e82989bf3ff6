"""The width of the smallest tanh net with the same function."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._network import Layer, check_parameters

PARALLEL = 1e-4
"""Two tanh units whose (w, b) differ by less, relative to their size and up to sign,
are copies.
"""

SILENT = 1e-6
"""Summed output weights below this contribute nothing."""


def effective_units(
    parameters: Sequence[Layer],
    *,
    parallel: float = PARALLEL,
    silent: float = SILENT,
) -> int:
    """Units of the smallest two-layer tanh net with the same function.

    Copies up to sign count once, with their output weights added up, and units that
    contribute nothing not at all: a tanh net without either has as few units as its
    function allows. Units without input weight are a constant: they count as one unit
    together, or not at all where an output bias can stand for them.

    Args:
        parameters: ``(W, b)`` of the hidden layer and of the output.
        parallel: Two units are copies if their (w, b) differ by at most this, relative
            to the larger of the two and up to sign.
        silent: Input and output weights of at most this length are none.

    Returns:
        The number of units, from 0 to the width.

    Raises:
        InvalidInputError: Not two layers.

    Source:
        Sussmann 1992, Neural Networks 5, 589–593. The thresholds are ours: end points
        of a search for critical points are known to some eight digits.

    Example:
        The second unit is the first with its sign turned.

        >>> import numpy as np
        >>> from condensery.landscape import effective_units
        >>> hidden = (np.array([[1.0], [-1.0]]), np.array([2.0, -2.0]))
        >>> [
        ...     effective_units([hidden, (np.array([out]), None)])
        ...     for out in ([1.0, 3.0], [1.0, 1.0])
        ... ]
        [1, 0]
    """
    layers = check_parameters(parameters)
    if len(layers) != 2:
        raise InvalidInputError(
            "parameters",
            given=f"{len(layers)} layers",
            allowed="two layers",
            remedy="look at each hidden layer by itself",
        )
    (W, b), (A, offset) = layers
    bias = np.zeros(len(W)) if b is None else b
    rows, out = np.column_stack([W, bias]), A.T
    flat = np.linalg.norm(W, axis=1) <= silent
    constant = np.tanh(bias[flat]) @ out[flat]
    groups: list[tuple[np.ndarray, np.ndarray]] = []
    for row, a in zip(rows[~flat], out[~flat], strict=True):
        for index, (first, total) in enumerate(groups):
            sign = _sign_of_copy(row, first, parallel)
            if sign:
                groups[index] = (first, total + sign * a)
                break
        else:
            groups.append((row, a))
    sums = [total for _, total in groups]
    if offset is None:
        sums.append(constant)
    audible = [np.linalg.norm(total) > silent for total in sums]
    return int(np.sum(audible))


def _sign_of_copy(
    row: Float[np.ndarray, " input"],
    first: Float[np.ndarray, " input"],
    parallel: float,
) -> float:
    """1 or −1 where the rows are copies up to this sign, else 0."""
    sign = float(np.sign(row @ first) or 1.0)
    size = max(np.linalg.norm(row), np.linalg.norm(first))
    is_copy = np.linalg.norm(row - sign * first) <= parallel * size
    return sign if is_copy else 0.0

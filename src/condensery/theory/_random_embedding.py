"""Embeddings drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery._errors import InvalidInputError
from condensery.theory._embedding import NULL, Embedding, embedding


def random_embedding(
    widths: Sequence[int],
    *,
    add: Mapping[int, int],
    nulls: Mapping[int, int] | None = None,
    seed: int = 0,
    spread: float = 1.0,
) -> Embedding:
    """A random compatible embedding: random units are copied, with normal shares,
    coefficients and constants.

    Args:
        widths: m_0 … m_L of the narrow net.
        add: Per hidden layer, how many copies more.
        nulls: Per hidden layer, how many null units more; their constants are standard
            normal.
        seed: Of everything that is random.
        spread: Standard deviation of the free part of shares and coefficients.

    Raises:
        InvalidInputError: A layer that is not hidden, or a negative number of units.

    Example:
        >>> from condensery.theory import random_embedding
        >>> made = random_embedding(
        ...     [2, 3, 3, 1], add={1: 2, 2: 1}, nulls={2: 1}, seed=7
        ... )
        >>> made.added, made.defect() < 1e-12
        (4, True)
    """
    more = {
        level: (add.get(level, 0), (nulls or {}).get(level, 0))
        for level in sorted({*add, *(nulls or {})})
    }
    if any(count < 0 for pair in more.values() for count in pair):
        raise InvalidInputError(
            "add",
            given=f"{more}",
            allowed="whole numbers >= 0",
            remedy="use merge to remove units",
        )
    rng = np.random.Generator(np.random.Philox(seed))
    source, beta, constant = {}, {}, {}
    for level, (copies, empty) in more.items():
        # An outer layer is refused by name below.
        hidden = 0 < level < len(widths) - 1
        count = widths[level] if hidden else 0
        source[level] = np.concatenate(
            [
                np.arange(count),
                rng.integers(0, max(count, 1), copies),
                np.full(empty, NULL),
            ]
        ).astype(np.int64)
        units = len(source[level])
        share = spread * rng.standard_normal(units)
        for unit in range(count):
            same = source[level] == unit
            missing = 1 - share[same].sum()
            share[same] += missing / same.sum()
        beta[level] = np.where(source[level] == NULL, 0.0, share)
        constant[level] = rng.standard_normal(units)
    coefficients = int(rng.integers(0, 2**31))
    return embedding(
        widths,
        source=source,
        beta=beta,
        constant=constant,
        seed=coefficients,
        spread=spread,
    )

"""How alike the directions of the units that count are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.metrics._cosine import cosine_matrix


@dataclass(frozen=True)
class Likeness:
    """How alike the live units of a layer are.

    Attributes:
        live: Number of live units.
        least_cosine: Least |cosine| of two of them, in [0, 1]; 1 for a single unit.
        mean_cosine: Mean |cosine| over all pairs, in [0, 1]; 1 for a single unit.
        signs: Number of signs among their cosines with the first live unit: 1 if all
            point one way, 2 for two opposite blocks.
    """

    live: int
    least_cosine: float
    mean_cosine: float
    signs: int


def contributions(
    hidden: Float[np.ndarray, "sample unit"], output: Float[np.ndarray, " unit"]
) -> Float[np.ndarray, " unit"]:
    """Root mean square of what each unit adds to the output.

    Formula:
        |a_k| √(mean over samples of σ(w_k·x_i)²).

    Args:
        hidden: Outputs σ(w_k·x_i) of the hidden layer.
        output: Output weights a_k.

    Returns:
        One number ≥ 0 per unit, in units of the output.

    Raises:
        InvalidInputError: Shapes that do not fit.

    Source:
        The root mean square over the samples is the choice of this project.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import contributions
        >>> contributions(np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([-3.0, 0.0]))
        array([3., 0.])
    """
    features, weights = np.asarray(hidden), np.asarray(output)
    if features.ndim != 2 or weights.shape != features.shape[1:]:
        raise InvalidInputError(
            "hidden, output",
            given=f"shapes {features.shape} and {weights.shape}",
            allowed="(sample, unit) and (unit,)",
            remedy="take both from one network",
        )
    return np.abs(weights) * np.sqrt(np.mean(features**2, axis=0))


def likeness(
    weights: Float[np.ndarray, "unit feature"],
    contribution: Float[np.ndarray, " unit"] | None = None,
    *,
    live: float = 0.01,
) -> Likeness:
    """How alike the directions (w, b) of the live units are, and with how many signs.

    Args:
        weights: Rows (w, b), the bias as a column.
        contribution: What each unit adds to the output (see `contributions`); None
            takes all units for live.
        live: A unit is live if it contributes at least this share of what the largest
            does. One hundredth is the choice of this project: below it a unit is not
            visible in the output.

    Returns:
        Number, cosines and signs of the live units.

    Raises:
        InvalidInputError: Shapes that do not fit; also what `cosine_matrix` refuses.

    Source:
        Zhang and Xu 2024, arXiv 2207.05952, where dropout aligns the units of a
        two-layer network; the two cosines by this project.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import likeness
        >>> rows = np.outer([1.0, -2.0, 3.0], [0.6, 0.8])
        >>> layer = likeness(rows)
        >>> layer.live, round(layer.least_cosine, 12), layer.signs
        (3, 1.0, 2)
    """
    rows = np.asarray(weights)
    if contribution is not None:
        size = np.asarray(contribution)
        if rows.ndim != 2 or size.shape != rows.shape[:1]:
            raise InvalidInputError(
                "contribution",
                given=f"shape {size.shape} for weights of shape {rows.shape}",
                allowed="one number per unit",
                remedy="use contributions(hidden, output) of the same network",
            )
        rows = rows[size >= live * size.max()]
    cosine = cosine_matrix(rows, sort=False).matrix
    pairs = np.abs(cosine[np.triu_indices(len(cosine), k=1)])
    if not pairs.size:
        pairs = np.ones(1)
    return Likeness(
        live=len(cosine),
        least_cosine=float(pairs.min()),
        mean_cosine=float(pairs.mean()),
        signs=len(np.unique(np.sign(cosine[:1]))),
    )

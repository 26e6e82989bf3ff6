"""How often random directions are close to one another."""

from __future__ import annotations

from condensery._errors import InvalidInputError


def aligned_by_chance(dimension: int, threshold: float) -> float:
    """Probability that a random direction has |cosine| above τ with a fixed one.

    It is also the share of pairs of random directions that do: the level by chance of
    every share of aligned pairs.

    Formula:
        The square of the cosine is Beta-distributed with parameters ½ and (d − 1)/2, so
        that P(|cos| > τ) = I(1 − τ²; (d − 1)/2, ½), with I the regularised incomplete
        beta function.

    Args:
        dimension: d of the space, ≥ 2.
        threshold: τ in [0, 1].

    Returns:
        A probability.

    Raises:
        InvalidInputError: A dimension below 2, or a threshold outside [0, 1].

    Example:
        In the plane the angle is even: |cos| > τ on a share 2 arccos(τ)/π. In space the
        cosine itself is even: 1 − τ.

        >>> import math
        >>> from condensery.theory import aligned_by_chance
        >>> plane = aligned_by_chance(2, 0.5)
        >>> math.isclose(plane, 2 / 3), round(aligned_by_chance(3, 0.95), 6)
        (True, 0.05)
    """
    from scipy.special import betainc

    if dimension < 2:
        raise InvalidInputError(
            "dimension",
            given=dimension,
            allowed="a whole number >= 2",
            remedy="in one dimension all directions lie on one line",
        )
    if not 0 <= threshold <= 1:
        raise InvalidInputError(
            "threshold",
            given=threshold,
            allowed="a cosine in [0, 1]",
            remedy="0.95 is usual",
        )
    return float(betainc((dimension - 1) / 2, 0.5, 1 - threshold**2))

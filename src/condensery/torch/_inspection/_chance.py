"""What a layer of the same shape with random orientations would show: how much of the
numbers is chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from condensery.metrics import condensation

DRAWS = 5
_SELDOM = 1e-3


@dataclass(frozen=True)
class Chance:
    """The same count for isotropic random rows.

    Attributes:
        neurons: Mean number of effective neurons.
        deviation: Its standard deviation from draw to draw.
        cosine: Median of the largest cosine between two units.
    """

    neurons: float
    deviation: float
    cosine: float


def random_pair(cosine: float, dimension: int) -> float:
    """Probability that two independent isotropic directions have at least this cosine.

    Formula:
        P(c) = ½·I_{1−c²}((dim − 1)/2, ½) for c ≥ 0, with the regularised incomplete
        beta function I; P(c) = 1 − P(−c) below.

    Args:
        cosine: c in [-1, 1].
        dimension: dim ≥ 1 of the space; in one dimension there are the two directions
            ±1.

    Example:
        >>> from condensery.torch._inspection._chance import random_pair
        >>> (
        ...     round(random_pair(0.5, 2), 12),
        ...     round(random_pair(0.5, 3), 12),
        ...     random_pair(0.0, 7),
        ... )
        (0.333333333333, 0.25, 0.5)
    """
    from scipy.special import betainc

    if cosine < 0:
        return 1.0 - random_pair(-cosine, dimension)
    if dimension == 1:
        return 0.5
    return float(0.5 * betainc((dimension - 1) / 2, 0.5, 1.0 - cosine**2))


def largest_by_chance(pairs: float, dimension: int) -> float:
    """Median of the largest cosine among so many pairs of isotropic random directions.

    Any two pairs of independent isotropic directions are independent of each other, so
    that the number of pairs above a cosine is close to Poisson; the median is where
    that number is 0 with probability one half.

    Args:
        pairs: Number of pairs; nan below one.
        dimension: Dimension of the space.

    Example:
        >>> from condensery.torch._inspection._chance import largest_by_chance
        >>> round(largest_by_chance(512 * 511 / 2, 784), 3)
        0.156
    """
    from scipy.special import betaincinv

    if pairs < 1:
        return float("nan")
    tail = np.log(2.0) / pairs
    if dimension == 1:
        return 1.0 if tail < 0.5 else -1.0
    sign = 1.0 if tail < 0.5 else -1.0
    return sign * float(
        np.sqrt(1.0 - betaincinv((dimension - 1) / 2, 0.5, 2 * min(tail, 1 - tail)))
    )


def chance(
    units: int,
    dimension: int,
    threshold: float,
    *,
    blocks: int = 1,
    draws: int = DRAWS,
    seed: int = 0,
) -> Chance:
    """Effective neurons and largest cosine of so many random directions.

    Where fewer than one pair in a thousand such layers is expected to reach the
    threshold, every unit is a direction of its own and nothing is drawn; otherwise
    layers are drawn from a generator of their own (no global state is touched).

    Args:
        units: Number of (active) units.
        dimension: Dimension of their rows.
        threshold: Cosine from which two directions count as one.
        blocks: In so many equal blocks that are compared within themselves alone.
        draws: How many layers.
        seed: Of the generator.
    """
    share = units / blocks
    pairs = blocks * share * (share - 1) / 2
    cosine = largest_by_chance(pairs, dimension)
    if share < 2 or pairs * random_pair(threshold, dimension) < _SELDOM:
        return Chance(float(units), 0.0, cosine)
    generator = np.random.default_rng(seed)
    count = round(share)
    counts = [
        condensation(
            generator.standard_normal((count, dimension)),
            active=0.0,
            threshold=threshold,
            grouping="cover",
        ).effective_neurons
        for _ in range(draws)
    ]
    scale = units / count
    return Chance(
        float(np.mean(counts)) * scale,
        float(np.std(counts)) * float(np.sqrt(scale)),
        cosine,
    )

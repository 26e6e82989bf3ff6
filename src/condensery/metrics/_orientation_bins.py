"""Amplitude over angles in the plane: bins, heaviest bins, shares near angles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError

TURN = 2 * np.pi


def orientation_bins(
    angles: Float[np.ndarray, " unit"],
    weights: Float[np.ndarray, " unit"] | None = None,
    *,
    bins: int = 64,
) -> Float[np.ndarray, " bin"]:
    """How much weight lies in each of equal bins of the orientation.

    Formula:
        Bin k sums the weights of −π + 2πk/bins ≤ angle < −π + 2π(k + 1)/bins; the last
        bin holds π as well.

    Args:
        angles: Orientations in [−π, π], as `orientation` gives them; nan (a unit
            without direction) and angles outside are left out.
        weights: What each unit counts for, such as its `amplitude`; None counts units.
        bins: Number of bins. 64 are 5.6 degrees each, about the width that a cosine of
            0.995 allows; the choice of this project.

    Returns:
        One number per bin, in the unit of the weights. `effective_orientations` of them
        is the effective number of orientations.

    Raises:
        InvalidInputError: Shapes that do not fit, or fewer than one bin.

    Source:
        The histograms of amplitude over orientation of Luo et al. 2021, arXiv
        2007.07497, Sec. 3.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import orientation_bins
        >>> orientation_bins(
        ...     np.array([-3.0, 0.1, 0.2]), np.array([1.0, 2.0, 3.0]), bins=2
        ... )
        array([1., 5.])
    """
    at = np.asarray(angles)
    size = np.ones(at.shape) if weights is None else np.asarray(weights)
    _check(at, size)
    if bins < 1:
        raise InvalidInputError(
            "bins", given=bins, allowed="a whole number >= 1", remedy="leave it out"
        )
    counted = np.isfinite(at)
    limits = (-np.pi, np.pi)
    return np.histogram(
        at[counted],
        bins=bins,
        range=limits,
        weights=size[counted],
    )[0]


def heaviest_share(weights: Float[np.ndarray, " bin"], count: int) -> float:
    """Share of the total weight that the heaviest entries hold.

    Args:
        weights: Numbers ≥ 0, such as `orientation_bins`.
        count: How many of the heaviest, at least 1.

    Returns:
        A number in [0, 1], without unit; 0 if all weights are 0.

    Raises:
        InvalidInputError: A count below 1, or a weight that is negative or not finite.

    Source:
        By this project: with as many entries as there are condensed groups it is 1.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import heaviest_share
        >>> heaviest_share(np.array([1.0, 0.0, 3.0]), 1)
        0.75
    """
    size = np.asarray(weights, dtype=np.float64).ravel()
    if count < 1 or not np.isfinite(size).all() or (size < 0).any():
        raise InvalidInputError(
            "weights, count",
            given=f"count {count}, weights {size.tolist()[:4]} …",
            allowed="finite weights >= 0 and a count >= 1",
            remedy="pass amplitudes",
        )
    total = float(size.sum()) or 1.0
    return float(np.sort(size)[-count:].sum()) / total


def angular_distance(
    angles: Float[np.ndarray, "*shape"], targets: Float[np.ndarray, " target"]
) -> Float[np.ndarray, "*shape"]:
    """Angle of each orientation to the nearest of some target orientations.

    Formula:
        min_t |(angle − t + π) mod 2π − π|.

    Args:
        angles: Orientations in radians, of any shape.
        targets: Orientations in radians.

    Returns:
        Angles in [0, π], of the shape of `angles`; π where there is no target.

    Source:
        Elementary.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import angular_distance
        >>> angular_distance(np.array([-3.0]), np.array([3.0, 0.0])).round(4).tolist()
        [0.2832]
    """
    at, goals = np.asarray(angles), np.ravel(targets)
    if not goals.size:
        return np.full(at.shape, np.pi)
    gaps = np.abs((at[..., None] - goals + np.pi) % TURN - np.pi)
    return gaps.min(axis=-1)


def share_near(
    angles: Float[np.ndarray, " unit"],
    weights: Float[np.ndarray, " unit"],
    targets: Float[np.ndarray, " target"],
    *,
    within: float,
) -> float:
    """Share of the weight whose orientation lies near one of the targets.

    Args:
        angles: Orientations in radians.
        weights: What each unit counts for, ≥ 0, such as its `amplitude`.
        targets: Orientations in radians.
        within: Largest distance that counts as near, in radians.

    Returns:
        A number in [0, 1], without unit; 0 if all weights are 0 or there is no target
        within reach.

    Raises:
        InvalidInputError: Shapes that do not fit.

    Source:
        By this project, for orientations that a theory predicts.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import share_near
        >>> angles, size = np.array([0.0, 0.1, 2.0]), np.array([1.0, 1.0, 2.0])
        >>> share_near(angles, size, np.array([0.05]), within=0.1)
        0.5
    """
    at, size = np.asarray(angles), np.asarray(weights)
    _check(at, size)
    near = angular_distance(at, targets) <= within
    total = float(size.sum()) or 1.0
    return float(size[near].sum()) / total


def _check(angles: np.ndarray, weights: np.ndarray) -> None:
    if angles.ndim != 1 or weights.shape != angles.shape:
        raise InvalidInputError(
            "angles, weights",
            given=f"shapes {angles.shape} and {weights.shape}",
            allowed="one orientation and one weight per unit",
            remedy="pass one member at a time",
        )

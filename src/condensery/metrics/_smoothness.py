"""How smooth a function of one variable is: how often it bends the other way, and how
far it goes up and down.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError


def total_variation(values: Float[np.ndarray, "*member point"]) -> np.ndarray:
    """How far a function goes up and down altogether.

    Formula:
        TV = Σ_i |f(x_{i+1}) − f(x_i)|, the points in order. For a monotone function it
        is |f(x_n) − f(x_1)|, and no function through the same ends has less.

    Args:
        values: f at increasing x on the last axis, in any unit.

    Returns:
        Numbers ≥ 0 in the unit of f, of the shape of the leading axes; 0 for a constant
        and for a single point, nan where a value is nan. Finer points never give less.

    Source:
        Theorem 1 of Zhang and Xu 2024, arXiv 2207.05952, speaks of outputs that are as
        simple as the data allow; that this is measured by their variation is this
        project's.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import total_variation
        >>> total_variation(np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 2.0]]))
        array([2., 4.])
    """
    heights = np.asarray(values, dtype=np.float64)
    moves = np.abs(np.diff(heights, axis=-1))
    return np.asarray(moves.sum(axis=-1))


def convexity_changes(slopes: Float[np.ndarray, " piece"], *, least: float) -> int:
    """How often a function changes from bending up to bending down or back.

    Formula:
        The largest k for which there are pieces i_0 < i_1 < … < i_{k+1} whose slopes
        rise and fall in turn, each time by at least `least`: k + 1 moves of the slope
        have k changes between them. Bends that are undone before the slope has moved by
        `least` do not count, so that neither rounding nor a finer grid adds any.

    Args:
        slopes: f' on the pieces of f from left to right: of a ReLU net from
            `relu_slopes`, of another function its difference quotients.
        least: Smallest move of the slope that counts, > 0, in the unit of the slopes.

    Returns:
        A whole number ≥ 0: 0 for a convex and for a concave function, and where the
        slope never moves by `least`.

    Raises:
        InvalidInputError: `least` is not positive, or the slopes are not a row of
            finite numbers.

    Source:
        "The number of convexity changes" of Zhang and Xu 2024, arXiv 2207.05952,
        Theorem 1: where it can be lowered, R1 can. That small moves do not count is
        this project's.

    Example:
        tanh is convex on the left and concave on the right: one change.

        >>> import numpy as np
        >>> from condensery.metrics import convexity_changes
        >>> x = np.linspace(-3, 3, 61)
        >>> convexity_changes(np.diff(np.tanh(x)) / 0.1, least=0.1)
        1
    """
    if not least > 0:
        raise InvalidInputError(
            "least",
            given=least,
            allowed="a number above 0",
            remedy="a tenth of the range of the slopes, for example",
        )
    if slopes.ndim != 1 or not np.all(np.isfinite(slopes)):
        raise InvalidInputError(
            "slopes",
            given=f"shape {slopes.shape}, {np.isnan(slopes).sum()} of them nan",
            allowed="finite slopes in a row",
            remedy="pass one member, and leave out members that diverged",
        )
    moves = 0
    rising = falling = False
    lowest, highest = np.inf, -np.inf
    for slope in slopes:
        lowest, highest = min(lowest, slope), max(highest, slope)
        if not rising and slope - lowest >= least:
            moves, rising, falling = moves + 1, True, False
            highest = slope
        elif not falling and highest - slope >= least:
            moves, rising, falling = moves + 1, False, True
            lowest = slope
    return max(moves - 1, 0)


def relu_slopes(
    a: Float[np.ndarray, " unit"],
    w: Float[np.ndarray, " unit"],
    b: Float[np.ndarray, " unit"],
    *,
    low: float,
    high: float,
) -> Float[np.ndarray, " piece"]:
    """The slopes of a two-layer ReLU net between its kinks, exactly.

    Formula:
        f(x) = Σ_j a_j relu(w_j x + b_j) has a kink at x_j = −b_j/w_j, where its slope
        rises by a_j |w_j|. Left of all kinks f' = Σ_{w_j < 0} a_j w_j.

    Args:
        a: Output weights.
        w: Input weights; a unit without one has no kink.
        b: Biases.
        low: Left end of the range, itself outside.
        high: Right end of the range, itself outside; above `low`.

    Returns:
        The slopes of the pieces between `low` and `high` from left to right: one more
        than there are kinks in between. Units that share a kink leave pieces of length
        0 between them.

    Raises:
        InvalidInputError: `high` is not above `low`, or the numbers of weights differ.

    Source:
        Zhang and Xu 2024, arXiv 2207.05952, Theorem 1 and its proof ("intercepts").

    Example:
        Half of |x|, of two units with the kink 0.

        >>> import numpy as np
        >>> from condensery.metrics import relu_slopes
        >>> a, w, b = np.array([0.5, 0.5]), np.array([1.0, -1.0]), np.zeros(2)
        >>> relu_slopes(a, w, b, low=-1.0, high=1.0).tolist()
        [-0.5, 0.0, 0.5]
    """
    if not a.shape == w.shape == b.shape == (a.size,):
        raise InvalidInputError(
            "w",
            given=f"shapes {a.shape}, {w.shape} and {b.shape}",
            allowed="one number per unit in a, w and b",
            remedy="pass the column w[:, 0] of a net with one input",
        )
    if not high > low:
        raise InvalidInputError(
            "high",
            given=f"{high:g}",
            allowed=f"a number above low = {low:g}",
            remedy="exchange the ends",
        )
    has_kink = w != 0
    weight, rate, offset = a[has_kink], w[has_kink], b[has_kink]
    kink = -offset / rate
    jump = weight * np.abs(rate)
    order = np.argsort(kink, kind="stable")
    kink, jump = kink[order], jump[order]
    leftmost = np.sum(weight * np.minimum(rate, 0))
    slopes = leftmost + np.concatenate([[0.0], np.cumsum(jump)])
    first = np.searchsorted(kink, low, side="right")
    last = np.searchsorted(kink, high, side="left")
    return slopes[first : last + 1]

"""How high the loss rises between two networks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError


def loss_barrier(
    positions: Float[np.ndarray, " position"],
    losses: Float[np.ndarray, " position"],
) -> float:
    """The loss barrier on the line between two networks.

    Formula:
        max over a in [0, 1] of R(a) − [(1 − a) R(0) + a R(1)], over the positions at
        hand.

    Args:
        positions: a of θ(a) = (1 − a) θ_first + a θ_second, increasing, 0 and 1 among
            them; those outside of [0, 1] are left out.
        losses: R at them, in any unit (`condensery.landscape.loss_along` gives it).

    Returns:
        The barrier, in the unit of the loss: ≥ 0, and 0 where the loss lies nowhere
        above the straight line between its ends.

    Raises:
        InvalidInputError: Lengths that differ, positions that do not increase, or 0 or
            1 not among them.

    Source:
        Entezari et al. 2022 (arXiv 2110.06296), Sec. 2.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import loss_barrier
        >>> a = np.linspace(0, 1, 5)
        >>> loss_barrier(a, 4 * a * (1 - a) + a)
        1.0
    """
    a = np.asarray(positions, dtype=np.float64)
    R = np.asarray(losses, dtype=np.float64)
    if a.ndim != 1 or a.shape != R.shape:
        raise InvalidInputError(
            "losses",
            given=f"shapes {a.shape} and {R.shape}",
            allowed="one loss per position",
            remedy="match their lengths",
        )
    if (np.diff(a) <= 0).any() or not {0.0, 1.0} <= set(a.tolist()):
        raise InvalidInputError(
            "positions",
            given=f"{len(a)} positions",
            allowed="increasing numbers with 0 and 1 among them",
            remedy="use for example numpy.linspace(0, 1, 41)",
        )
    between = (a >= 0) & (a <= 1)
    a, R = a[between], R[between]
    chord = R[0] + a * (R[-1] - R[0])
    return float(np.max(R - chord))

"""Random nets from which the search for critical points on a line starts."""

from __future__ import annotations

import numpy as np

from condensery.landscape._network import Parameters


def random_steps(
    width: int,
    random: np.random.Generator,
    *,
    reach: float = 15.0,
) -> Parameters:
    """A net of one hidden layer on a line whose units are random steps.

    f(x) = Σ_k 2 a_k σ(w_k (x − c_k)), with slopes w and amplitudes a from N(0, 1) and
    middles c even on [−reach, reach]: steps of any slope anywhere among the data.

    Args:
        width: Number of units.
        random: Source of the numbers; w, c and a are drawn in this order.
        reach: Half the length of the interval of the data; that of `three-steps`.

    Returns:
        Weights (width, 1) and biases (width,), and output weights (1, width).

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import random_steps, widths
        >>> widths(random_steps(3, np.random.default_rng(0)))
        (1, 3, 1)
    """
    w = random.standard_normal(width)
    middle = random.uniform(-reach, reach, width)
    a = random.standard_normal(width)
    return [(w[:, None], -w * middle), (2 * a[None], None)]

"""Exponents of the three-layer phase diagram, by the balance of the layers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


class LayerSlopes(NamedTuple):
    """Width slopes of the relative distances of both hidden layers' input weights."""

    first: Float[np.ndarray, "*shape"]
    second: Float[np.ndarray, "*shape"]


def three_layer_slopes(gamma2: ArrayLike, gamma3: ArrayLike) -> LayerSlopes:
    r"""Exponents S_W1 and S_W2 of a three-layer ReLU network with κ₃ = m^−γ₃, κ₂ =
    β₂/β₁ = m^−γ₂ and β₂ = β₃.

    Formula:
        Let C, B, A be the changes of W₁, W₂, a in norm; initially ‖W₁‖ ~ ‖a‖ ~ √m and
        ‖W₂‖ ~ m, in spectral norm √m. Each layer enters the output at least by its
        initial size, so that the fit needs κ₃·max(√m, A)·max(√m, B)·max(√m, C) ~ 1 once
        γ₃ ≥ 3/2, and the conserved quantities of ReLU tie the growth of layers
        together, A = B and C = κ₂·A where they outgrow their start. Hence, with x = γ₃
        − 3/2,

        * x < 0 (kernel regime): S_W1 = x − 2·max(γ₂, 0), S_W2 = γ₃ − 2 + 2·min(γ₂, 0);
        * 0 ≤ x < 2γ₂ (W₂ and a grow, W₁ lags): S_W1 = x − 2γ₂, S_W2 = γ₃/2 − 5/4;
        * 0 ≤ x < −γ₂ (W₁ grows alone): S_W1 = x, S_W2 = 2γ₃ − 7/2 + 2γ₂;
        * else (all grow): S_W1 = (γ₃ − 2γ₂)/3 − 1/2, S_W2 = (γ₃ + γ₂)/3 − 1.

        Both are continuous. S_W1 = 0 on γ₃ = 3/2 + 2·max(γ₂, 0); S_W2 = 0 on γ₃ = 3 −
        γ₂ for γ₂ ≤ 1/2 and on γ₃ = 5/2 beyond. The two lines part the plane into four
        regions.

    Args:
        gamma2: γ₂.
        gamma3: γ₃; broadcast with `gamma2`.

    Returns:
        S_W1 and S_W2.

    Source:
        A scaling argument of this library, not a theorem and not in the paper (Zhou et
        al. 2022, arXiv 2205.12101, find the regimes by experiment). It is the way of
        Luo et al. 2021, arXiv 2007.07497, Sec. 3, for two layers.

    Example:
        >>> from condensery.theory import three_layer_slopes
        >>> first, second = three_layer_slopes(0.0, [0.9, 1.5, 2.1, 3.0])
        >>> first.round(3).tolist(), second.round(3).tolist()
        ([-0.6, 0.0, 0.2, 0.5], [-1.1, -0.5, -0.3, 0.0])
    """
    g2, g3 = np.broadcast_arrays(np.asarray(gamma2, float), np.asarray(gamma3, float))
    x = g3 - 1.5
    regions = [x < 0, x < 2 * g2, x < -g2]
    first = [x - 2 * np.maximum(g2, 0), x - 2 * g2, x]
    second = [g3 - 2 + 2 * np.minimum(g2, 0), g3 / 2 - 1.25, 2 * g3 - 3.5 + 2 * g2]
    return LayerSlopes(
        np.select(
            regions,
            first,
            (g3 - 2 * g2) / 3 - 0.5,
        ),
        np.select(regions, second, (g3 + g2) / 3 - 1),
    )


def three_layer_boundaries(gamma2: ArrayLike) -> LayerSlopes:
    """The γ₃ at which S_W1 and S_W2 of `three_layer_slopes` pass through zero.

    Args:
        gamma2: γ₂.

    Returns:
        γ₃ of the first and of the second layer's boundary.

    Example:
        >>> from condensery.theory import three_layer_boundaries
        >>> [line.tolist() for line in three_layer_boundaries([-0.5, 0.0, 1.0])]
        [[1.5, 1.5, 3.5], [3.5, 3.0, 2.5]]
    """
    g2 = np.asarray(gamma2, float)
    return LayerSlopes(
        1.5 + 2 * np.maximum(g2, 0),
        np.where(
            g2 <= 0.5,
            3 - g2,
            2.5,
        ),
    )

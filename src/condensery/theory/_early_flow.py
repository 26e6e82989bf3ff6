"""The first stage of training from a small initialisation, where the flow of a
two-layer network is linear.
"""

from __future__ import annotations

from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError
from condensery.theory._linear_descent import patch_matrix


class EarlyMeasures(NamedTuple):
    """What `early_measures` predicts; each has the broadcast shape of the arguments.

    Attributes:
        rd: Relative distance of the input weights from their start.
        alignment: ‖Wẑ‖/‖W‖ in [0, 1]: the share of the input weights along the
            direction that the data single out.
    """

    rd: Float[np.ndarray, " ..."]
    alignment: Float[np.ndarray, " ..."]


def early_flow(
    a: Float[np.ndarray, " unit"],
    w: Float[np.ndarray, "unit feature"],
    z: ArrayLike,
    time: float,
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, "unit feature"]]:
    """The weights of a two-layer network with σ'(0) = 1 after some time, while its
    output is still small.

    Formula:
        Until the output counts the gradient flow is ȧ_k = z·w_k, ẇ_k = a_k z with z =
        (1/n) Σ_i y_i x_i. With λ = ‖z‖ and ẑ = z/λ:  a_k(t) = a_k⁰ cosh λt + (ẑ·w_k⁰)
        sinh λt,  ẑ·w_k(t) = (ẑ·w_k⁰) cosh λt + a_k⁰ sinh λt, and the part of w_k across
        z stands still. So every neuron turns towards ±ẑ. For an activation with σ'(0) =
        s put s·z.

    Args:
        a: Output weights at the start.
        w: Input weights at the start, with the biases where x carries the constant
            feature.
        z: (1/n) Σ y_i x_i, of length feature.
        time: t, in the time of the flow θ̇ = −∇ of half the mean square.

    Returns:
        a and w at that time.

    Raises:
        InvalidInputError: Shapes that do not fit, or z = 0.

    Source:
        The linear stage behind the condensed regime of Chen et al. 2023, arXiv
        2303.06561; written out by this project.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import early_flow
        >>> a, w = early_flow(
        ...     np.array([0.0]), np.array([[1.0, 1.0]]), [2.0, 0.0], time=0.5
        ... )
        >>> a.round(4).tolist(), w.round(4).tolist()
        ([1.1752], [[1.5431, 1.0]])
    """
    output, inner, pull = (np.asarray(array, dtype=np.float64) for array in (a, w, z))
    if (
        inner.ndim != 2
        or output.shape != inner.shape[:1]
        or pull.shape != inner.shape[1:]
    ):
        raise InvalidInputError(
            "a, w, z",
            given=f"shapes {output.shape}, {inner.shape} and {pull.shape}",
            allowed="(unit,), (unit, feature) and (feature,)",
            remedy="take them from one network and its data",
        )
    rate = float(np.linalg.norm(pull))
    if not rate > 0:
        raise InvalidInputError(
            "z",
            given="zero",
            allowed="a vector of positive length",
            remedy="check the targets",
        )
    unit = pull / rate
    along = inner @ unit
    cosh, sinh = np.cosh(rate * time), np.sinh(rate * time)
    moved = along * cosh + output * sinh
    return output * cosh + along * sinh, inner + (moved - along)[:, None] * unit


def early_measures(
    growth: ArrayLike, kappa_prime: ArrayLike, *, features: int
) -> EarlyMeasures:
    """RD and alignment of the input weights after λt = `growth` e-folds of the linear
    stage, for many units.

    Formula:
        With a⁰ ~ N(0, ν²), w⁰ ~ N(0, ε² I_d), κ' = ν/ε, c = cosh λt and s = sinh λt,
        means over the units give RD² = ((c − 1)² + κ'² s²)/d  and  alignment² = (c² +
        κ'² s²)/(c² + κ'² s² + d − 1).

    Args:
        growth: λt ≥ 0.
        kappa_prime: κ' = ν/ε > 0; broadcast with `growth`.
        features: d, the constant feature included.

    Returns:
        The two numbers; single networks of m units scatter about them by a relative
        1/√m.

    Raises:
        InvalidInputError: A growth below 0, a κ' that is not positive, or no features.

    Source:
        Means of `early_flow` over the initial weights.

    Example:
        >>> from condensery.theory import early_measures
        >>> start, later = (early_measures(t, 1.0, features=4) for t in (0.0, 6.0))
        >>> (
        ...     float(start.rd),
        ...     float(start.alignment),
        ...     round(float(later.rd), 1),
        ...     round(float(later.alignment), 5),
        ... )
        (0.0, 0.5, 142.3, 0.99998)
    """
    elapsed, ratio = (
        np.asarray(growth, dtype=np.float64),
        np.asarray(kappa_prime, dtype=np.float64),
    )
    if not (elapsed >= 0).all() or not (ratio > 0).all() or features < 1:
        raise InvalidInputError(
            "growth, kappa_prime, features",
            given=f"{growth}, {kappa_prime}, {features}",
            allowed="growth >= 0, kappa_prime > 0, features >= 1",
            remedy="correct them",
        )
    cosh, sinh = np.cosh(elapsed), np.sinh(elapsed)
    along = cosh**2 + ratio**2 * sinh**2
    return EarlyMeasures(
        np.sqrt(((cosh - 1) ** 2 + ratio**2 * sinh**2) / features),
        np.sqrt(along / (along + features - 1)),
    )


def early_growth(
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: ArrayLike,
    gamma: ArrayLike,
    gamma_prime: ArrayLike,
    drop: float = 0.1,
) -> Float[np.ndarray, " ..."]:
    """λ·T_eff: the e-folds of the linear stage until the loss has fallen by a share
    `drop`.

    Formula:
        The output of the linear stage is f(x) = r·ẑ·x with r = (m/2)(ν² + ε²) sinh 2λT
        in the mean over the units, so that the mean square falls by the share (2rλ −
        r²q)/⟨y²⟩ with q = ⟨(ẑ·x)²⟩. Solved for T at `drop`; ν² = κκ', ε² = κ/κ', κ =
        m^−γ, κ' = m^−γ'. For large m it grows as ½(γ − |γ'| − 1) log m
        (`condensation_time`).

    Args:
        x: Inputs (sample, feature), with the constant feature.
        y: Targets (sample,).
        width: m ≥ 1; broadcast with the coordinates.
        gamma: γ.
        gamma_prime: γ'.
        drop: Share of the loss in (0, 1). That the pull weakens by about as much while
            it falls is left out, which makes the prediction somewhat early.

    Returns:
        λT ≥ 0; inf where no output along ẑ reaches that drop.

    Raises:
        InvalidInputError: `drop` outside (0, 1), or shapes that do not fit.

    Source:
        This project, from the linear stage of Chen et al. 2023, arXiv 2303.06561.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import early_growth
        >>> x, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.5])
        >>> times = early_growth(
        ...     x, y, width=np.array([10.0**4, 10.0**5]), gamma=2.0, gamma_prime=0.0
        ... )
        >>> float(np.diff(times)[0].round(3)), float((0.5 * np.log(10)).round(3))
        (1.151, 1.151)
    """
    inputs, targets = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not 0 < drop < 1 or inputs.ndim != 2 or targets.shape != inputs.shape[:1]:
        raise InvalidInputError(
            "x, y, drop",
            given=f"shapes {inputs.shape} and {targets.shape}, drop {drop}",
            allowed="(sample, feature), (sample,), and a drop between 0 and 1",
            remedy="correct them",
        )
    pull = targets @ inputs / len(targets)
    rate = float(np.linalg.norm(pull))
    m, g, g_prime = np.broadcast_arrays(
        *(np.asarray(array, dtype=np.float64) for array in (width, gamma, gamma_prime))
    )
    along = inputs @ (pull / rate) if rate > 0 else np.zeros(len(inputs))
    curvature, target_drop = float(np.mean(along**2)), drop * float(np.mean(targets**2))
    inside = rate**2 - curvature * target_drop
    if rate == 0 or inside < 0:
        return np.full(m.shape, np.inf)
    reach = target_drop / (rate + np.sqrt(inside))
    size = m * m**-g * (m**-g_prime + m**g_prime)
    return np.asarray(0.5 * np.arcsinh(2 * reach / size))


@overload
def condensation_time(gamma: float, gamma_prime: float) -> float: ...
@overload
def condensation_time(
    gamma: ArrayLike, gamma_prime: ArrayLike
) -> Float[np.ndarray, " ..."]: ...
def condensation_time(
    gamma: ArrayLike, gamma_prime: ArrayLike
) -> float | Float[np.ndarray, " ..."]:
    """The exponent of the initial stage: λ·T_eff grows as this number times log m.

    Formula:
        ½(γ − |γ'| − 1), or 0 where that is negative: there is then no stage of linear
        growth to speak of. Over it RD grows as m^{(γ−1−γ')/2}, the `phase_slope` of the
        condensed regime where |γ'| ≤ γ − 1.

    Args:
        gamma: γ.
        gamma_prime: γ'; broadcast with `gamma`.

    Returns:
        The exponent, ≥ 0: a float, or an array of the broadcast shape.

    Source:
        Chen et al. 2023, arXiv 2303.06561 (the time of initial condensation); the
        exponent by this project.

    Example:
        >>> from condensery.theory import condensation_time
        >>> (
        ...     condensation_time(2.0, 0.0),
        ...     condensation_time(3.0, 0.0),
        ...     condensation_time(1.5, 0.7),
        ... )
        (0.5, 1.0, 0.0)
    """
    g, g_prime = (
        np.asarray(gamma, dtype=np.float64),
        np.asarray(gamma_prime, dtype=np.float64),
    )
    slope = np.maximum(0.5 * (g - np.abs(g_prime) - 1), 0.0)
    return float(slope) if slope.ndim == 0 else slope


def patch_direction(
    images: Float[np.ndarray, "sample channel height width"], y: ArrayLike, *, size: int
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " value"]]:
    """Where the kernels of a two-layer convolutional network point to first, and how
    fast.

    Formula:
        For f(x) = Σ_β Σ_uv a_β,uv σ(w_β * x + b_β)_uv with σ'(0) = 1 the linear stage
        is Ẇ_β = Z a_β, ȧ_β = Zᵀ W_β, where W_β = (w_β, b_β) and Z has one column per
        position (u, v): the mean of y_i times the patch of image i there, with a last
        row for the constant feature. The growth rates are the singular values of Z, so
        that all kernels turn to ± its first left singular vector; how fast the others
        fall behind tells the gap to the second.

    Args:
        images: Inputs.
        y: One target per sample.
        size: Kernels are size × size, all positions that fit.

    Returns:
        The vector of length channel·size² + 1, in the order (channel, row, column),
        bias last, its largest entry positive; and the singular values, falling.

    Raises:
        InvalidInputError: Shapes that do not fit, or kernels larger than the images.

    Source:
        Zhou et al. 2023, arXiv 2305.09947: the principal direction of a matrix fixed by
        the samples; this form of the matrix by this project.

    Example:
        One image of one bright pixel and kernels of one pixel: both the pixel and the
        constant are seen.

        >>> import numpy as np
        >>> from condensery.theory import patch_direction
        >>> direction, values = patch_direction(np.array([[[[1.0]]]]), [1.0], size=1)
        >>> direction.round(4).tolist(), values.round(4).tolist()
        ([0.7071, 0.7071], [1.4142])
    """
    matrix = patch_matrix(
        images,
        y,
        size=size,
    )
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    first = left[:, 0]
    return first * np.sign(first[np.argmax(np.abs(first))]), values

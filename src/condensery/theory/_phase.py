"""The phase diagram of two-layer ReLU networks at infinite width: regimes, their
boundary, exponents of RD.
"""

from __future__ import annotations

from typing import Literal, get_args, overload

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError

Regime = Literal["linear", "critical", "condensed"]
Part = Literal["w", "a", "theta"]


@overload
def boundary(gamma_prime: float) -> float: ...
@overload
def boundary(gamma_prime: ArrayLike) -> Float[np.ndarray, " ..."]: ...
def boundary(gamma_prime: ArrayLike) -> float | Float[np.ndarray, " ..."]:
    """The γ at which the hidden weights pass from the linear to the condensed regime.

    Formula:
        γ_c(γ') = max(1, 1 + γ').

    Args:
        gamma_prime: γ', a number or an array.

    Returns:
        γ_c ≥ 1, a float or an array of the same shape; nan where `gamma_prime` is nan.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3 (Theorems 6 and 8, Fig. 1).

    Example:
        >>> from condensery.theory import boundary
        >>> boundary(-0.4), boundary(0.25)
        (1.0, 1.25)
    """
    value = np.maximum(1.0, 1.0 + np.asarray(gamma_prime, dtype=np.float64))
    return float(value) if value.ndim == 0 else value


@overload
def regime(gamma: float, gamma_prime: float, *, tolerance: float = 1e-9) -> Regime: ...
@overload
def regime(
    gamma: ArrayLike, gamma_prime: ArrayLike, *, tolerance: float = 1e-9
) -> np.ndarray: ...
def regime(
    gamma: ArrayLike, gamma_prime: ArrayLike, *, tolerance: float = 1e-9
) -> Regime | np.ndarray:
    """The regime of the hidden weights θ_w at a point of the phase diagram, in the
    limit of infinite width.

    Formula:
        With γ_c = max(1, 1 + γ'): linear where γ < γ_c (RD(θ_w) → 0), condensed where γ
        > γ_c (RD(θ_w) → ∞), critical where |γ − γ_c| ≤ `tolerance` (RD(θ_w) of order
        1).

    Args:
        gamma: γ = −lim log κ/log m.
        gamma_prime: γ' = −lim log κ'/log m; broadcast with `gamma`.
        tolerance: Half the width, in γ, of the strip that is called critical, ≥ 0. The
            default only forgives rounding: the theory's critical line is thin, a
            measurement's is not.

    Returns:
        ``"linear"``, ``"critical"`` or ``"condensed"``; for arrays an array of these
        words.

    Raises:
        InvalidInputError: A coordinate is not finite, or `tolerance` is negative or
            nan.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3 (Theorems 6 and 8, Fig. 1). Of θ_w:
        where γ ≥ 1 and γ' > γ − 1 the output weights do move far.

    Example:
        >>> from condensery.theory import regime
        >>> regime(0.5, 0.0), regime(1.3, 0.3), regime(1.75, 0.0)
        ('linear', 'critical', 'condensed')
    """
    horizontal, vertical = _pair(gamma, gamma_prime)
    if not (np.isfinite(horizontal).all() and np.isfinite(vertical).all()):
        raise InvalidInputError(
            "gamma, gamma_prime",
            given="a value that is not finite",
            allowed="finite numbers",
            remedy="drop the members whose coordinates are nan or inf",
        )
    if not tolerance >= 0:
        raise InvalidInputError(
            "tolerance", given=tolerance, allowed="a number >= 0", remedy="leave it out"
        )
    beyond = horizontal - boundary(vertical)
    words = np.where(
        beyond > tolerance,
        "condensed",
        np.where(beyond < -tolerance, "linear", "critical"),
    )
    return str(words) if words.ndim == 0 else words  # pyrefly: ignore[bad-return]


@overload
def phase_slope(gamma: float, gamma_prime: float, *, of: Part = "w") -> float: ...
@overload
def phase_slope(
    gamma: ArrayLike, gamma_prime: ArrayLike, *, of: Part = "w"
) -> Float[np.ndarray, " ..."]: ...
def phase_slope(
    gamma: ArrayLike, gamma_prime: ArrayLike, *, of: Part = "w"
) -> float | Float[np.ndarray, " ..."]:
    """The exponent S = lim log RD/log m of the relative distance after training, from a
    scaling argument.

    Formula:
        S_w = γ − 1 − 2 max(γ', 0)   for γ < 1;
        S_w = 2(γ − 1 − γ')          for γ ≥ 1 and γ' > γ − 1 (only a moves far);
        S_w = (γ − 1 − γ')/2         for γ ≥ 1 and |γ'| ≤ γ − 1;
        S_w = γ − 1                  for γ ≥ 1 and γ' < 1 − γ (only w moves far).
        S_a(γ, γ') = S_w(γ, −γ'), since exchanging a and w inverts κ';
        S_θ = max(S_w, S_a), where θ are the normalised parameters (a/β1, w/β2).
        All three are continuous in (γ, γ').

    Args:
        gamma: γ, a number or an array.
        gamma_prime: γ', broadcast with `gamma`.
        of: ``"w"`` for the hidden weights with their biases, ``"a"`` for the output
            weights, ``"theta"`` for both.

    Returns:
        The exponent, without unit: negative in the linear regime, 0 on the critical
        line, positive in the condensed regime. A float, or an array of the broadcast
        shape; nan where a coordinate is nan.

    Raises:
        InvalidInputError: `of` is another word.

    Source:
        A scaling argument of this project from the normalised gradient flow and its
        conserved quantity κ'²a² − ‖w‖² (Luo et al. 2021, arXiv 2007.07497, Eq. 77);
        that paper proves the signs (Theorems 6 and 8) and measures the values (Fig. 4).
        At finite width measured slopes cross over: against Fig. 4 to about 0.1.

    Example:
        >>> from condensery.theory import phase_slope
        >>> phase_slope(0.5, 0.0), phase_slope(1.0, 0.0), phase_slope(1.75, 0.0)
        (-0.5, 0.0, 0.375)
        >>> phase_slope([1.5, 2.0], 0.75, of="a").tolist()
        [0.5, 0.875]
    """
    if of not in get_args(Part):
        raise InvalidInputError(
            "of", given=of, allowed="w, a, theta", remedy="choose one of these"
        )
    horizontal, vertical = _pair(gamma, gamma_prime)
    if of == "theta":
        value = np.asarray(
            np.maximum(
                _hidden(horizontal, vertical),
                _hidden(horizontal, np.negative(vertical)),
            )
        )
    else:
        value = _hidden(horizontal, vertical if of == "w" else np.negative(vertical))
    return float(value) if value.ndim == 0 else value


def _hidden(gamma: ArrayLike, gamma_prime: ArrayLike) -> np.ndarray:
    gamma, gamma_prime = (
        np.asarray(gamma),
        np.asarray(gamma_prime),
    )  # a negated array without axes is a scalar
    above = np.asarray(gamma - 1.0)
    pieces = [
        np.isnan(gamma) | np.isnan(gamma_prime),
        gamma < 1.0,
        gamma_prime > above,
        gamma_prime >= -above,
    ]
    values = [
        np.full_like(above, np.nan),
        above - 2.0 * np.maximum(gamma_prime, 0.0),
        2.0 * (above - gamma_prime),
        0.5 * (above - gamma_prime),
    ]
    return np.select(pieces, values, default=above)


def _pair(gamma: ArrayLike, gamma_prime: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    horizontal = np.asarray(gamma, dtype=np.float64)
    vertical = np.asarray(gamma_prime, dtype=np.float64)
    try:
        wide, tall = np.broadcast_arrays(horizontal, vertical)
    except ValueError:
        raise InvalidInputError(
            "gamma_prime",
            given=f"shape {vertical.shape}",
            allowed=f"a shape that broadcasts with that of gamma, {horizontal.shape}",
            remedy="for a grid give gamma[None, :] and gamma_prime[:, None]",
        ) from None
    return wide, tall

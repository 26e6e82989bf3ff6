"""Where an initialisation lies in the phase diagram: (γ, γ') in the limit, (κ, κ') at a
width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError, suggestion
from condensery.theory._phase import Regime, regime

Scales = tuple[float, float, float]


@dataclass(frozen=True)
class Coordinates:
    """A point of the phase diagram.

    Attributes:
        scheme: The initialisation, by the name it has in `SCHEMES`.
        gamma: γ = −lim log κ/log m, exact.
        gamma_prime: γ' = −lim log κ'/log m, exact.
        width: The width m that the four values below are for; None, as they are, where
            none was given.
        kappa: κ = β1 β2/α at that width.
        kappa_prime: κ' = β1/β2 at that width.
        gamma_at_width: −log κ/log m; it tends to `gamma` as slowly as 1/log m.
        gamma_prime_at_width: −log κ'/log m.
    """

    scheme: str
    gamma: float
    gamma_prime: float
    width: int | None = None
    kappa: float | None = None
    kappa_prime: float | None = None
    gamma_at_width: float | None = None
    gamma_prime_at_width: float | None = None

    @property
    def regime(self) -> Regime:
        """The regime of (`gamma`, `gamma_prime`)."""
        return regime(self.gamma, self.gamma_prime)


@dataclass(frozen=True)
class _Scheme:
    gamma: float
    gamma_prime: float
    scales: Callable[[float, float], Scales]  # (m, d) -> (α, β1, β2)


_E = "e-et-al"
_SCHEMES = {
    "ntk": _Scheme(0.5, 0.0, lambda m, d: (math.sqrt(m), 1.0, 1.0)),
    "mean-field": _Scheme(1.0, 0.0, lambda m, d: (m, 1.0, 1.0)),
    "lecun": _Scheme(0.5, 0.5, lambda m, d: (1.0, math.sqrt(1 / m), math.sqrt(1 / d))),
    "he": _Scheme(0.5, 0.5, lambda m, d: (1.0, math.sqrt(2 / m), math.sqrt(2 / d))),
    "xavier": _Scheme(
        1.0, 0.0, lambda m, d: (1.0, math.sqrt(2 / (m + 1)), math.sqrt(2 / (m + d)))
    ),
}
_ALIASES = {
    "neural-tangent-kernel": "ntk",
    "mf": "mean-field",
    "meanfield": "mean-field",
    "kaiming": "he",
    "glorot": "xavier",
    "e": _E,
    "e-et-al-2020": _E,
}

SCHEMES = (*_SCHEMES, _E)
"""The names of the initialisations that `coordinates` knows, aliases left out."""


def coordinates(
    scheme: str,
    *,
    width: float | None = None,
    input_dimension: int = 1,
    exponent: float | None = None,
    beta: float | None = None,
) -> Coordinates:
    """The place of a named initialisation in the phase diagram of f(x) = (1/α) Σ_k a_k
    σ(w_k·x).

    Formula:
        a_k ~ N(0, β1²), w_k ~ N(0, β2² I), κ = β1 β2/α, κ' = β1/β2, γ = −lim log κ/log
        m, γ' = −lim log κ'/log m.

        ============ === ============ ============ ===== =====
        scheme       α   β1           β2           γ     γ'
        ============ === ============ ============ ===== =====
        ntk          √m  1            1            1/2   0
        mean-field   m   1            1            1     0
        lecun        1   √(1/m)       √(1/d)       1/2   1/2
        he           1   √(2/m)       √(2/d)       1/2   1/2
        xavier       1   √(2/(m+1))   √(2/(m+d))   1     0
        e-et-al      1   β = m^−g     1            g     g
        ============ === ============ ============ ===== =====

    Args:
        scheme: A name of `SCHEMES` or an alias (``"mf"``, ``"kaiming"``, ``"glorot"``,
            ``"e"``); upper and lower case, spaces, underscores and hyphens are not told
            apart.
        width: The width m ≥ 2, a whole number, at which κ and κ' are wanted too.
        input_dimension: The fan-in d ≥ 1 that lecun, he and xavier divide by; it
            matters at a finite width only. The default is the synthetic data of the
            paper.
        exponent: For e-et-al: g = lim log(1/β)/log m, any finite number.
        beta: For e-et-al, in place of `exponent`: β > 0 at the given `width`, read as
            m^−g.

    Returns:
        The exact limits, and with `width` the values at that width.

    Raises:
        InvalidInputError: An unknown scheme; a width < 2 or a dimension < 1; for
            e-et-al not exactly one of `exponent` and `beta`, or `beta` without `width`;
            for another scheme either of them.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Table 1.

    Example:
        >>> from condensery.theory import coordinates
        >>> point = coordinates("he", width=10_000)
        >>> point.gamma, point.gamma_prime, point.kappa, point.regime
        (0.5, 0.5, 0.02, 'linear')
        >>> round(coordinates("E et al.", beta=0.01, width=100).gamma, 12)
        1.0
    """
    name = _resolve(scheme)
    m = None if width is None else _whole_number("width", width, least=2)
    d = _whole_number("input_dimension", input_dimension, least=1)
    if name != _E:
        if exponent is not None or beta is not None:
            raise InvalidInputError(
                "exponent, beta",
                given=f"one of them with {name}",
                allowed=f"only with {_E}",
                remedy="leave it out",
            )
        published = _SCHEMES[name]
        if m is None:
            return Coordinates(name, published.gamma, published.gamma_prime)
        point = published.gamma, published.gamma_prime
        return _at_width(name, *point, m, published.scales(m, d))
    g = _e_exponent(exponent, beta, m)
    if m is None:
        return Coordinates(name, g, g)
    return _at_width(
        name, g, g, m, (1.0, _beta(g, m) if beta is None else float(beta), 1.0)
    )


@overload
def kappas(alpha: float, beta1: float, beta2: float) -> tuple[float, float]: ...
@overload
def kappas(
    alpha: ArrayLike, beta1: ArrayLike, beta2: ArrayLike
) -> tuple[Float[np.ndarray, " ..."], Float[np.ndarray, " ..."]]: ...
def kappas(
    alpha: ArrayLike, beta1: ArrayLike, beta2: ArrayLike
) -> tuple[float, float] | tuple[Float[np.ndarray, " ..."], Float[np.ndarray, " ..."]]:
    """The two numbers that a two-layer ReLU network's training depends on, from the
    three scales of its definition.

    Formula:
        f(x) = (1/α) Σ_k a_k σ(w_k·x), a_k ~ N(0, β1²), w_k ~ N(0, β2² I):  κ = β1 β2/α
        and κ' = β1/β2. Time is measured in units of β1 β2. The bias belongs to w_k and
        is drawn with scale β2.

    Args:
        alpha: α > 0, what the output is divided by (1 in most programs).
        beta1: β1 > 0, standard deviation of the output weights.
        beta2: β2 > 0, standard deviation of the hidden weights; the three are
            broadcast.

    Returns:
        (κ, κ'), both > 0, as floats or arrays of the broadcast shape.

    Raises:
        InvalidInputError: A scale is not a finite positive number, or so small or large
            that κ or κ' is not.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3.1.

    Example:
        >>> from condensery.theory import kappas
        >>> kappas(2.0, 0.5, 0.25)
        (0.0625, 2.0)
    """
    scales = [np.asarray(scale, dtype=np.float64) for scale in (alpha, beta1, beta2)]
    for name, scale in zip(("alpha", "beta1", "beta2"), scales, strict=True):
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise InvalidInputError(
                name,
                given=repr(scale.tolist()),
                allowed="finite numbers > 0",
                remedy="give the standard deviation of the weights, not their "
                "logarithm",
            )
    divisor, output, hidden = scales
    with np.errstate(all="ignore"):
        kappa, kappa_prime = (
            np.asarray(output * hidden / divisor),
            np.asarray(output / hidden),
        )
    for name, value in (("kappa", kappa), ("kappa_prime", kappa_prime)):
        if not (np.isfinite(value).all() and (value > 0).all()):
            raise InvalidInputError(
                "alpha, beta1, beta2",
                given=f"scales whose {name} leaves the range of double precision",
                allowed="scales with kappa and kappa_prime between 1e-300 and 1e300",
                remedy="check the scales",
            )
    return (
        (float(kappa), float(kappa_prime)) if kappa.ndim == 0 else (kappa, kappa_prime)
    )


def finite_width_slope(
    scheme: str,
    *,
    widths: tuple[float, float] = (10_000, 1_000_000),
    input_dimension: int = 1,
    exponent: float | None = None,
) -> tuple[float, float]:
    """The exponents of a named initialisation as measured between two widths: the
    slopes of −log κ and −log κ'.

    Formula:
        −(log κ(m₂) − log κ(m₁))/(log m₂ − log m₁), and the same of κ'. Unlike −log
        κ/log m it has no 1/log m term, so that it is near the limit at ordinary widths.

    Args:
        scheme: As in `coordinates`.
        widths: Two different widths m₁, m₂ ≥ 2.
        input_dimension: As in `coordinates`.
        exponent: As in `coordinates`; needed for e-et-al.

    Returns:
        The pair that tends to (γ, γ').

    Raises:
        InvalidInputError: As `coordinates`, or if the two widths are equal.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Table 1.

    Example:
        >>> from condensery.theory import finite_width_slope
        >>> slopes = finite_width_slope("xavier", input_dimension=784)
        >>> [round(slope, 3) for slope in slopes]
        [0.992, 0.008]
    """
    low, high = widths
    if low == high:
        raise InvalidInputError(
            "widths",
            given=repr(widths),
            allowed="two different widths",
            remedy="choose them a decade apart",
        )
    points = [
        coordinates(
            scheme, width=width, input_dimension=input_dimension, exponent=exponent
        )
        for width in (low, high)
    ]
    ends = [
        (point.gamma_at_width * log_width, point.gamma_prime_at_width * log_width)
        for point, log_width in zip(
            points, (math.log(low), math.log(high)), strict=True
        )
        if point.gamma_at_width is not None and point.gamma_prime_at_width is not None
    ]
    run = math.log(high / low)
    return (ends[1][0] - ends[0][0]) / run, (ends[1][1] - ends[0][1]) / run


def _resolve(scheme: str) -> str:
    key = "-".join(
        scheme.lower().replace("_", " ").replace("-", " ").replace(".", " ").split()
    )
    name = _ALIASES.get(key, key)
    if name not in SCHEMES:
        convert = "or convert your own scales with kappas(alpha, beta1, beta2)"
        raise InvalidInputError(
            "scheme",
            given=scheme,
            allowed=", ".join(SCHEMES),
            remedy=suggestion(key, [*SCHEMES, *_ALIASES], otherwise=convert),
        )
    return name


def _whole_number(what: str, value: float, *, least: int) -> int:
    # Written-out widths such as 1e4 are floats and are welcome; True is an int and is
    # not.
    fits = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
        value, bool
    )
    if not fits or not math.isfinite(value) or value != int(value) or value < least:
        raise InvalidInputError(
            what,
            given=value,
            allowed=f"a whole number >= {least}",
            remedy=f"give for example {what}=1000",
        )
    return int(value)


def _e_exponent(exponent: float | None, beta: float | None, width: int | None) -> float:
    if (exponent is None) == (beta is None):
        raise InvalidInputError(
            "exponent, beta",
            given="neither" if exponent is None else "both",
            allowed=f"one of them with {_E}",
            remedy="give exponent=lim log(1/beta)/log m, or beta=… with width=…",
        )
    if exponent is not None:
        if not math.isfinite(exponent):
            raise InvalidInputError(
                "exponent",
                given=exponent,
                allowed="a finite number",
                remedy="for example 0.5",
            )
        return float(exponent)
    if beta is None or not (math.isfinite(beta) and beta > 0):
        raise InvalidInputError(
            "beta", given=beta, allowed="a finite number > 0", remedy="for example 0.01"
        )
    if width is None:
        raise InvalidInputError(
            "beta",
            given="beta without width",
            allowed="beta with width",
            remedy="add width=…, or give exponent=…",
        )
    return -math.log(beta) / math.log(width)


def _beta(exponent: float, width: int) -> float:
    try:
        beta = float(width) ** -exponent
    except OverflowError:
        beta = math.inf
    if not 0 < beta < math.inf:
        raise InvalidInputError(
            "exponent",
            given=exponent,
            allowed=f"an exponent whose beta = {width}^-exponent is a positive number",
            remedy="leave width out",
        )
    return beta


def _at_width(
    name: str, gamma: float, gamma_prime: float, width: int, scales: Scales
) -> Coordinates:
    kappa, kappa_prime = kappas(*scales)
    log_width = math.log(width)
    return Coordinates(
        name,
        gamma,
        gamma_prime,
        width,
        kappa,
        kappa_prime,
        gamma_at_width=-math.log(kappa) / log_width,
        gamma_prime_at_width=-math.log(kappa_prime) / log_width,
    )

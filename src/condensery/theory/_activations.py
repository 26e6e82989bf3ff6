"""What is exactly true of each activation: written once, for everything that merges,
splits or lifts neurons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from condensery._errors import InvalidInputError, suggestion

Parity = Literal["even", "odd", "none"]


@dataclass(frozen=True)
class AffinePiece:
    """An interval on which an activation is exactly affine: σ(z) = `slope`·z +
    `intercept` for lower ≤ z ≤ upper.
    """

    lower: float
    upper: float
    slope: float
    intercept: float


@dataclass(frozen=True)
class Reflection:
    """An identity that takes σ at −z back to z: σ(−z) = `sign`·σ(z) + `constant` +
    `slope`·z for every z.
    """

    sign: int
    constant: float
    slope: float


@dataclass(frozen=True)
class ActivationFacts:
    """Facts about one activation σ, all exact.

    Attributes:
        name: Its name, the same as in `condensery.models`.
        parity: ``"even"`` if σ(−z) = σ(z) for every z, ``"odd"`` if σ(−z) = −σ(z),
            otherwise ``"none"``.
        homogeneity: The degree k with σ(cz) = c^k σ(z) for every z and every c > 0;
            None if there is none.
        multiplicity: The smallest p ≥ 1 with a non-zero p-th derivative at 0; None if σ
            is not smooth at 0.
        leading_derivative: That derivative, σ⁽ᵖ⁾(0); None together with `multiplicity`.
        value_at_zero: σ(0), what a neuron without weights adds to the next layer.
        reflection: The identity for σ(−z).
        affine_pieces: The largest intervals on which σ is affine, from left to right;
            empty if there is none.
    """

    name: str
    parity: Parity
    homogeneity: int | None
    multiplicity: int | None
    leading_derivative: float | None
    value_at_zero: float
    reflection: Reflection
    affine_pieces: tuple[AffinePiece, ...]


_EVEN, _ODD = Reflection(1, 0.0, 0.0), Reflection(-1, 0.0, 0.0)
_LESS_Z = Reflection(
    1, 0.0, -1.0
)  # σ(z) − σ(−z) = z: what relu, softplus and gelu share
_LEAK = 0.01
_INF = math.inf

_ROWS = (
    ActivationFacts(
        "relu",
        "none",
        1,
        None,
        None,
        0.0,
        _LESS_Z,
        (AffinePiece(-_INF, 0.0, 0.0, 0.0), AffinePiece(0.0, _INF, 1.0, 0.0)),
    ),
    ActivationFacts(
        "leaky_relu",
        "none",
        1,
        None,
        None,
        0.0,
        Reflection(1, 0.0, -1.0 - _LEAK),
        (AffinePiece(-_INF, 0.0, _LEAK, 0.0), AffinePiece(0.0, _INF, 1.0, 0.0)),
    ),
    ActivationFacts("tanh", "odd", None, 1, 1.0, 0.0, _ODD, ()),
    ActivationFacts(
        "sigmoid", "none", None, 1, 0.25, 0.5, Reflection(-1, 1.0, 0.0), ()
    ),
    ActivationFacts("softplus", "none", None, 1, 0.5, math.log(2), _LESS_Z, ()),
    ActivationFacts("sin", "odd", None, 1, 1.0, 0.0, _ODD, ()),
    ActivationFacts("xtanh", "even", None, 2, 2.0, 0.0, _EVEN, ()),
    ActivationFacts("x2tanh", "odd", None, 3, 6.0, 0.0, _ODD, ()),
    ActivationFacts("gelu", "none", None, 1, 0.5, 0.0, _LESS_Z, ()),
    ActivationFacts(
        "hardtanh",
        "odd",
        None,
        1,
        1.0,
        0.0,
        _ODD,
        (
            AffinePiece(-_INF, -1.0, 0.0, -1.0),
            AffinePiece(-1.0, 1.0, 1.0, 0.0),
            AffinePiece(1.0, _INF, 0.0, 1.0),
        ),
    ),
    ActivationFacts(
        "linear", "odd", 1, 1, 1.0, 0.0, _ODD, (AffinePiece(-_INF, _INF, 1.0, 0.0),)
    ),
)

_FACTS = {facts.name: facts for facts in _ROWS}

ACTIVATION_NAMES = tuple(_FACTS)
"""The names that `activation_facts` knows."""


def activation_facts(name: str) -> ActivationFacts:
    """The exact facts about an activation.

    relu max(z, 0); leaky_relu with slope 0.01; tanh; sigmoid; softplus log(1 + e^z);
    sin; xtanh z·tanh z; x2tanh z²·tanh z; gelu z·Φ(z) with the normal distribution
    function; hardtanh clip(z, −1, 1); linear z.

    Args:
        name: One of `ACTIVATION_NAMES`.

    Raises:
        InvalidInputError: There is no such activation.

    Source:
        Multiplicity: Zhou et al. 2022, arXiv 2105.11686, Definition 1; there relu has
        none, being no smooth function.

    Example:
        >>> from condensery.theory import activation_facts
        >>> facts = activation_facts("xtanh")
        >>> facts.parity, facts.multiplicity, facts.homogeneity
        ('even', 2, None)
        >>> activation_facts("hardtanh").affine_pieces[1]
        AffinePiece(lower=-1.0, upper=1.0, slope=1.0, intercept=0.0)
    """
    if name not in _FACTS:
        raise InvalidInputError(
            "activation",
            given=name,
            allowed=", ".join(ACTIVATION_NAMES),
            remedy=suggestion(name, ACTIVATION_NAMES, otherwise="choose one of these"),
        )
    return _FACTS[name]

"""Which neurons merge exactly: what an activation makes of a multiple of its argument,
written once.
"""

from __future__ import annotations

from dataclasses import dataclass

from condensery._errors import InvalidInputError
from condensery.theory._activations import (
    ACTIVATION_NAMES,
    Reflection,
    activation_facts,
)

SAME = 1e-12
"""Two ratios closer than this (relatively) are one: what rounding does to copies in
double precision.
"""


@dataclass(frozen=True)
class MergeRule:
    """An identity for every z: σ(ratio·z) = `factor`·σ(z) + `constant` + `slope`·z.

    A neuron (w_k, a_k) with w_k = ratio·w_j is merged into neuron j by a_j ← a_j +
    `factor`·a_k and, for the bias b of the next layer, b ← b + `constant`·a_k; w is the
    augmented (weights, bias) of a neuron, a its outgoing weights.

    Attributes:
        factor: Of σ(z).
        constant: Needs a bias in the next layer where it is not 0.
        slope: Needs a linear path past the activation where it is not 0: without one
            the merge is not exact.
    """

    factor: float
    constant: float
    slope: float

    @property
    def exact(self) -> bool:
        """Whether a plain layer can do it."""
        return not self.slope


@dataclass(frozen=True)
class _Symmetry:
    """σ(cz) = c^`homogeneity` σ(z) for c > 0, and what is known of σ(−z); None is
    none.
    """

    homogeneity: int | None
    reflection: Reflection | None


_EVEN, _ODD, _LESS_Z = (
    Reflection(1, 0.0, 0.0),
    Reflection(-1, 0.0, 0.0),
    Reflection(1, 0.0, -1.0),
)
_SELDOM = {
    "abs": _Symmetry(1, _EVEN),
    "square": _Symmetry(2, _EVEN),
    "relu_squared": _Symmetry(2, None),
    "cos": _Symmetry(None, _EVEN),
    "erf": _Symmetry(None, _ODD),
    "softsign": _Symmetry(None, _ODD),
    "silu": _Symmetry(None, _LESS_Z),
    "hardswish": _Symmetry(None, _LESS_Z),
    "hardsigmoid": _Symmetry(None, Reflection(-1, 1.0, 0.0)),
    "elu": _Symmetry(None, None),
    "selu": _Symmetry(None, None),
    "mish": _Symmetry(None, None),
    "relu6": _Symmetry(None, None),
}
"""Activations of users' models that the lab does not train with."""

MERGE_NAMES = (*ACTIVATION_NAMES, *_SELDOM)
"""The names that `merge_rule` knows."""


def merge_rule(
    name: str, ratio: float, *, negative_slope: float | None = None
) -> MergeRule | None:
    """What σ(ratio·z) is in terms of σ(z); None where no identity holds for every z.

    ================================== ===================== ======= ===================
    activation                         ratio > 0, not 1      ratio 1 ratio −1
    ================================== ===================== ======= ===================
    relu, leaky_relu (equal slopes)    factor = ratio        1       needs a linear path
    linear                             factor = ratio        1       factor −1
    abs, square, relu_squared          factor = ratio^degree 1       abs, square: factor
                                                                     1; else none
    tanh, sin, x2tanh, hardtanh, erf,  none                  1       factor −1
    softsign
    xtanh, cos                         none                  1       factor 1
    sigmoid, hardsigmoid               none                  1       factor −1,
                                                                     constant 1
    gelu, silu, softplus, hardswish    none                  1       needs a linear path
    elu, selu, mish, relu6             none                  1       none
    ================================== ===================== ======= ===================

    A negative ratio other than −1 is the two steps one after the other where the
    activation is homogeneous.

    Args:
        name: One of `MERGE_NAMES`.
        ratio: w_k / w_j of two parallel neurons, not 0; within 1e-12 of ±1 it is taken
            for ±1.
        negative_slope: For leaky_relu: the slope below 0 that both neurons have
            (default 0.01).

    Returns:
        The rule; `MergeRule.exact` tells whether a plain layer can follow it.

    Raises:
        InvalidInputError: An activation that is not in the table, or a ratio that is 0
            or not finite.

    Source:
        Zhang et al. 2022 (arXiv 2111.15527), Sec. 6, merges by direction; the
        identities are elementary.

    Example:
        >>> from condensery.theory import merge_rule
        >>> merge_rule("relu", 3.0)
        MergeRule(factor=3.0, constant=0.0, slope=0.0)
        >>> merge_rule("sigmoid", -1.0)
        MergeRule(factor=-1.0, constant=1.0, slope=0.0)
        >>> merge_rule("tanh", 2.0) is None, merge_rule("relu", -1.0).exact
        (True, False)
    """
    if not 0 < abs(ratio) < float("inf"):
        raise InvalidInputError(
            "ratio",
            given=ratio,
            allowed="a finite number other than 0",
            remedy="a neuron without weights is a constant",
        )
    symmetry = _symmetry(name, negative_slope)
    size = 1.0 if abs(abs(ratio) - 1) <= SAME else abs(ratio)
    if abs(size - 1) > SAME and symmetry.homogeneity is None:
        return None
    scale = size ** (symmetry.homogeneity or 0)
    if ratio > 0:
        return MergeRule(scale, 0.0, 0.0)
    mirror = symmetry.reflection
    if mirror is None:
        return None
    # σ(−|c|z) = |c|^k σ(−z): homogeneity holds on the whole line
    return MergeRule(scale * mirror.sign, scale * mirror.constant, scale * mirror.slope)


def _symmetry(name: str, negative_slope: float | None) -> _Symmetry:
    if name not in MERGE_NAMES:
        activation_facts(name)  # refuses with the nearest name
    if name == "leaky_relu" and negative_slope is not None:
        return _Symmetry(1, Reflection(1, 0.0, -1.0 - negative_slope))
    if name in _SELDOM:
        return _SELDOM[name]
    facts = activation_facts(name)
    return _Symmetry(facts.homogeneity, facts.reflection)

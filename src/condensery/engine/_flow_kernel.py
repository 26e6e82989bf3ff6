"""The two-layer network in the notation of `_flow_step`: its Jacobian, and the mean of
it along a step.

Notation (Luo et al. 2021, arXiv 2007.07497, Eqs. 9-12; bias absorbed in x): with S =
σ(XW) and B = a∘σ'(XW), both (sample, unit), the normalised flow is da/dt = −(κ/(κ'n))
eᵀS and dW/dt = −(κκ'/n) Xᵀ(e∘B), and while S and B are frozen the residual obeys e' =
−G e with G = (κ²/n)[S Sᵀ/κ' + κ' (B Bᵀ)∘X Xᵀ].

For smooth activations the mean Jacobian of a step is the *secant*, mean a, mean σ, and
σ' replaced by Δσ/Δz: second order. (If the prediction were the end itself, f(θ₁) −
f(θ₀) = J̄(θ₁ − θ₀) would hold exactly, a discrete gradient: Gonzalez 1996, J. Nonlinear
Sci. 6, Sec. 2.)

An activation that is linear between kinks (ReLU, hardtanh) is followed through them
instead, unit by unit, as `_flow_walk` says. Units that slide along a kink thus neither
flip with the full push at every step, which holds the midpoint rule at first order, nor
stand off the kink by a step's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery.engine import _flow_step
from condensery.engine._flow_member import Constants, Weights
from condensery.engine._flow_network import Look, Member
from condensery.engine._flow_pieces import NOT_HELD
from condensery.engine._flow_step import METHODS
from condensery.engine._flow_walk import mean_along, slopes_at
from condensery.engine._mean_slopes import mean_secant
from condensery.models import Activation

__all__ = ["METHODS", "TwoLayerFlow", "advance", "unstarted"]

_GRAM_MOVE = 0.2
_UNROLLED = 8
Forms = tuple[Float[Array, "sample sample"], Float[Array, "sample sample"]]


class _Seen(NamedTuple):
    """The forms of a point and σ' there."""

    of_a: Float[Array, "sample sample"]
    of_w: Float[Array, "sample sample"]
    slope: Float[Array, "sample unit"]


class _Factors(NamedTuple):
    """What a Jacobian is made of: S and σ' (or its secant), both (sample, unit), and
    the output weights; of a step through kinks also what is held on them at its end.
    """

    s: Float[Array, "sample unit"]
    slope: Float[Array, "sample unit"]
    a: Float[Array, " unit"]
    held: Float[Array, "sample unit"] | None = None


def _preactivations(
    X: Float[Array, "sample feature"], w: Float[Array, "feature unit"]
) -> Float[Array, "sample unit"]:
    # With few features an unrolled sum fuses into what consumes it; a matrix product
    # would be written out first.
    if X.shape[1] <= _UNROLLED:
        return sum(
            (X[:, j, None] * w[None, j] for j in range(1, X.shape[1])),
            X[:, 0, None] * w[None, 0],
        )
    return X @ w


def _secant(
    act: Activation, X: Array, start: tuple[Array, Array], end: tuple[Array, Array]
) -> _Factors:
    """The factors of the secant Jacobian between two points."""
    means = mean_secant(
        act,
        _preactivations(X, start[1]),
        _preactivations(X, end[1]),
    )
    return _Factors(*means, 0.5 * (start[0] + end[0]))


@dataclass(frozen=True)
class TwoLayerFlow:
    """A two-layer network with an activation; `seen` are its two forms and σ'.

    The groups of parameters are a and W.
    """

    act: Activation

    @property
    def kinked(self) -> bool:
        """Whether the activation is linear on either side of 0."""
        return self.act.slopes is not None

    @property
    def follows(self) -> bool:
        """Whether units are followed from kink to kink."""
        return self.kinked

    def look(
        self,
        X: Array,
        c: Constants,
        weights: Weights,
        mean: _Factors | None = None,
    ) -> Look:
        """Output, its size, the forms and σ' at the end of a step, whose mean factors
        say which units are held on a kink.
        """
        z = _preactivations(X, weights.w)
        held = None if mean is None else mean.held
        slope = slopes_at(self.act, z, held)
        factors = _Factors(
            self.act.sigma(z),
            slope,
            weights.a,
        )
        forms = self.forms(X, factors)
        norm = jnp.sqrt(jnp.sum(weights.a**2))
        size = c.kappa * norm * jnp.sqrt(jnp.diagonal(forms[0]))
        return Look(
            c.kappa * (factors.s @ weights.a),
            size,
            _Seen(*forms, slope),
        )

    def start(
        self,
        X: Array,
        weights: Weights,
        seen: _Seen,
    ) -> tuple[_Factors, Forms]:
        """The factors at a point, and its forms, which are known already."""
        s = self.act.sigma(_preactivations(X, weights.w))
        held = jnp.full_like(s, NOT_HELD) if self.kinked else None
        return _Factors(s, seen.slope, weights.a, held), (seen.of_a, seen.of_w)

    def forms(self, X: Array, factors: _Factors) -> Forms:
        """S Sᵀ and (B Bᵀ)∘X Xᵀ."""
        b = factors.a * factors.slope
        return factors.s @ factors.s.T, (b @ b.T) * (X @ X.T)

    def scales(self, c: Constants, samples: int) -> tuple[Array, Array]:
        """How far a unit u moves a and W, before the Jacobian."""
        return c.kappa / (samples * c.kappa_prime), c.kappa * c.kappa_prime / samples

    def groups(
        self, c: Constants, weights: Weights
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """The parameters a and W, now and initially."""
        return (weights.a, c.a0), (weights.w, c.w0)

    def mean(
        self, X: Array, c: Constants, start: Member, factors: _Factors, u: Array
    ) -> _Factors:
        """The factors of the mean Jacobian between the start and the end that u
        predicts.
        """
        if self.act.slopes is None:
            end = self.moved(X, c, start.weights, factors, u)
            return _secant(self.act, X, start.weights, end)
        scale_a, scale_w = self.scales(c, len(u))
        a = start.weights.a - 0.5 * scale_a * (u @ factors.s)
        push = -scale_w * u[:, None] * a
        z = _preactivations(X, start.weights.w)
        along = mean_along(
            self.act,
            z,
            push,
            X,
        )
        return _Factors(along.value, along.slope, a, along.held)

    def pulls(
        self,
        X: Array,
        factors: _Factors,
        u: Array,
    ) -> tuple[Array, Array]:
        """What u moves a and W by, before their scales."""
        n, d = X.shape
        if n <= _UNROLLED and d <= _UNROLLED:
            step_a = jnp.asarray(sum(u[i] * factors.s[i] for i in range(n)))
            rows = [
                sum((u[i] * X[i, j]) * factors.slope[i] for i in range(n))
                for j in range(d)
            ]
            return step_a, factors.a * jnp.stack(rows)
        step_w = factors.a * (X.T @ (u[:, None] * factors.slope))
        return u @ factors.s, step_w

    def moved(
        self, X: Array, c: Constants, weights: Weights, factors: _Factors, u: Array
    ) -> Weights:
        """The parameters minus (1/n) D Jᵀ u, with the Jacobian of the factors."""
        step_a, step_w = self.pulls(X, factors, u)
        scale_a, scale_w = self.scales(c, len(u))
        return Weights(weights.a - scale_a * step_a, weights.w - scale_w * step_w)

    def explicit(
        self,
        X: Array,
        c: Constants,
        start: Member,
        forms: Forms,
    ) -> Array:
        """The length 0.2/(κ‖Xᵀe/n‖): no unit grows by more than a fifth of the other
        layer.
        """
        del forms
        pull = jnp.linalg.norm(X.T @ start.e / X.shape[0])
        return _GRAM_MOVE / (c.kappa * pull)


def unstarted(a: Array, w: Array, samples: int) -> Member:
    """A bucket before its first `advance`."""
    square = jnp.zeros((len(a), samples, samples), a.dtype)
    slope = jnp.zeros((len(a), samples, a.shape[1]), a.dtype)
    return _flow_step.unstarted(
        Weights(a, w),
        _Seen(square, square, slope),
        samples=samples,
    )


advance = partial(jax.jit, static_argnames=("network", "method"))(_flow_step.advance)

"""The three-layer network in the notation of `_flow_step`.

Notation (bias absorbed; h = (σ(z₁), 1)): z₁ = Xw, z₂ = h vᵀ, f = κ Σ_k a_k σ(z₂k),
summed over the copies of an antisymmetric start. With b = a∘σ'(z₂) and c = (b v)∘σ'(z₁)
the normalised flow is

    da/dt = −(M₃κ/n) eᵀσ(z₂)     dv/dt = −(M₂κ/n) (e∘b)ᵀh     dw/dt = −(M₁κ/n) Xᵀ(e∘c)

and while the Jacobian is frozen e' = −G e with G = (κ²/n)[M₃ σ(z₂)σ(z₂)ᵀ + M₂ (b bᵀ)∘(h
hᵀ) + M₁ (c cᵀ)∘(X Xᵀ)].

All changes of v, which has m² entries, are of rank n in a step. The end that a step
predicts, and the mean of v along the way, therefore enter as v plus an n-term product
that is never written out: both meet v only through n rows. A step reads v four times
and writes it once; no per-sample matrix of m × m entries exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery.engine import _flow_step
from condensery.engine._flow_network import Look, Member
from condensery.engine._flow_step import METHODS
from condensery.engine._mean_slopes import mean_secant, mean_through_kink
from condensery.engine._three_layer_member import Constants, Passed, Weights
from condensery.models import Activation

__all__ = ["METHODS", "ThreeLayerFlow", "advance", "unstarted"]

_GRAM_MOVE = 0.05
"""The plain Gram step moves no layer by more than this part of its norm."""
Forms = tuple[Array, Array, Array]


class _Factors(NamedTuple):
    """What a Jacobian is made of; all (copy, sample, unit)."""

    s: Float[Array, "copy sample outer"]
    b: Float[Array, "copy sample outer"]
    h: Float[Array, "copy sample inner_and_bias"]
    c: Float[Array, "copy sample inner"]


def _with_bias(
    s: Float[Array, "copy sample inner"],
) -> Float[Array, "copy sample inner_and_bias"]:
    return jnp.concatenate([s, jnp.ones_like(s[..., :1])], axis=-1)


def _through(
    rows: Float[Array, "copy sample outer"], v: Array
) -> Float[Array, "copy sample inner_and_bias"]:
    return jnp.einsum("csk,ckj->csj", rows, v)


def _into(
    h: Float[Array, "copy sample inner_and_bias"], v: Array
) -> Float[Array, "copy sample outer"]:
    return jnp.einsum("csj,ckj->csk", h, v)


def _pass(act: Activation, X: Array, weights: Weights) -> Passed:
    a, v, w = weights
    z1 = X @ w
    z2 = _into(_with_bias(act.sigma(z1)), v)
    return Passed(
        z1,
        z2,
        _through(a[:, None] * act.sigma_prime(z2), v)[..., :-1],
    )


def _factors(act: Activation, a: Array, passed: Passed) -> _Factors:
    b = a[:, None] * act.sigma_prime(passed.z2)
    h = _with_bias(act.sigma(passed.z1))
    return _Factors(
        act.sigma(passed.z2), b, h, passed.back * act.sigma_prime(passed.z1)
    )


def _gram(rows: Float[Array, "copy sample unit"]) -> Float[Array, "copy sample sample"]:
    return jnp.einsum("csu,ctu->cst", rows, rows)


@dataclass(frozen=True)
class ThreeLayerFlow:
    """A three-layer network with an activation; `seen` is its last pass.

    The groups of parameters are w, v and a.
    """

    act: Activation

    @property
    def kinked(self) -> bool:
        """Whether the activation is linear on either side of 0."""
        return self.act.kinks == (0.0,)

    @property
    def follows(self) -> bool:
        """Units are not followed from kink to kink: those of a layer push one another
        through the other layer, which no walk of one unit knows.
        """
        return False

    def look(
        self,
        X: Array,
        c: Constants,
        weights: Weights,
        mean: _Factors | None = None,
    ) -> Look:
        """Output, its size and the pass at a point."""
        del mean
        passed = _pass(self.act, X, weights)
        top = self.act.sigma(passed.z2)
        output = c.kappa * jnp.einsum("csk,ck->s", top, weights.a)
        norms = jnp.sqrt(jnp.sum(top**2, axis=-1))
        of_a = jnp.sqrt(jnp.sum(weights.a**2, axis=-1))
        size = c.kappa * jnp.sum(of_a[:, None] * norms, axis=0)
        return Look(output, size, passed)

    def start(
        self,
        X: Array,
        weights: Weights,
        seen: Passed,
    ) -> tuple[_Factors, Forms]:
        """The factors at a point, and its forms."""
        factors = _factors(self.act, weights.a, seen)
        return factors, self.forms(X, factors)

    def forms(self, X: Array, factors: _Factors) -> Forms:
        """Quadratic forms of w, v and a: squared lengths of their moves, before their
        scales.
        """
        return (
            jnp.sum(_gram(factors.c), axis=0) * (X @ X.T),
            jnp.sum(_gram(factors.b) * _gram(factors.h), axis=0),
            jnp.sum(_gram(factors.s), axis=0),
        )

    def scales(self, c: Constants, samples: int) -> tuple[Array, Array, Array]:
        """How far a unit u moves w, v and a, before the Jacobian."""
        scales = c.kappa * c.mobility / samples
        return scales[0], scales[1], scales[2]

    def groups(self, c: Constants, weights: Weights) -> tuple[tuple[Array, Array], ...]:
        """The parameters w, v and a, now and initially."""
        sign = jnp.asarray([1.0, -1.0])[: weights.a.shape[0], None]
        return (weights.w, c.w0), (weights.v, c.v0), (weights.a, sign * c.a0)

    def pulls(self, X: Array, factors: _Factors, u: Array) -> tuple[Array, Array]:
        """What u moves w and a by, before their scales; v would cost m² numbers."""
        step_w = jnp.einsum(
            "sd,csj->cdj",
            X,
            u[:, None] * factors.c,
        )
        return step_w, jnp.einsum("s,csk->ck", u, factors.s)

    def moved(
        self, X: Array, c: Constants, weights: Weights, factors: _Factors, u: Array
    ) -> Weights:
        """The weights minus (1/n) D Jᵀ u, with the Jacobian of the factors."""
        scale_w, scale_v, scale_a = self.scales(c, len(u))
        pushed = u[:, None] * factors.b
        step_a = jnp.einsum("s,csk->ck", u, factors.s)
        step_v = jnp.einsum("csk,csj->ckj", pushed, factors.h)
        step_w = jnp.einsum(
            "sd,csj->cdj",
            X,
            u[:, None] * factors.c,
        )
        return Weights(
            weights.a - scale_a * step_a,
            weights.v - scale_v * step_v,
            weights.w - scale_w * step_w,
        )

    def mean(
        self, X: Array, c: Constants, start: Member, factors: _Factors, u: Array
    ) -> _Factors:
        """The factors of the mean Jacobian between the start and the end that u
        predicts with the Jacobian there.
        """
        a0, v, _ = start.weights
        scale_w, scale_v, scale_a = self.scales(c, len(u))
        a = a0 - scale_a * jnp.einsum("s,csk->ck", u, factors.s)
        along = jnp.einsum(
            "st,ctj->csj",
            X @ X.T,
            u[:, None] * factors.c,
        )
        z1 = start.seen.z1 - scale_w * along
        h = _with_bias(self.act.sigma(z1))
        pushed = u[:, None] * factors.b
        along = jnp.einsum("csj,ctj,ctk->csk", h, factors.h, pushed)
        z2 = _into(h, v) - scale_v * along
        inner, outer = self._slopes(X, c, start, factors, u, (z1, z2))
        b = 0.5 * (a0 + a)[:, None] * outer[1]
        along = jnp.einsum("csk,ctk,ctj->csj", b, pushed, factors.h)
        back = _through(b, v) - 0.5 * scale_v * along
        return _Factors(
            outer[0],
            b,
            _with_bias(inner[0]),
            back[..., :-1] * inner[1],
        )

    def _slopes(
        self,
        X: Array,
        c: Constants,
        start: Member,
        factors: _Factors,
        u: Array,
        ends: tuple[Array, Array],
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Mean σ and mean slope of the inner and the outer layer on the way to the
        predicted preactivations.
        """
        z1, z2 = start.seen.z1, start.seen.z2
        if not self.kinked:
            return mean_secant(
                self.act,
                z1,
                ends[0],
            ), mean_secant(
                self.act,
                z2,
                ends[1],
            )
        scale_w, scale_v, _ = self.scales(c, len(u))
        square1 = jnp.sum(X**2, axis=1)
        square2 = jnp.sum(
            factors.h**2,
            axis=-1,
            keepdims=True,
        )
        push1 = -scale_w * (u * square1)[:, None] * start.seen.back
        push2 = -scale_v * u[:, None] * square2 * start.weights.a[:, None]
        below, above = (self.act.slopes or (0.0, 0.0))[:2]
        through = partial(mean_through_kink, self.act, (below, above))
        return through(
            z1,
            ends[0],
            push1,
        ), through(
            z2,
            ends[1],
            push2,
        )

    def explicit(
        self,
        X: Array,
        c: Constants,
        start: Member,
        forms: Forms,
    ) -> Array:
        """The length 0.05·‖θ_l‖/‖θ_l'‖, the least over the layers."""
        del X
        longest = []
        scales = self.scales(c, forms[0].shape[0])
        groups = self.groups(c, start.weights)
        for scale, form, (now, _) in zip(
            scales,
            forms,
            groups,
            strict=True,
        ):
            speed = jnp.maximum(scale**2 * (start.e @ form @ start.e), 1e-300)
            longest.append(jnp.sqrt(jnp.sum(now**2) / speed))
        return _GRAM_MOVE * jnp.min(jnp.stack(longest))


def unstarted(c: Constants, *, copies: int, samples: int) -> Member:
    """A bucket before its first `advance`."""
    members, (_, outer, wide), dtype = len(c.kappa), c.v0.shape, c.a0.dtype
    a = jnp.stack([c.a0, -c.a0][:copies], axis=1)
    v, w = (jnp.stack([part] * copies, axis=1) for part in (c.v0, c.w0))
    rows = [
        jnp.zeros((members, copies, samples, units), dtype)
        for units in (wide - 1, outer, wide - 1)
    ]
    return _flow_step.unstarted(
        Weights(a, v, w),
        Passed(*rows),
        samples=samples,
    )


advance = partial(
    jax.jit,
    static_argnames=("network", "method"),
    donate_argnames=("bucket",),
)(_flow_step.advance)
"""The bucket given is used up: v has m² entries."""

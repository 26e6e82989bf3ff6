"""The compiled part of `three_layer_flow`: the exponential step of `_flow_kernel`, with
one more layer.

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

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from condensery.engine._function_space import (
    Move,
    h_phi1,
    mean_secant,
    mean_through_kink,
    shortening,
    step_length,
    verdict,
)
from condensery.engine._three_layer_member import Constants, Member, Passed
from condensery.models import Activation
from condensery.records import Status

_GRAM_MOVE = 0.05
"""The plain Gram step moves no layer by more than this part of its norm."""
Weights = tuple[Array, Array, Array]


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
    return Passed(z1, z2, _through(a[:, None] * act.sigma_prime(z2), v)[..., :-1])


def _factors(act: Activation, a: Array, passed: Passed) -> _Factors:
    b = a[:, None] * act.sigma_prime(passed.z2)
    h = _with_bias(act.sigma(passed.z1))
    return _Factors(
        act.sigma(passed.z2), b, h, passed.back * act.sigma_prime(passed.z1)
    )


def _gram(rows: Float[Array, "copy sample unit"]) -> Float[Array, "copy sample sample"]:
    return jnp.einsum("csu,ctu->cst", rows, rows)


def _forms(X: Array, f: _Factors) -> tuple[Array, Array, Array]:
    """Quadratic forms of w, v and a: squared lengths of their moves, before their
    scales.
    """
    return (
        jnp.sum(_gram(f.c), axis=0) * (X @ X.T),
        jnp.sum(_gram(f.b) * _gram(f.h), axis=0),
        jnp.sum(_gram(f.s), axis=0),
    )


def _eigen(
    forms: tuple[Array, ...], c: Constants
) -> tuple[Float[Array, " sample"], Float[Array, "sample sample"]]:
    n = forms[0].shape[0]
    G = (
        c.kappa**2
        / n
        * sum(
            (m * form for m, form in zip(c.mobility, forms, strict=True)),
            jnp.zeros((n, n)),
        )
    )
    rates, Q = jnp.linalg.eigh(G, symmetrize_input=False)
    return jnp.maximum(rates, 0.0), Q


def _scales(c: Constants, n: int) -> tuple[Array, Array, Array]:
    """How far a unit u moves w, v and a, before the Jacobian."""
    scales = c.kappa * c.mobility / n
    return scales[0], scales[1], scales[2]


def _weights(member: Member) -> Weights:
    return member.a, member.v, member.w


def _moved(X: Array, start: Member, f: _Factors, u: Array, c: Constants) -> Weights:
    """The weights at the start minus (1/n) D Jᵀ u, with the Jacobian of the factors."""
    scale_w, scale_v, scale_a = _scales(c, len(u))
    return (
        start.a - scale_a * jnp.einsum("s,csk->ck", u, f.s),
        start.v - scale_v * jnp.einsum("csk,csj->ckj", u[:, None] * f.b, f.h),
        start.w - scale_w * jnp.einsum("sd,csj->cdj", X, u[:, None] * f.c),
    )


def _moves(start: Member, forms: tuple[Array, ...], c: Constants) -> tuple[Move, ...]:
    sign = jnp.asarray([1.0, -1.0])[: start.a.shape[0], None]
    parts = ((start.w, c.w0), (start.v, c.v0), (start.a, sign * c.a0))
    return tuple(
        Move(
            scale,
            form,
            jnp.sum(now**2),
            jnp.sum((now - initial) ** 2),
        )
        for scale, form, (now, initial) in zip(
            _scales(c, len(start.e)), forms, parts, strict=True
        )
    )


def _mean_factors(
    act: Activation, X: Array, start: Member, here: _Factors, u: Array, c: Constants
) -> _Factors:
    """The factors of the mean Jacobian between the start and the end that u predicts
    with the Jacobian there.
    """
    scale_w, scale_v, scale_a = _scales(c, len(u))
    a = start.a - scale_a * jnp.einsum("s,csk->ck", u, here.s)
    z1 = start.passed.z1 - scale_w * jnp.einsum(
        "st,ctj->csj", X @ X.T, u[:, None] * here.c
    )
    h = _with_bias(act.sigma(z1))
    pushed = u[:, None] * here.b
    z2 = _into(h, start.v) - scale_v * jnp.einsum("csj,ctj,ctk->csk", h, here.h, pushed)
    if act.slopes is None:
        s1, slope1 = mean_secant(act, start.passed.z1, z1)
        s2, slope2 = mean_secant(act, start.passed.z2, z2)
    else:
        own1 = -scale_w * (u * jnp.sum(X**2, axis=1))[:, None] * start.passed.back
        own2 = (
            -scale_v
            * u[:, None]
            * jnp.sum(
                here.h**2,
                axis=-1,
                keepdims=True,
            )
            * start.a[:, None]
        )
        s1, slope1 = mean_through_kink(act, act.slopes, start.passed.z1, z1, own1)
        s2, slope2 = mean_through_kink(act, act.slopes, start.passed.z2, z2, own2)
    b = 0.5 * (start.a + a)[:, None] * slope2
    back = _through(b, start.v) - 0.5 * scale_v * jnp.einsum(
        "csk,ctk,ctj->csj", b, pushed, here.h
    )
    return _Factors(
        s2,
        b,
        _with_bias(s1),
        back[..., :-1] * slope1,
    )


def _verdict(
    loss: Array, time: Array, steps: Array, c: Constants, max_steps: Array
) -> Int[Array, ""]:
    return verdict(
        loss, time, steps, target=c.target, max_time=c.max_time, max_steps=max_steps
    )


def _residual(
    act: Activation, y: Array, c: Constants, a: Array, passed: Passed
) -> Float[Array, " sample"]:
    return c.kappa * jnp.einsum("csk,ck->s", act.sigma(passed.z2), a) - y


def _exponential_step(
    act: Activation, X: Array, y: Array, c: Constants, max_steps: Array, start: Member
) -> Member:
    here = _factors(act, start.a, start.passed)
    forms = _forms(X, here)
    rates, Q = _eigen(forms, c)
    h, limits = step_length(
        Q.T @ start.e, rates, Q, _moves(start, forms, c), eta=c.eta, target=c.target
    )
    h = jnp.minimum(h, c.max_time - start.time)
    mean = _mean_factors(
        act, X, start, here, Q @ (h_phi1(h, rates) * (Q.T @ start.e)), c
    )
    mean = _Factors(
        *lax.optimization_barrier(tuple(mean))
    )  # or the factors would be worked out twice
    forms = _forms(X, mean)
    rates, Q = _eigen(forms, c)
    u = Q @ (h_phi1(h, rates) * (Q.T @ start.e))
    part = shortening(tuple(zip(_scales(c, len(y)), forms, strict=True)), u, limits)
    return _advanced(
        act,
        X,
        y,
        c,
        max_steps,
        start,
        _moved(
            X,
            start,
            mean,
            part * u,
            c,
        ),
        part * h,
    )


def _gram_step(
    act: Activation, X: Array, y: Array, c: Constants, max_steps: Array, start: Member
) -> Member:
    """Explicit Euler with h = eta·min(1/λ_max(G), 0.05·‖θ_l‖/‖θ_l'‖ over the layers):
    the plain reference.
    """
    here = _factors(act, start.a, start.passed)
    forms = _forms(X, here)
    rates, _ = _eigen(forms, c)
    slowest = [
        jnp.sqrt(
            jnp.sum(now**2) / jnp.maximum(scale**2 * (start.e @ form @ start.e), 1e-300)
        )
        for scale, form, now in zip(
            _scales(c, len(y)), forms, (start.w, start.v, start.a), strict=True
        )
    ]
    h = c.eta * jnp.minimum(1.0 / rates[-1], _GRAM_MOVE * jnp.min(jnp.stack(slowest)))
    h = jnp.minimum(h, c.max_time - start.time)
    return _advanced(
        act,
        X,
        y,
        c,
        max_steps,
        start,
        _moved(
            X,
            start,
            here,
            h * start.e,
            c,
        ),
        h,
    )


def _advanced(
    act: Activation,
    X: Array,
    y: Array,
    c: Constants,
    max_steps: Array,
    start: Member,
    end: Weights,
    h: Array,
) -> Member:
    passed = _pass(act, X, end)
    e = _residual(
        act,
        y,
        c,
        end[0],
        passed,
    )
    loss, time, steps = jnp.mean(e**2), start.time + h, start.steps + 1
    status = _verdict(loss, time, steps, c, max_steps).astype(start.status.dtype)
    return Member(*end, e, passed, time, steps, status, loss)


_STEPS = {
    "exponential": _exponential_step,
    "gram": _gram_step,
}
METHODS = tuple(_STEPS)


def unstarted(c: Constants, *, copies: int, samples: int) -> Member:
    """A bucket before its first `advance`, which fills in what depends on the
    parameters.
    """
    members, (_, outer, wide), dtype = len(c.kappa), c.v0.shape, c.a0.dtype
    a = jnp.stack([c.a0, -c.a0][:copies], axis=1)
    v, w = (jnp.stack([part] * copies, axis=1) for part in (c.v0, c.w0))
    rows = [
        jnp.zeros((members, copies, samples, units), dtype)
        for units in (wide - 1, outer, wide - 1)
    ]
    return Member(
        a,
        v,
        w,
        jnp.zeros((members, samples), dtype),
        Passed(*rows),
        jnp.zeros(members, dtype),
        jnp.full(members, -1, jnp.int64),
        jnp.full(members, int(Status.RUNNING), jnp.int64),
        jnp.full(members, jnp.inf, dtype),
    )


def _started(
    act: Activation, X: Array, y: Array, c: Constants, max_steps: Array, member: Member
) -> Member:
    passed = _pass(act, X, _weights(member))
    e = _residual(act, y, c, member.a, passed)
    loss, steps = jnp.mean(e**2), jnp.zeros_like(member.steps)
    status = _verdict(loss, member.time, steps, c, max_steps).astype(
        member.status.dtype
    )
    return Member(*_weights(member), e, passed, member.time, steps, status, loss)


@partial(
    jax.jit,
    static_argnames=("act", "method"),
    donate_argnames=("bucket",),
)
def advance(
    act: Activation,
    method: str,
    X: Array,
    y: Array,
    bucket: Member,
    c: Constants,
    until: Array,
    max_steps: Array,
) -> Member:
    """Every member of a bucket advanced to `until` steps, or to where it stops; the
    bucket given is used up.

    Members run one after the other inside the compiled loop, each for as many steps as
    it needs, as in the two-layer flow: a member's bits do not depend on its companions.
    """
    step = partial(_STEPS[method], act, X, y)

    def one(args: tuple[Member, Constants]) -> Member:
        member, c = args
        member = lax.cond(
            member.steps < 0,
            partial(_started, act, X, y, c, max_steps),
            lambda same: same,
            member,
        )
        return lax.while_loop(
            lambda s: (s.status == int(Status.RUNNING)) & (s.steps < until),
            partial(step, c, max_steps),
            member,
        )

    return lax.map(one, (bucket, c))

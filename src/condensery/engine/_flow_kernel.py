"""The compiled part of `flow`: one step in function space, repeated per member until
that member stops.

Notation (Luo et al. 2021, arXiv 2007.07497, Eqs. 9-12; bias absorbed in x): with S =
σ(XW) and B = a∘σ'(XW), both (sample, unit), the normalised flow is da/dt = −(κ/(κ'n))
eᵀS and dW/dt = −(κκ'/n) Xᵀ(e∘B), and while S and B are frozen the residual obeys e' =
−G e with G = (κ²/n)[S Sᵀ/κ' + κ' (B Bᵀ)∘X Xᵀ].

That is stiff only within the n-dimensional space of outputs, so a step solves it there
exactly, e(h) = exp(−hG) e and Δθ = −(1/n) D Jᵀ u with u = h φ₁(hG) e, φ₁(z) = (1 −
e^−z)/z, by one n×n eigendecomposition; h is limited only by how far the features move
(exponential integrators: Hochbruck and Ostermann 2010, Acta Numerica 19, Sec. 2; here
the neural tangent Gram matrix is the linear part).

A step predicts its end with J at its start, and corrects with a mean Jacobian between
the two. For smooth activations that is the *secant*, mean a, mean σ, and σ' replaced by
Δσ/Δz: second order. (If the prediction were the end itself, f(θ₁) − f(θ₀) = J̄(θ₁ − θ₀)
would hold exactly, a discrete gradient: Gonzalez 1996, J. Nonlinear Sci. 6, Sec. 2.)

An activation with a kink at 0 (ReLU) is followed through it instead, unit by unit and
sample by sample. Within a step z moves at a constant speed on either side of the kink,
and the two speeds differ by the unit's own push on that sample. Where they point
towards each other the unit slides along the kink, as condensed units do, and σ' is then
the mixture of the two slopes for which z stands still (Filippov 1988, Differential
Equations with Discontinuous Righthand Sides, Sec. 4); otherwise it crosses, and each
side counts for the time spent on it. Units that slide thus neither flip with the full
push at every step, which holds the midpoint rule at first order, nor stand off the kink
by a step's length.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from condensery.engine._flow_member import Constants, Member
from condensery.engine._function_space import (
    Move,
    h_phi1,
    mean_secant,
    mean_through_kink,
    shortening,
    step_length,
    verdict,
)
from condensery.models import Activation
from condensery.records import Status

_GRAM_MOVE = 0.2
_JACOBIAN = jnp.float32
"""Precision of the Jacobian within a step.

The residual is formed anew at every step, and parameters are kept, in float64; what the
Jacobian's rounding does to a step, 1e-7 of it, is far below what eta does, and half the
memory traffic is most of a step's time.
"""
_UNROLLED = 8


class _Factors(NamedTuple):
    """What a Jacobian is made of: S and σ' (or its secant), both (sample, unit), and
    the output weights.
    """

    s: Float[Array, "sample unit"]
    slope: Float[Array, "sample unit"]
    a: Float[Array, " unit"]


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


def _at(act: Activation, X: Array, a: Array, w: Array) -> _Factors:
    z = _preactivations(X, w)
    return _Factors(act.sigma(z), act.sigma_prime(z), a)


def _secant(
    act: Activation, X: Array, start: tuple[Array, Array], end: tuple[Array, Array]
) -> _Factors:
    """The factors of the secant Jacobian between two points."""
    means = mean_secant(act, _preactivations(X, start[1]), _preactivations(X, end[1]))
    return _Factors(*means, 0.5 * (start[0] + end[0]))


def _through_kink(
    act: Activation,
    slopes: tuple[float, float],
    X: Array,
    start: tuple[Array, Array],
    end: tuple[Array, Array],
    push: Float[Array, " sample"],
) -> _Factors:
    """The factors of the mean Jacobian along the way to a predicted end, for an
    activation with a kink at 0.

    Args:
        act: The activation.
        slopes: σ' below and above 0.
        X: Samples.
        start: a and W at the start of the step.
        end: The same at the end, predicted with σ' at the start.
        push: Change of z that a unit of a = 1 and σ' = 1 works on each sample by
            itself.
    """
    z0, z1 = _preactivations(X, start[1]), _preactivations(X, end[1])
    means = mean_through_kink(
        act,
        slopes,
        z0,
        z1,
        push[:, None] * start[0],
    )
    return _Factors(*means, 0.5 * (start[0] + end[0]))


def _squares(X: Float[Array, "sample feature"], f: _Factors) -> tuple[Array, Array]:
    """S Sᵀ and (B Bᵀ)∘X Xᵀ of single-precision factors (see `_JACOBIAN`)."""
    b = f.a * f.slope
    return (f.s @ f.s.T).astype(X.dtype), (b @ b.T).astype(X.dtype) * (X @ X.T)


def _standing(
    act: Activation, X: Array, y: Array, c: Constants, a: Array, w: Array
) -> tuple[Array, Array, Array]:
    """The residual, in full precision, and the squares at a point."""
    e = c.kappa * (act.sigma(_preactivations(X, w)) @ a) - y
    return e, *_squares(
        X,
        _at(
            act,
            X.astype(_JACOBIAN),
            a.astype(_JACOBIAN),
            w.astype(_JACOBIAN),
        ),
    )


def _moved(
    X: Array, start: Member, f: _Factors, u: Array, c: Constants
) -> tuple[Array, Array]:
    """The parameters at the start minus (1/n) D Jᵀ u, with the Jacobian of the
    factors.
    """
    n, d = X.shape
    X, u = X.astype(f.s.dtype), u.astype(f.s.dtype)
    if n <= _UNROLLED and d <= _UNROLLED:
        step_a = jnp.asarray(sum(u[i] * f.s[i] for i in range(n)))
        step_w = f.a * jnp.stack(
            [sum((u[i] * X[i, j]) * f.slope[i] for i in range(n)) for j in range(d)]
        )
    else:
        step_a, step_w = u @ f.s, f.a * (X.T @ (u[:, None] * f.slope))
    scale_a, scale_w = _scales(c, n)
    kept = start.a.dtype
    return start.a - scale_a * step_a.astype(kept), start.w - scale_w * step_w.astype(
        kept
    )


def _eigen(
    moved_a: Array, moved_w: Array, c: Constants
) -> tuple[Float[Array, " sample"], Float[Array, "sample sample"]]:
    n = moved_a.shape[0]
    G = c.kappa**2 / n * (moved_a / c.kappa_prime + c.kappa_prime * moved_w)
    rates, Q = jnp.linalg.eigh(G, symmetrize_input=False)
    return jnp.maximum(rates, 0.0), Q


def _step_length(
    member: Member, c: Constants, rates: Array, Q: Array
) -> tuple[Array, Array]:
    """The length of the step as far as a and W allow it (see `step_length`), and their
    limits.
    """
    parts = ((member.moved_a, member.a, c.a0), (member.moved_w, member.w, c.w0))
    moves = tuple(
        Move(
            scale,
            form,
            jnp.sum(now**2),
            jnp.sum((now - initial) ** 2),
        )
        for scale, (form, now, initial) in zip(
            _scales(c, member.e.shape[0]), parts, strict=True
        )
    )
    h, limits = step_length(
        Q.T @ member.e,
        rates,
        Q,
        moves,
        eta=c.eta,
        target=c.target,
    )
    return jnp.minimum(h, c.max_time - member.time), limits


def _scales(c: Constants, n: int) -> tuple[Array, Array]:
    """How far a unit u moves a and W, before the Jacobian."""
    return c.kappa / (n * c.kappa_prime), c.kappa * c.kappa_prime / n


def _verdict(
    loss: Array, time: Array, steps: Array, c: Constants, max_steps: Array
) -> Int[Array, ""]:
    return verdict(
        loss, time, steps, target=c.target, max_time=c.max_time, max_steps=max_steps
    )


def _exponential_step(
    act: Activation, X: Array, y: Array, c: Constants, max_steps: Array, start: Member
) -> Member:
    rates, Q = _eigen(start.moved_a, start.moved_w, c)
    h, limits = _step_length(start, c, rates, Q)
    low = X.astype(_JACOBIAN)
    here = start.a.astype(_JACOBIAN), start.w.astype(_JACOBIAN)
    u = Q @ (h_phi1(h, rates) * (Q.T @ start.e))
    a, w = _moved(
        X,
        start,
        _at(act, low, *here),
        u,
        c,
    )
    there = a.astype(_JACOBIAN), w.astype(_JACOBIAN)
    if act.slopes is None:
        mean = _secant(act, low, here, there)
    else:
        push = -_scales(c, len(y))[1] * u * jnp.sum(X**2, axis=1)
        mean = _through_kink(act, act.slopes, low, here, there, push.astype(_JACOBIAN))
    # Without the barrier the factors would be worked out twice, for the squares and for
    # the move.
    mean = _Factors(*lax.optimization_barrier(tuple(mean)))
    forms = _squares(X, mean)
    rates, Q = _eigen(*forms, c)
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
    """Explicit Euler with h = eta·min(1/λ_max(G), 0.2/(κ‖Xᵀe/n‖)): the plain reference
    of the exponential step.
    """
    rates, _ = _eigen(start.moved_a, start.moved_w, c)
    h = c.eta * jnp.minimum(
        1.0 / rates[-1],
        _GRAM_MOVE / (c.kappa * jnp.linalg.norm(X.T @ start.e / X.shape[0])),
    )
    h = jnp.minimum(h, c.max_time - start.time)
    end = _moved(
        X,
        start,
        _at(act, X, start.a, start.w),
        h * start.e,
        c,
    )
    return _advanced(act, X, y, c, max_steps, start, end, h)


def _advanced(
    act: Activation,
    X: Array,
    y: Array,
    c: Constants,
    max_steps: Array,
    start: Member,
    end: tuple[Array, Array],
    h: Array,
) -> Member:
    e, moved_a, moved_w = _standing(act, X, y, c, *end)
    loss, time, steps = jnp.mean(e**2), start.time + h, start.steps + 1
    status = _verdict(loss, time, steps, c, max_steps).astype(start.status.dtype)
    return Member(*end, e, moved_a, moved_w, time, steps, status, loss)


_STEPS = {
    "exponential": _exponential_step,
    "gram": _gram_step,
}
METHODS = tuple(_STEPS)


def unstarted(a: Array, w: Array, samples: int) -> Member:
    """A bucket before its first `advance`, which fills in what depends on the
    parameters.
    """
    members, dtype = len(a), a.dtype
    square = jnp.zeros((members, samples, samples), dtype)
    # Every dtype is named: a weakly typed array would have `advance` compiled once more
    # for its own results.
    return Member(
        a,
        w,
        jnp.zeros((members, samples), dtype),
        square,
        square,
        jnp.zeros(members, dtype),
        jnp.full(members, -1, jnp.int64),
        jnp.full(members, int(Status.RUNNING), jnp.int64),
        jnp.full(members, jnp.inf, dtype),
    )


def _started(
    act: Activation, X: Array, y: Array, c: Constants, max_steps: Array, member: Member
) -> Member:
    e, moved_a, moved_w = _standing(act, X, y, c, member.a, member.w)
    loss, steps = jnp.mean(e**2), jnp.zeros_like(member.steps)
    status = _verdict(loss, member.time, steps, c, max_steps).astype(
        member.status.dtype
    )
    return Member(
        member.a, member.w, e, moved_a, moved_w, member.time, steps, status, loss
    )


@partial(jax.jit, static_argnames=("act", "method"))
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
    """Every member of a bucket advanced to `until` steps, or to where it stops.

    Members run one after the other inside the compiled loop, each for as many steps as
    it needs: nothing is computed for a member that has stopped, and a member's bits do
    not depend on its companions.
    """
    step = partial(_STEPS[method], act, X, y)

    def one(args: tuple[Member, Constants]) -> Member:
        member, c = args
        # Starting here, and not in a program of its own, saves compiling one.
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

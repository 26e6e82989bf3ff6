"""One step of a gradient flow, repeated per member until that member stops: what the
flows of two and of three layers share.

A step solves the residual's stiff part exactly, e(h) = exp(−hG) e and Δθ = −(1/n) D Jᵀ
u with u = h φ₁(hG) e, by one n×n eigendecomposition; h is limited only by how far the
features move (exponential integrators: Hochbruck and Ostermann 2010, Acta Numerica 19,
Sec. 2; here the neural tangent Gram matrix is the linear part). It predicts its end
with J at its start, and corrects with a mean Jacobian between the two.

A gradient flow lowers its loss and advances its time. A step that does not, beyond
rounding, is not taken: the member stays, and tries half the length next. A member whose
gradient has sunk into the noise floor of its Gram matrix, and whose loss falls no
further, is at rest.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from condensery.engine._flow_correction import Correction, Step, gram_matrix
from condensery.engine._flow_network import Limited, Member, Network
from condensery.engine._function_space import (
    EPS,
    Move,
    Spectrum,
    shortening,
    spectrum_of,
    step_length,
)
from condensery.records import Status

_SHORTEST = 2.0**-40
"""A member stops when a step of this length, in units of 1/λ_max(G), still raises its
loss.
"""
_GROWTH = 1.25
"""After a step that had to be taken again, lengths grow by at most this factor."""
_FREE = 16.0
"""Where steps are shorter than the limit by this factor, the limit goes."""
_FALL = 1e-9
"""A loss that falls by less than this part of itself in a step does not fall."""
_IDLE = 100
"""Steps in succession in which the loss of a member at rest has not fallen, though it
could only take short ones.

This is for kinks alone: the gradient of units on a sample's kink jumps from side to
side, and what is computed of it stays above the noise floor of smooth ones.
"""
_NEAR = 1e3
"""How far above its noise floor a gradient may be for that."""
_ROUNDING = 8.0 * EPS
"""Rounding of an output, in units of the norms that enter it."""


_UNSETTLED = 0.1
"""A step whose last correction changed more than this part of a move is not settled."""
_FAR = 0.5
"""Nor is one whose end differs by more than this part of a move from the prediction."""
_FAINT = 0.01
"""A move counts as at least this part of what its group was allowed."""
_SHORTENED = 2.0
"""A step that is not settled is tried again at half its length until it is shorter by
this factor; then it is taken and counted as rough.

Where units slide that depend on one another, shorter steps settle no better.
"""


def _moves(
    network: Network, c: Limited, weights: Any, forms: tuple[Array, ...]
) -> tuple[Move, ...]:
    groups = network.groups(c, weights)
    scales = network.scales(c, forms[0].shape[0])
    return tuple(
        Move(
            scale,
            form,
            jnp.sum(now**2),
            jnp.sum((now - initial) ** 2),
        )
        for scale, form, (now, initial) in zip(
            scales,
            forms,
            groups,
            strict=True,
        )
    )


def _floors(
    scales: tuple[Array, ...], limits: Array
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    squares = [
        _FAINT**2 * limits[group] / jnp.maximum(scales[group] ** 2, 1e-300)
        for group in (0, -1)
    ]
    return jnp.maximum(squares[0], 1e-300), jnp.maximum(squares[1], 1e-300)


def _exponential_step(
    network: Network, X: Array, y: Array, c: Limited, last: Array, start: Member
) -> Member:
    scales = network.scales(c, len(y))
    here, forms = network.start(X, start.weights, start.seen)
    spectrum = spectrum_of(gram_matrix(c, scales, forms))
    moves = _moves(network, c, start.weights, forms)
    free, limits = step_length(
        spectrum,
        start.e,
        moves,
        eta=c.eta,
        target=c.target,
    )
    h = jnp.minimum(jnp.minimum(free, start.reach), c.max_time - start.time)
    step = Step(network, X, c, start, h, _floors(scales, limits))
    predicted = spectrum.drive(h, start.e)
    at = Correction(
        jnp.asarray(0),
        predicted,
        predicted,
        predicted,
        here,
        forms,
        spectrum,
        jnp.zeros_like(h),
    )
    if network.follows:
        begun = network.pulls(X, here, predicted)
        end_of = step.followed(at, begun)
        total = step.changed(begun, end_of.pulled)
        settled = (end_of.change <= _UNSETTLED) & (total <= _FAR)
    else:
        careful = jnp.isfinite(start.reach) & network.kinked
        end_of = lax.while_loop(
            partial(Correction.goes_on, careful=careful),
            lambda at: step.again(at, here),
            at,
        )
        end_of = end_of._replace(u=end_of.image)
        settled = jnp.ones((), bool)
    scaled = tuple(zip(scales, end_of.forms, strict=True))
    part = shortening(scaled, end_of.u, limits)
    tried = _Tried(
        network.moved(X, c, start.weights, end_of.mean, part * end_of.u),
        part * h,
        end_of.spectrum,
        end_of.mean,
        settled,
        h * _SHORTENED < free,
    )
    return _landed(network, X, y, c, last, start, tried)


def _gram_step(
    network: Network, X: Array, y: Array, c: Limited, last: Array, start: Member
) -> Member:
    """Explicit Euler, the plain reference of the exponential step: h = eta times the
    smaller of 1/λ_max(G) and the network's own longest step.

    It steps over kinks: a unit that should slide along one chatters about it, and there
    the loss may rise. Steps short enough to prevent that would stop it.
    """
    here, forms = network.start(X, start.weights, start.seen)
    spectrum = spectrum_of(gram_matrix(c, network.scales(c, len(y)), forms))
    longest = network.explicit(X, c, start, forms)
    h = c.eta * jnp.minimum(1.0 / spectrum.rates[-1], longest)
    h = jnp.minimum(jnp.minimum(h, start.reach), c.max_time - start.time)
    end = network.moved(
        X,
        c,
        start.weights,
        here,
        h * start.e,
    )
    sure = jnp.ones((), bool)
    tried = _Tried(end, h, spectrum, None, sure, sure)
    return _landed(network, X, y, c, last, start, tried, plain=True)


class _Tried(NamedTuple):
    """A step as it was worked out.

    Attributes:
        end: The parameters at its end.
        h: Length.
        spectrum: Of the mean Gram matrix.
        mean: The factors of the mean Jacobian.
        settled: Whether its corrections had settled.
        short: Whether it may be taken all the same, being short.
    """

    end: Any
    h: Array
    spectrum: Spectrum
    mean: Any
    settled: Array
    short: Array


def _landed(
    network: Network,
    X: Array,
    y: Array,
    c: Limited,
    last: Array,
    start: Member,
    tried: _Tried,
    *,
    plain: bool = False,
) -> Member:
    """The member at the end of a step, or still at its start if that is no step of a
    flow.
    """
    h, spectrum = tried.h, tried.spectrum
    look = network.look(X, c, tried.end, tried.mean)
    e = look.output - y
    loss, time, steps = jnp.mean(e**2), start.time + h, start.steps + 1
    gradient, noise = spectrum.pull(start.e)
    falls = loss < (1.0 - _FALL) * start.loss
    near = gradient <= _NEAR * noise
    kept_short = jnp.isfinite(start.reach) & near & network.kinked
    idle = jnp.where(~falls & kept_short, start.idle + 1, 0)
    rests = ~falls & ((gradient <= noise) | (idle >= _IDLE))
    lowers = _lowers(start.loss, loss, e, look.size)
    finite = jnp.isfinite(loss)
    flows = finite if plain and network.kinked else lowers
    taken = flows & (time > start.time) & ~rests & (tried.settled | tried.short)
    reach = _reach(start.reach, h, taken)
    rough = start.rough + (~tried.settled).astype(jnp.int64)
    there = Member(
        tried.end,
        look.seen,
        e,
        time,
        steps,
        start.status,
        loss,
        gradient,
        noise,
        reach,
        idle,
        rough,
    )
    stays = start._replace(
        steps=steps, gradient=gradient, noise=noise, reach=reach, idle=idle
    )
    member = jax.tree.map(partial(jnp.where, taken), there, stays)
    status = _status(member, c, last)
    status = jnp.where(rests, int(Status.AT_REST), status)
    hopeless = ~finite if plain else h * spectrum.rates[-1] < _SHORTEST
    lost = ~taken & ~rests & hopeless
    return member._replace(
        status=jnp.where(lost, int(Status.DIVERGED), status).astype(start.status.dtype),
        loss=jnp.where(lost, loss, member.loss),
    )


def _reach(reach: Array, h: Array, taken: Array) -> Float[Array, ""]:
    """Longest next step: half of one that was not taken; after one that was, somewhat
    longer than before, and no limit once steps have long been shorter.
    """
    longer = _GROWTH * reach
    free = longer > _FREE * h
    return jnp.where(taken, jnp.where(free, jnp.inf, longer), 0.5 * h)


def _lowers(before: Array, loss: Array, e: Array, size: Array) -> Bool[Array, ""]:
    """Whether a loss has not risen beyond rounding (false where it is not finite)."""
    slack = 2.0 * _ROUNDING * jnp.mean(jnp.abs(e) * size)
    return loss <= before + slack


def _status(member: Member, c: Limited, last: Array) -> Int[Array, ""]:
    """The status that loss, time and steps give a member."""
    status = jnp.where(
        member.steps >= last, int(Status.OUT_OF_STEPS), int(Status.RUNNING)
    )
    status = jnp.where(member.time >= c.max_time, int(Status.OUT_OF_TIME), status)
    status = jnp.where(member.loss < c.target, int(Status.CONVERGED), status)
    status = jnp.where(jnp.isfinite(member.loss), status, int(Status.DIVERGED))
    return status.astype(member.status.dtype)


_STEPS = {
    "exponential": _exponential_step,
    "gram": _gram_step,
}
METHODS = tuple(_STEPS)


def unstarted(weights: Any, seen: Any, *, samples: int) -> Member:
    """A bucket before its first `advance`, which fills in what depends on the
    parameters.
    """
    leaf = jax.tree.leaves(weights)[0]
    members, dtype = len(leaf), leaf.dtype
    # Every dtype is named: a weakly typed array would have `advance` compiled once more
    # for its own results.
    return Member(
        weights,
        seen,
        jnp.zeros((members, samples), dtype),
        jnp.zeros(members, dtype),
        jnp.full(members, -1, jnp.int64),
        jnp.full(members, int(Status.RUNNING), jnp.int64),
        jnp.full(members, jnp.inf, dtype),
        jnp.zeros(members, dtype),
        jnp.zeros(members, dtype),
        jnp.full(members, jnp.inf, dtype),
        jnp.zeros(members, jnp.int64),
        jnp.zeros(members, jnp.int64),
    )


def _started(
    network: Network, X: Array, y: Array, c: Limited, last: Array, member: Member
) -> Member:
    look = network.look(X, c, member.weights)
    e = look.output - y
    begun = member._replace(
        seen=look.seen, e=e, steps=jnp.zeros_like(member.steps), loss=jnp.mean(e**2)
    )
    return begun._replace(status=_status(begun, c, last))


def advance(
    network: Network,
    method: str,
    X: Array,
    y: Array,
    bucket: Member,
    c: Any,
    until: Array,
    last: Array,
) -> Member:
    """Every member of a bucket advanced to `until` steps, or to where it stops.

    Members run one after the other inside the compiled loop, each for as many steps as
    it needs: nothing is computed for a member that has stopped, and a member's bits do
    not depend on its companions.
    """
    step = partial(_STEPS[method], network, X, y)

    def to_end(args: tuple[Member, Any]) -> Member:
        member, c = args
        # Starting here, and not in a program of its own, saves compiling one.
        member = lax.cond(
            member.steps < 0,
            partial(_started, network, X, y, c, last),
            lambda same: same,
            member,
        )
        return lax.while_loop(
            lambda s: (s.status == int(Status.RUNNING)) & (s.steps < until),
            partial(step, c, last),
            member,
        )

    return lax.map(to_end, (bucket, c))

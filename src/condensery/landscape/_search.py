"""The compiled loops that look for critical points: many starts side by side, in
float64.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from condensery.landscape._derivatives import net_of
from condensery.landscape._network import Shapes
from condensery.models import mlp

CUTOFF = 1e-12
"""Eigenvalues below this share of the largest are not divided by: the pseudo-inverse's
rcond.
"""

STALLED = 12
"""Refused steps in a row after which a search has come as far as it can."""


class Search(NamedTuple):
    """One start, or with a leading axis many."""

    theta: Array
    damping: Array
    merit: Array
    refused: Array


class Net(NamedTuple):
    """The static part of a problem."""

    shapes: Shapes
    activation: str


def _residuals(theta: Array, net: Net, x: Array, y: Array, factor: Array) -> Array:
    error = (
        mlp(
            net_of(theta, net.shapes),
            x,
            net.activation,
        )
        - y
    )
    return jnp.sqrt(factor / y.size) * error.ravel()


def _loss(theta: Array, net: Net, x: Array, y: Array, factor: Array) -> Array:
    return jnp.sum(jnp.square(_residuals(theta, net, x, y, factor)))


@partial(jax.jit, static_argnames=("net",))
def begin_descent(thetas: Array, net: Net, x: Array, y: Array, factor: Array) -> Search:
    """The state before the first step of `levenberg_marquardt`."""
    losses = jax.vmap(lambda theta: _loss(theta, net, x, y, factor))(thetas)
    return Search(
        thetas,
        jnp.full(losses.shape, 1e-2),
        losses,
        jnp.zeros(losses.shape, dtype=jnp.int32),
    )


@partial(jax.jit, static_argnames=("net", "steps"))
def levenberg_marquardt(
    search: Search, net: Net, x: Array, y: Array, factor: Array, *, steps: int
) -> Search:
    """Steps d = −(JᵀJ + μ diag)⁻¹Jᵀr on the residuals r of every start; a step that
    does not lower the loss is refused.

    The damping is Marquardt's: relative to the diagonal of JᵀJ, with a floor so that a
    saturated unit moves at all.
    """

    def advance(state: Search) -> Search:
        r = _residuals(state.theta, net, x, y, factor)
        J = jax.jacfwd(_residuals)(state.theta, net, x, y, factor)
        A = J.T @ J
        scale = jnp.diag(A) + 1e-6 * jnp.max(jnp.diag(A)) + 1e-300
        step = -jnp.linalg.solve(A + state.damping * jnp.diag(scale), J.T @ r)
        moved = state.theta + step
        merit = _loss(moved, net, x, y, factor)
        return _accept(
            state,
            moved,
            merit,
            merit < state.merit,
            easier=0.3,
            harder=4.0,
        )

    return _repeat(jax.vmap(advance), search, steps)


@partial(jax.jit, static_argnames=("net",))
def begin_gradient(
    thetas: Array, net: Net, x: Array, y: Array, factor: Array
) -> Search:
    """The state before the first step of `flatten_gradient`."""
    slope = jax.grad(lambda theta: _loss(theta, net, x, y, factor))
    norms = jnp.linalg.norm(jax.vmap(slope)(thetas), axis=-1)
    return Search(
        thetas,
        jnp.full(norms.shape, 1e-2),
        norms,
        jnp.zeros(norms.shape, dtype=jnp.int32),
    )


@partial(jax.jit, static_argnames=("net", "steps"))
def flatten_gradient(
    search: Search, net: Net, x: Array, y: Array, factor: Array, *, steps: int
) -> Search:
    """Steps d = −(H² + μ²λ²)⁻¹H g, λ the largest |eigenvalue|, that must lower ‖g‖₂.

    They minimise ½‖g‖², whatever the signs of H, so that saddles are found as well as
    minima; as μ falls they become the pseudo-inverse Newton step −H⁺g.
    """

    def advance(state: Search) -> Search:
        slope = jax.grad(lambda theta: _loss(theta, net, x, y, factor))
        g = slope(state.theta)
        H = jax.jacfwd(slope)(state.theta)
        values, vectors = jnp.linalg.eigh((H + H.T) / 2)
        largest = jnp.max(jnp.abs(values)) + 1e-300
        damped = values / (jnp.square(values) + jnp.square(state.damping * largest))
        step = -vectors @ (
            jnp.where(jnp.abs(values) > CUTOFF * largest, damped, 0.0) * (vectors.T @ g)
        )
        moved = state.theta + step
        merit = jnp.linalg.norm(slope(moved))
        return _accept(
            state,
            moved,
            merit,
            merit < state.merit,
            easier=0.1,
            harder=5.0,
        )

    return _repeat(jax.vmap(advance), search, steps)


def _accept(
    state: Search,
    moved: Array,
    merit: Array,
    better: Array,
    *,
    easier: float,
    harder: float,
) -> Search:
    # a search that stalled stays where it is: its state is what it was at the end
    going = state.refused < STALLED
    take = better & going
    return Search(
        theta=jnp.where(take, moved, state.theta),
        damping=jnp.where(
            going,
            jnp.clip(
                state.damping * jnp.where(take, easier, harder),
                1e-14,
                1e8,
            ),
            state.damping,
        ),
        merit=jnp.where(take, merit, state.merit),
        refused=jnp.where(
            going,
            jnp.where(
                take,
                0,
                state.refused + 1,
            ),
            state.refused,
        ).astype(state.refused.dtype),
    )


def _repeat(advance, search: Search, steps: int) -> Search:
    def going(carry: tuple[Array, Search]) -> Array:
        return (carry[0] < steps) & jnp.any(carry[1].refused < STALLED)

    def body(carry: tuple[Array, Search]) -> tuple[Array, Search]:
        return carry[0] + 1, advance(carry[1])

    return lax.while_loop(going, body, (jnp.array(0), search))[1]


@partial(jax.jit, static_argnames=("net",))
def measure(
    thetas: Array, net: Net, x: Array, y: Array, factor: Array
) -> tuple[Array, Array, Array, Array]:
    """Loss, ‖g‖₁, ‖Hg‖₂/(‖H‖₂‖g‖₂), and the length of the Newton step −H⁺g, of every
    start.
    """

    def polish(theta: Array) -> tuple[Array, Array, Array, Array]:
        value, g = jax.value_and_grad(lambda at: _loss(at, net, x, y, factor))(theta)
        H = jax.hessian(lambda at: _loss(at, net, x, y, factor))(theta)
        values, vectors = jnp.linalg.eigh((H + H.T) / 2)
        inside = vectors.T @ g
        largest = jnp.max(jnp.abs(values)) + 1e-300
        flat = jnp.linalg.norm(values * inside) / (
            largest * jnp.linalg.norm(g) + 1e-300
        )
        counted = jnp.abs(values) > CUTOFF * largest
        newton = jnp.linalg.norm(
            jnp.where(
                counted,
                inside / jnp.where(counted, values, 1.0),
                0.0,
            )
        )
        return value, jnp.sum(jnp.abs(g)), flat, newton

    return jax.vmap(polish)(thetas)

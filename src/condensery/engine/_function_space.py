"""The space of outputs, in which a flow of few samples is stiff: what a frozen Jacobian
does there, to the precision of float64, and how far a step may go.

While the Jacobian J is frozen, the residual obeys e' = −G e with G = J D Jᵀ/n (D:
mobilities). A flow hands over, for each group of parameters, the quadratic form that
gives the squared length of the move which a u works on it; nothing here knows a model.

G has no negative eigenvalue, but the computed one has: each entry is a sum over units,
right to a few ε of the largest eigenvalue. Eigenvalues below that *noise floor* say
nothing, not even their sign, and J moves the outputs along their eigenvectors by less
than rounding. So these directions do not move: a step of the length at which the least
resolved mode relaxes, taken along an unresolved one, would move the parameters by
rounding errors as large as the training itself.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

EPS = float(np.finfo(np.float64).eps)
_CANDIDATES = np.logspace(-8.0, 16.0, 128)
"""Step lengths that are weighed against one another, in units of the shortest time
scale 1/λ_max(G): up to the longest that the noise floor leaves.
"""
_FLOOR = 8.0 * EPS
"""The noise floor of a Gram matrix of n samples is n times this part of λ_max."""
_LANDING = 0.8
"""Fraction of the target loss below which no step may aim (so that members stop just
below the target).
"""
_LOSS_FACTOR = 0.5
"""No step may aim at less than this fraction of what can still fall of the loss: slow
modes of the residual are then resolved, and a flow comes to rest when its modes have
relaxed, not an age later.
"""


class Move(NamedTuple):
    """What limits the move of one group of parameters.

    Attributes:
        scale: A u moves the group by scale·√(uᵀ form u).
        form: The quadratic form.
        square: Squared norm of the group.
        gone_square: Squared distance of the group from its initial value.
    """

    scale: Float[Array, ""]
    form: Float[Array, "sample sample"]
    square: Float[Array, ""]
    gone_square: Float[Array, ""]


class Spectrum(NamedTuple):
    """A Gram matrix G by its modes.

    Attributes:
        rates: Eigenvalues, ascending; zero where not resolved.
        Q: Eigenvectors, as columns.
        resolved: Which eigenvalues lie above the noise floor.
        floor: The noise floor.
    """

    rates: Float[Array, " sample"]
    Q: Float[Array, "sample sample"]
    resolved: Bool[Array, " sample"]
    floor: Float[Array, ""]

    def amplitudes(self, e: Float[Array, " sample"]) -> Float[Array, " sample"]:
        """Qᵀ e where resolved, 0 elsewhere."""
        return jnp.where(
            self.resolved,
            self.Q.T @ e,
            0.0,
        )

    def drive(
        self, h: Float[Array, ""], e: Float[Array, " sample"]
    ) -> Float[Array, " sample"]:
        """The u = h φ₁(hG) e that moves the parameters in a step of length h."""
        return self.Q @ (h_phi1(h, self.rates) * self.amplitudes(e))

    def pull(self, e: Float[Array, " sample"]) -> tuple[Array, Array]:
        """Norm of the gradient of ½ mean e², and the noise floor of it.

        In the metric of the mobilities ‖D^½ ∇‖² = eᵀ G e/n, the rate at which the flow
        lowers ½ mean e². What G does not resolve of it is at most floor·‖e‖²/n.
        """
        samples = e.shape[0]
        square = jnp.sum(self.rates * self.amplitudes(e) ** 2)
        noise = self.floor * jnp.sum(e**2)
        return jnp.sqrt(square / samples), jnp.sqrt(noise / samples)


def spectrum_of(G: Float[Array, "sample sample"]) -> Spectrum:
    """The modes of a Gram matrix, and which of them it resolves."""
    rates, Q = jnp.linalg.eigh(
        G,
        symmetrize_input=False,
    )
    floor = _FLOOR * G.shape[0] * jnp.maximum(rates[-1], 0.0)
    resolved = rates > floor
    return Spectrum(
        jnp.where(resolved, rates, 0.0),
        Q,
        resolved,
        floor,
    )


def h_phi1(h: Array, rate: Array) -> Array:
    """The value h φ₁(h·rate) = (1 − e^(−h·rate))/rate, and h where the rate is too
    small to matter.
    """
    z = h * rate
    return jnp.where(
        z > 1e-12,
        -jnp.expm1(-z) / jnp.where(rate > 0, rate, 1.0),
        h,
    )


def step_length(
    spectrum: Spectrum,
    e: Float[Array, " sample"],
    moves: tuple[Move, ...],
    *,
    eta: Array,
    target: Array,
) -> tuple[Float[Array, ""], Float[Array, " group"]]:
    """The largest h that moves no group too far and leaves the frozen model's loss
    above the landing zone.

    A move is too far when it exceeds eta times the group's norm, or eta times the way
    it has gone from its initial value together with the way the frozen model predicts
    until the target: the first resolves the growth of condensing features, the second
    the small moves of lazy ones.

    Args:
        spectrum: Of the Gram matrix at the start of the step.
        e: The residual there.
        moves: One entry per group of parameters.
        eta: The step parameter.
        target: The loss at which the member will stop.

    Returns:
        h, and the squared length that each group's move was allowed.
    """
    shortest = jnp.maximum(spectrum.rates[-1], 1e-300)
    h = jnp.asarray(_CANDIDATES, e.dtype) / shortest
    modes = spectrum.Q.T @ e
    moving = jnp.where(spectrum.resolved, modes, 0.0)
    v = h_phi1(h[:, None], spectrum.rates) * moving
    loss = jnp.mean(
        (modes - spectrum.rates * v) ** 2,
        axis=1,
    )
    last = jnp.maximum(jnp.sum(loss >= _LANDING * target) - 1, 0)
    unresolved = jnp.mean((modes - moving) ** 2)
    falling = unresolved + _LOSS_FACTOR * jnp.mean(moving**2)
    floor = jnp.maximum(_LANDING * target, falling)
    excess = floor / jnp.maximum(loss, 1e-300)
    limits = []
    for move in moves:
        form = spectrum.Q.T @ move.form @ spectrum.Q
        way = move.scale**2 * jnp.maximum(
            jnp.sum(
                (v @ form) * v,
                axis=1,
            ),
            0.0,
        )
        gone = jnp.sqrt(move.gone_square) + jnp.sqrt(way[last])
        limits.append(jnp.maximum(eta**2 * jnp.minimum(move.square, gone**2), 1e-300))
        excess = jnp.maximum(excess, way / limits[-1])
    # Each ratio grows with h and must stay below 1. Between candidates the chord lies
    # above it, so h errs short.
    k = jnp.clip(
        jnp.sum(excess <= 1.0) - 1,
        0,
        len(_CANDIDATES) - 2,
    )
    part = jnp.clip(
        (1.0 - excess[k]) / (excess[k + 1] - excess[k]),
        0.0,
        1.0,
    )
    return h[k] + part * (h[k + 1] - h[k]), jnp.stack(limits)


def shortening(
    scaled: tuple[tuple[Array, Array], ...], u: Array, limits: Array
) -> Float[Array, ""]:
    """Factor, at most 1, on a corrected move that is more than twice as long as the
    prediction was allowed to be.

    h was chosen with the Jacobian at the start. Where a unit leaves a sample within the
    step, a mode of G can all but vanish from the mean Jacobian, and h φ₁ of it is then
    h itself, however long.

    Args:
        scaled: (scale, form) of each group, with the mean Jacobian.
        u: What moves the parameters.
        limits: From `step_length`.
    """
    ways = [scale**2 * (u @ form @ u) for scale, form in scaled]
    return jnp.minimum(
        1.0, 2.0 * jnp.sqrt(jnp.min(limits / jnp.maximum(jnp.stack(ways), 1e-300)))
    )

"""Units of an activation with kinks, followed through one step from event to event.

Within a step the residual is taken to pull at a constant rate. Between two events the
preactivations z of a unit on all samples move at constant speeds,

    z' = K (push∘φ),

φ the slopes σ' of the pieces on which they are: `push` is what each sample works on the
unit per slope, K the products of the samples. An event is that z meets a kink. Where
the speeds on either side of it point towards each other the unit *slides*: φ is then
the mixture of the two slopes for which z stands still (Filippov 1988, Differential
Equations with Discontinuous Righthand Sides, Sec. 4). Otherwise it crosses. Every event
of a sample changes the speeds of the unit on all others, which is why no closed form
does: of two samples that lie close together a unit often leaves one and is then held at
the other.

Only units that meet several kinks in a step are walked so. Those that meet one, or are
held on one throughout, have a closed form, and all others move on a straight line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from condensery.engine._flow_pieces import NOT_HELD, Along, Pieces, Pull, Rows
from condensery.engine._unit_walk import walked
from condensery.models import Activation

_PORTION, _PORTIONS = 128, 64
"""Units that meet a kink are taken in portions of so many, or of this part of all."""
_FEW = 64
"""Units that are followed together from event to event."""
_AWAY = 1e30
"""A preactivation that meets no kink."""
_NEAR = 1e-3
"""How far off its kink a unit that slid along it may be at the end of a step and still
count as on it: what the step did not follow moves it a little.
"""


def mean_along(
    act: Activation,
    z0: Rows,
    push: Rows,
    X: Float[Array, "sample feature"],
) -> Along:
    """Mean σ and mean σ' of units on their way through a step.

    Equal samples meet a kink together, so only the first of them is followed, with what
    all of them work.

    Args:
        act: An activation that is linear between its kinks.
        z0: Preactivations at the start.
        push: What a sample works on a unit in the step, per σ'.
        X: Samples; by their products a push moves all preactivations.
    """
    equal = jnp.all(X[:, None] == X[None], axis=2)
    first = jnp.argmax(equal, axis=1)
    leads = first == jnp.arange(len(X))
    together = (equal & leads[:, None]).astype(push.dtype) @ push
    apart = jnp.where(
        leads[:, None],
        z0,
        _AWAY,
    )
    along = _mean_along(
        act,
        apart,
        Pull(together, X @ X.T),
    )
    return Along(*(rows[first] for rows in along))


def _mean_along(act: Activation, z0: Rows, pull: Pull) -> Along:
    """The same for samples that differ."""
    pieces = Pieces(act, act.kinks, act.slopes or ())
    piece = pieces.of(z0)
    slope = pieces.slope(piece)
    z1 = z0 + pull.speed(slope)
    value = 0.5 * (act.sigma(z0) + act.sigma(z1))
    meets = jnp.any(pieces.of(z1) != piece, axis=0)
    straight = Along(value, slope, jnp.full_like(z0, NOT_HELD))

    def bent(pull: Pull, z0: Rows) -> Along:
        closed, many = _met_once(pieces, pull, z0)
        walk = partial(walked, pieces)
        return _replaced(closed, many, walk, pull, z0, _FEW)

    most = max(_PORTION, z0.shape[1] // _PORTIONS)
    return _replaced(straight, meets, bent, pull, z0, most)


def _replaced(
    along: Along,
    units: Bool[Array, " unit"],
    better: Callable[[Pull, Rows], Along],
    pull: Pull,
    z0: Rows,
    size: int,
) -> Along:
    """What units did, some of them worked out better, so many at a time."""
    count = len(units)

    def gathered(rows: Array, chosen: Array) -> Array:
        return jnp.take(
            rows,
            chosen,
            axis=1,
            mode="fill",
            fill_value=0.0,
        )

    def portion(state: tuple[Array, Along]) -> tuple[Array, Along]:
        left, along = state
        # Far cheaper than `nonzero`, and to compile.
        marks, index = lax.top_k(left.astype(jnp.float32), min(size, count))
        chosen = jnp.where(marks > 0, index, count)
        pulls = pull._replace(push=gathered(pull.push, chosen))
        rows = [
            row.at[:, chosen].set(new, mode="drop")
            for row, new in zip(
                along,
                better(pulls, gathered(z0, chosen)),
                strict=True,
            )
        ]
        return left.at[chosen].set(False, mode="drop"), Along(*rows)

    return lax.while_loop(
        lambda state: jnp.any(state[0]),
        portion,
        (units, along),
    )[1]


def _met_once(
    pieces: Pieces, pull: Pull, z0: Rows
) -> tuple[Along, Bool[Array, " unit"]]:
    """Units that meet one kink at most, in closed form; and which meet more."""
    piece = pieces.of(z0)
    near = pieces.slope(piece)
    speed = pull.speed(near)
    straight = pieces.of(z0 + speed)
    meets = straight != piece
    rises = straight > piece
    end = pieces.upper(
        jnp.where(
            rises,
            piece,
            piece - 1,
        )
    )
    beyond = jnp.where(rises, piece + 1, piece - 1)
    beyond = jnp.where(meets, beyond, piece)
    far = pieces.slope(beyond)
    way = (end - z0) / jnp.where(meets, speed, 1.0)
    until = jnp.where(meets, way, 1.0)
    further = speed + pull.reaction() * (far - near)
    slides = meets & (further * speed <= 0)
    # of the near slope: z stands still
    share = further / jnp.where(slides, further - speed, 1.0)
    mixture = far + jnp.where(slides, share, 0.0) * (near - far)
    slope = until * near + (1.0 - until) * mixture
    event = jnp.min(until, axis=0)
    bend = jnp.where(meets, end, z0 + event * speed)
    last = jnp.where(
        slides,
        end,
        z0 + pull.speed(slope),
    )
    sigma = pieces.act.sigma
    middle = sigma(bend)
    value = event * (sigma(z0) + middle) + (1.0 - event) * (middle + sigma(last))
    strays = ~slides & (pieces.of(last) != beyond)
    many = (jnp.sum(meets, axis=0) > 1) | jnp.any(strays, axis=0)
    held = jnp.where(slides, mixture, NOT_HELD)
    return Along(0.5 * value, slope, held), many


def slopes_at(act: Activation, z: Rows, held: Rows | None) -> Rows:
    """The value σ' at a point, or the mixture where a unit is held on a kink.

    Args:
        act: The activation.
        z: Preactivations.
        held: From the step that ends here; None where there is none.
    """
    slope = act.sigma_prime(z)
    if held is None or act.slopes is None:
        return slope
    close = [jnp.abs(z - kink) < _NEAR for kink in act.kinks]
    on_kink = jnp.any(jnp.stack(close), axis=0)
    return jnp.where(on_kink & (held != NOT_HELD), held, slope)

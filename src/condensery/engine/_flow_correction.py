"""How the end of a step is corrected: the mean Jacobian on the way to a predicted end
gives a better one.

A network that follows its units from kink to kink is corrected until the move stands
still, and moves with the Jacobian of the very way that it takes: a unit that slides
then ends on its kink, where the next step finds it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from condensery.engine._flow_network import Limited, Member, Network
from condensery.engine._function_space import Spectrum, spectrum_of

_CAREFUL = 40
"""Most corrections of a step of a network whose units are not followed, in place of
one, after a step that had to be taken again.
"""
_SETTLED = 1e-8
"""They have settled when u changes by no more than this part of itself: a unit that
slides must end on its kink to this precision.
"""
_MOST = 4
"""Most corrections of a step.

Units that share a kink push one another through the residual. Whether each of them
slides depends on the others.
"""
_LOOSE = 0.02
"""There is one more correction while the last one changed more than this part of the
move of a group of parameters.
"""


def gram_matrix(
    c: Limited, scales: tuple[Array, ...], forms: tuple[Array, ...]
) -> Float[Array, "sample sample"]:
    """The Gram matrix of the scaled forms of all groups."""
    parts = [
        scale * form
        for scale, form in zip(
            scales,
            forms,
            strict=True,
        )
    ]
    return c.kappa * sum(parts[1:], parts[0])


class Correction(NamedTuple):
    """How far the corrections of a step have come: u = T(u), where T goes from a
    predicted end to the u of the mean Jacobian on the way there.

    Attributes:
        count: Corrections made.
        u: What moves the parameters.
        image: T of the u before.
        gap: T(u) − u there.
        mean: Factors of the mean Jacobian on the way that the u before predicts; where
            units are followed, on the way that u predicts.
        forms: Quadratic forms of the last one that was solved with.
        spectrum: Of its Gram matrix.
        change: How much of the move the last correction changed.
        pulled: What u moves the first and the last group by, where units are followed.
        done: Whether there are no more to make there.
    """

    count: Int[Array, ""]
    u: Float[Array, " sample"]
    image: Float[Array, " sample"]
    gap: Float[Array, " sample"]
    mean: Any
    forms: tuple[Array, ...]
    spectrum: Spectrum
    change: Float[Array, ""]
    pulled: tuple[Array, ...] = ()
    done: Bool[Array, ""] | bool = False

    def next(
        self, image: Array, forms: tuple[Array, ...], spectrum: Spectrum
    ) -> Correction:
        """After one more: where the last two would meet if T were linear (Anderson's
        mixing of depth one: Walker and Ni 2011, SIAM J. Numer. Anal. 49, Sec. 2).
        """
        gap = image - self.u
        turn = gap - self.gap
        along = jnp.sum(gap * turn) / jnp.maximum(jnp.sum(turn**2), 1e-300)
        mixes = jnp.where(self.count > 0, along, 0.0)
        return self._replace(
            count=self.count + 1,
            u=image - mixes * (image - self.image),
            image=image,
            gap=gap,
            forms=forms,
            spectrum=spectrum,
        )

    def goes_on(self, *, careful: Array) -> Bool[Array, ""]:
        """Whether there is one more to make: the first, and the others with care."""
        gap = jnp.sum(self.gap**2)
        unsettled = gap > _SETTLED**2 * jnp.sum(self.image**2)
        more = careful & (self.count < _CAREFUL) & unsettled
        return (self.count < 1) | more


class Step(NamedTuple):
    """A step of a network from a member, of a length.

    Attributes:
        network: The network.
        X: Samples.
        c: Constants.
        start: The member.
        h: Length.
        floors: Moves of the first and the last group of parameters, squared, that are
            too short for their changes to count.
    """

    network: Network
    X: Array
    c: Limited
    start: Member
    h: Array
    floors: tuple[Array, Array]

    def along(self, factors: Any, u: Array) -> Any:
        """Factors of the mean Jacobian on the way that u predicts with these."""
        mean = self.network.mean(self.X, self.c, self.start, factors, u)
        # Without the barrier the factors would be worked out twice, for the forms and
        # for the move.
        return lax.optimization_barrier(mean)

    def solved(self, at: Correction) -> Correction:
        """One more correction, with the mean Jacobian."""
        forms = self.network.forms(self.X, at.mean)
        scales = self.network.scales(self.c, len(at.u))
        spectrum = spectrum_of(gram_matrix(self.c, scales, forms))
        return at.next(
            spectrum.drive(self.h, self.start.e),
            forms,
            spectrum,
        )

    def followed(self, begun: Correction, pulled: tuple[Array, ...]) -> Correction:
        """The corrections of a network whose units are followed, and the way that the
        last of them predicts; `pulled` is what the prediction moves.
        """
        # A way is worked out at one place of the program, which halves its compilation.
        return lax.while_loop(
            lambda at: ~at.done,
            self._corrected,
            begun._replace(pulled=pulled, done=jnp.zeros((), bool)),
        )

    def _corrected(self, at: Correction) -> Correction:
        """The way that u predicts, and one more correction if that changes the move."""
        mean = self.along(at.mean, at.u)
        before = self.network.pulls(self.X, at.mean, at.u)
        pulled = self.network.pulls(self.X, mean, at.u)
        change = self.changed(before, pulled)
        more = (at.count < 1) | ((change > _LOOSE) & (at.count < _MOST))
        here = at._replace(
            mean=mean,
            change=change,
            pulled=lax.optimization_barrier(pulled),
            done=~more,
        )
        return lax.cond(
            more,
            self.solved,
            lambda same: same,
            here,
        )

    def again(self, at: Correction, here: Any) -> Correction:
        """One more correction of a network whose units are not followed."""
        return self.solved(at._replace(mean=self.along(here, at.u)))

    def changed(self, before: tuple[Array, ...], after: tuple[Array, ...]) -> Array:
        """Largest part of the move of a group that differs between two moves."""
        parts = [
            jnp.sum((new - old) ** 2) / jnp.maximum(jnp.sum(new**2), floor)
            for old, new, floor in zip(before, after, self.floors, strict=True)
        ]
        return jnp.sqrt(jnp.max(jnp.stack(parts)))

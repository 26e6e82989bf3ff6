"""An objective whose steps follow a random draw of it, while what is recorded is not
random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float

from condensery.engine._constant_feature import has_constant_feature
from condensery.engine._objectives import Objective
from condensery.models import AnyArray

Tree = Any
Sampler = Callable[[Any, Array, Array, Array], tuple[Float[Array, ""], Tree]]


@dataclass(frozen=True)
class Randomised:
    """A random loss: each step follows the gradient of one draw; losses are recorded,
    and judged, without randomness.

    The draw of a step depends on the member's seed (see `descend`) and the step's
    number only, so that a descent in pieces, in company or resumed draws the same, bit
    for bit.

    Attributes:
        recorded: What is recorded at the scheduled steps and compared with
            ``stop_loss`` there.
        draw: ``draw(packed, x, y, key) -> (loss, gradient)`` in the packed layout of
            `recorded`; hashable, and a pure function of its arguments.
    """

    recorded: Objective
    draw: Sampler

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.recorded)

    def pack(self, parameters: Tree) -> Tree:
        """From the public layout."""
        return self.recorded.pack(parameters)

    def unpack(self, packed: Tree) -> Tree:
        """To the public layout."""
        return self.recorded.unpack(packed)

    def value(
        self,
        packed: Tree,
        x: AnyArray,
        y: AnyArray,
    ) -> Float[Array, ""]:
        """The recorded loss."""
        return self.recorded.value(packed, x, y)

    def value_and_grad(
        self, packed: Tree, x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The recorded loss and its gradient."""
        return self.recorded.value_and_grad(packed, x, y)

"""What the step of a flow asks of a network, and what a member is while it trains."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from jaxtyping import Array, Float, Int


class Member(NamedTuple):
    """What changes while a member trains.

    With a leading member axis it is the state of a bucket of equal widths.

    Attributes:
        weights: The parameters, a tuple of groups.
        seen: What a network keeps of its last pass for the next step.
        e: The residual f − y.
        time: Flow time.
        steps: Steps, those taken again included; -1 before the first.
        status: `condensery.records.Status`.
        loss: Mean of e².
        gradient: Norm of the gradient in the last step (`Spectrum.pull`).
        noise: Its noise floor.
        reach: Longest step that may be tried next; finite after a step that had to be
            taken again.
        idle: Steps in succession in which the loss has not fallen.
        rough: Steps taken whose corrections had not settled.
    """

    weights: Any
    seen: Any
    e: Float[Array, " sample"]
    time: Float[Array, ""]
    steps: Int[Array, ""]
    status: Int[Array, ""]
    loss: Float[Array, ""]
    gradient: Float[Array, ""]
    noise: Float[Array, ""]
    reach: Float[Array, ""]
    idle: Int[Array, ""]
    rough: Int[Array, ""]


class Look(NamedTuple):
    """A network at one point of its parameters.

    Attributes:
        output: f at the samples.
        size: Norms that enter each output: ε times it is what rounding may change.
        seen: As in `Member`.
    """

    output: Float[Array, " sample"]
    size: Float[Array, " sample"]
    seen: Any


class Limited(Protocol):
    """The constants of a member that every flow has."""

    @property
    def kappa(self) -> Array:
        """Factor in front of the network."""
        ...

    @property
    def eta(self) -> Array:
        """Step parameter."""
        ...

    @property
    def target(self) -> Array:
        """Loss below which the member stops."""
        ...

    @property
    def max_time(self) -> Array:
        """Time at which it stops."""
        ...


class Network(Protocol):
    """A network in the notation of the step; groups of parameters have one order."""

    @property
    def kinked(self) -> bool:
        """Whether its activation is followed through a kink."""
        ...

    @property
    def follows(self) -> bool:
        """Whether the mean Jacobian of a step follows units from kink to kink."""
        ...

    def look(self, X: Array, c: Any, weights: Any, mean: Any = None) -> Look:
        """The network at a point, where a step with these mean factors ended."""
        ...

    def start(self, X: Array, weights: Any, seen: Any) -> tuple[Any, tuple[Array, ...]]:
        """Factors of the Jacobian at a point, and the quadratic forms of the groups."""
        ...

    def forms(self, X: Array, factors: Any) -> tuple[Array, ...]:
        """The quadratic forms that a Jacobian gives."""
        ...

    def scales(self, c: Any, samples: int) -> tuple[Array, ...]:
        """How far a unit u moves each group, before the Jacobian."""
        ...

    def groups(self, c: Any, weights: Any) -> tuple[tuple[Array, Array], ...]:
        """Each group now and initially."""
        ...

    def mean(
        self,
        X: Array,
        c: Any,
        start: Member,
        factors: Any,
        u: Array,
    ) -> Any:
        """Factors of the mean Jacobian on the way that u predicts."""
        ...

    def pulls(self, X: Array, factors: Any, u: Array) -> tuple[Array, ...]:
        """What u moves the first and the last group by, before their scales."""
        ...

    def moved(
        self,
        X: Array,
        c: Any,
        weights: Any,
        factors: Any,
        u: Array,
    ) -> Any:
        """The parameters minus (1/n) D Jᵀ u."""
        ...

    def explicit(
        self, X: Array, c: Any, start: Member, forms: tuple[Array, ...]
    ) -> Array:
        """The longest explicit step that moves the features little."""
        ...

"""Update rules, written out: a few lines each, with the conventions of PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from condensery._errors import InvalidInputError

Scalar = float | jax.Array
"""A number, which is traced inside a compiled loop."""

Tree = Any
"""A pytree of arrays shaped like the parameters."""


class Optimiser(Protocol):
    """A frozen, hashable update rule; its memory is a tuple of trees shaped like the
    parameters.
    """

    def init(self, parameters: Tree) -> tuple[Tree, ...]:
        """The memory before the first step."""
        ...

    def update(
        self,
        gradient: Tree,
        memory: tuple[Tree, ...],
        parameters: Tree,
        step: jax.Array,
    ) -> tuple[Tree, tuple[Tree, ...]]:
        """The parameters and the memory after one step; `step` counts from 0."""
        ...


def _check(
    name: str, value: object, *, above: float, below: float, including: bool
) -> None:
    # inside a compiled function the fields are tracers; what a person gives is a plain
    # number
    if isinstance(value, (int, float)) and not (
        (above <= value if including else above < value) and value < below
    ):
        allowed = f"{above} {'<=' if including else '<'} {name} < {below}"
        raise InvalidInputError(
            name, given=value, allowed=allowed, remedy="change the optimiser's setting"
        )


@partial(
    jax.tree_util.register_dataclass, data_fields=["rate"], meta_fields=["momentum"]
)
@dataclass(frozen=True)
class SGD:
    """Gradient descent θ ← θ − rate·v with v ← momentum·v + ∇ (PyTorch's convention);
    momentum 0 keeps no memory.

    Attributes:
        rate: Learning rate, positive; changing it does not compile anew.
        momentum: In [0, 1).

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.engine import SGD
        >>> rule = SGD(0.5, momentum=0.5)
        >>> theta, memory = {"w": jnp.array([1.0])}, rule.init({"w": jnp.array([1.0])})
        >>> for step in range(2):
        ...     theta, memory = rule.update(
        ...         {"w": jnp.array([1.0])}, memory, theta, step
        ...     )
        >>> float(theta["w"][0])
        -0.25
    """

    rate: Scalar
    momentum: float = 0.0

    def __post_init__(self) -> None:
        _check("rate", self.rate, above=0.0, below=float("inf"), including=False)
        _check("momentum", self.momentum, above=0.0, below=1.0, including=True)

    def init(self, parameters: Tree) -> tuple[Tree, ...]:
        """Zero velocity, or nothing without momentum."""
        return (jax.tree.map(jnp.zeros_like, parameters),) if self.momentum else ()

    def update(
        self,
        gradient: Tree,
        memory: tuple[Tree, ...],
        parameters: Tree,
        step: jax.Array,
    ) -> tuple[Tree, tuple[Tree, ...]]:
        """One step."""
        if memory:
            gradient = jax.tree.map(
                lambda v, g: self.momentum * v + g, memory[0], gradient
            )
            memory = (gradient,)
        return jax.tree.map(
            lambda p, g: p - self.rate * g, parameters, gradient
        ), memory


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["rate"],
    meta_fields=["beta1", "beta2", "epsilon"],
)
@dataclass(frozen=True)
class Adam:
    """Adam with bias correction: θ ← θ − rate·m̂/(√v̂ + ε), m̂ = m/(1 − β1^t), v̂ =
    v/(1 − β2^t).

    Kingma and Ba 2015 (arXiv 1412.6980), Algorithm 1, with its default β1, β2 and ε,
    which are PyTorch's too. The first step is rate·sign(∇) wherever |∇| ≫ ε.

    Attributes:
        rate: Learning rate, positive; changing it does not compile anew.
        beta1: Decay of the mean of gradients, in [0, 1).
        beta2: Decay of the mean of squared gradients, in [0, 1).
        epsilon: Added to the root.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.engine import Adam
        >>> rule, theta = Adam(0.1), jnp.array([1.0, 1.0])
        >>> theta, memory = rule.update(
        ...     jnp.array([5.0, -0.01]), rule.init(theta), theta, jnp.array(0)
        ... )
        >>> [round(value, 5) for value in theta.tolist()]
        [0.9, 1.1]
    """

    rate: Scalar
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _check("rate", self.rate, above=0.0, below=float("inf"), including=False)
        _check("beta1", self.beta1, above=0.0, below=1.0, including=True)
        _check("beta2", self.beta2, above=0.0, below=1.0, including=True)

    def init(self, parameters: Tree) -> tuple[Tree, ...]:
        """Zero first and second moments."""
        return jax.tree.map(jnp.zeros_like, parameters), jax.tree.map(
            jnp.zeros_like, parameters
        )

    def update(
        self,
        gradient: Tree,
        memory: tuple[Tree, ...],
        parameters: Tree,
        step: jax.Array,
    ) -> tuple[Tree, tuple[Tree, ...]]:
        """One step."""
        first = jax.tree.map(
            lambda m, g: self.beta1 * m + (1 - self.beta1) * g, memory[0], gradient
        )
        second = jax.tree.map(
            lambda v, g: self.beta2 * v + (1 - self.beta2) * g * g, memory[1], gradient
        )

        def moved(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
            count = (step + 1).astype(p.dtype)
            mean, square = m / (1 - self.beta1**count), v / (1 - self.beta2**count)
            return p - self.rate * mean / (jnp.sqrt(square) + self.epsilon)

        return jax.tree.map(moved, parameters, first, second), (first, second)

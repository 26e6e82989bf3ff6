"""What a descent minimises: a value and its gradient in the memory layout that the
compiled loop likes best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.engine._constant_feature import has_constant_feature
from condensery.models import AnyArray, TwoLayer, activation

Tree = Any
Model = Callable[
    [Any, Float[AnyArray, "sample feature"]], Float[AnyArray, "sample ..."]
]


class PackedLoss(Protocol):
    """A loss of packed parameters and its gradient.

    Frozen and hashable: it is a static argument of the compiled loop. Outside of the
    loop it takes arrays of NumPy as well.
    """

    def value(
        self,
        packed: Tree,
        x: AnyArray,
        y: AnyArray,
    ) -> Float[Array, ""]:
        """The loss."""
        ...

    def value_and_grad(
        self, packed: Tree, x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        ...


class Objective(PackedLoss, Protocol):
    """A loss over a data set.

    `pack` turns parameters, possibly with leading axes, into the layout in which
    `value` and `value_and_grad` take them; `unpack` turns them back. Both move entries
    and do no arithmetic.
    """

    def pack(self, parameters: Tree) -> Tree:
        """From the public layout."""
        ...

    def unpack(self, packed: Tree) -> Tree:
        """To the public layout."""
        ...


@dataclass(frozen=True)
class AutodiffObjective:
    """Any loss ``loss(parameters, x, y)``, differentiated by JAX."""

    loss: Callable[[Any, AnyArray, AnyArray], Float[Array, ""]]

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.loss)

    def pack(self, parameters: Tree) -> Tree:
        """The public layout is kept."""
        return parameters

    def unpack(self, packed: Tree) -> Tree:
        """The public layout is kept."""
        return packed

    def value(self, packed: Tree, x: AnyArray, y: AnyArray) -> Float[Array, ""]:
        """The loss."""
        return self.loss(packed, x, y)

    def value_and_grad(
        self, packed: Tree, x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        return jax.value_and_grad(self.loss)(packed, x, y)


@dataclass(frozen=True)
class _MeanSquare:
    model: Model
    factor: float

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.model)

    def __call__(self, parameters: Any, x: AnyArray, y: AnyArray) -> Float[Array, ""]:
        output = self.model(parameters, x)
        if output.shape != y.shape:
            raise InvalidInputError(
                "y",
                given=f"shape {y.shape}",
                allowed=f"the shape {output.shape} of the model's output",
                remedy="reshape the targets",
            )
        return self.factor * jnp.mean(jnp.square(output - y))


class Written(PackedLoss, Protocol):
    """A loss of a two-layer net and its gradient, written out."""

    @property
    def model(self) -> TwoLayer:
        """The net."""
        ...


@dataclass(frozen=True)
class TwoLayerObjective:
    """A written loss of a two-layer net, in the layout that suits it.

    Packed, w is (feature, unit): the long unit axis is contiguous, so XLA's loops
    vectorise over it. For four samples, 1000 units and float32 that is four to five
    times faster than (unit, feature), and the written gradient 1.0 to 1.4 times faster
    than the derived one (measured on two cores with JAX 0.10).
    """

    written: Written

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.written.model)

    def pack(self, parameters: Mapping[str, AnyArray]) -> Tree:
        """Make the unit axis the last."""
        return _swapped(parameters)

    def unpack(self, packed: Mapping[str, AnyArray]) -> Tree:
        """Make the feature axis the last."""
        return _swapped(packed)

    def value(
        self,
        packed: Tree,
        x: AnyArray,
        y: AnyArray,
    ) -> Float[Array, ""]:
        """The loss."""
        return self.written.value(packed, x, y)

    def value_and_grad(
        self, packed: Tree, x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        return self.written.value_and_grad(packed, x, y)


def _swapped(parameters: Mapping[str, AnyArray]) -> Tree:
    """From w (…, unit, feature) to (…, feature, unit), and back."""
    return {
        "a": parameters["a"],
        "w": parameters["w"].swapaxes(-1, -2),
    }


@dataclass(frozen=True)
class WrittenMeanSquare:
    """The mean square of a two-layer net."""

    model: TwoLayer
    factor: float

    def value(
        self, packed: Mapping[str, AnyArray], x: AnyArray, y: AnyArray
    ) -> Float[Array, ""]:
        """The loss."""
        sigma = activation(self.model.activation).sigma
        output = self.model.scale * (sigma(x @ packed["w"]) @ packed["a"])
        return self.factor * jnp.mean(jnp.square(output - y))

    def value_and_grad(
        self, packed: Mapping[str, AnyArray], x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        pair = activation(self.model.activation)
        a = packed["a"]
        z = x @ packed["w"]
        s = pair.sigma(z)
        error = self.model.scale * (s @ a) - y
        pull = (2 * self.factor * self.model.scale / y.shape[0]) * error
        slope = pull[:, None] * (pair.sigma_prime(z) * a)
        loss = self.factor * jnp.mean(jnp.square(error))
        return loss, {
            "a": pull @ s,
            "w": x.T @ slope,
        }


def mean_square(model: Model, *, factor: float = 1.0) -> Objective:
    """The objective factor · mean over samples and outputs of (model(x) − y)².

    For a `TwoLayer` the gradient is written out, for any other callable it is derived
    by JAX. The model must be hashable (a function or a frozen dataclass): it is part of
    the compiled program's key. One that declares ``constant_feature = True`` and has
    parameters ``{"a", "w"}`` takes the bias as the last column of w: `descend` appends
    the constant feature for it.

    Args:
        model: ``model(parameters, x)``; its output has the shape of the targets.
        factor: 1 for the plain mean square, ½ for the convention of Luo et al. 2021
            (arXiv 2007.07497), Sec. 2.

    Returns:
        What `descend` minimises.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.engine import mean_square
        >>> line = mean_square(lambda theta, x: x @ theta)
        >>> loss, slope = line.value_and_grad(
        ...     jnp.array([3.0]), jnp.array([[1.0], [2.0]]), jnp.array([1.0, 2.0])
        ... )
        >>> float(loss), slope.tolist()
        (10.0, [10.0])
    """
    if isinstance(model, TwoLayer):
        return TwoLayerObjective(WrittenMeanSquare(model, factor))
    return AutodiffObjective(_MeanSquare(model, factor))

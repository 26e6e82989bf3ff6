"""The losses and gradients that objectives with dropout are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery.engine._constant_feature import has_constant_feature
from condensery.engine._dropout_layers import (
    Net,
    last_hidden,
    layers_of,
    masked_output,
)
from condensery.engine._masks import MaskSharing, dropout_factor
from condensery.engine._objectives import Objective, mean_square, unit_last
from condensery.models import TwoLayer, activation

Tree = Any
Part = Literal["L1", "L2", "L3", "L4"]


@dataclass(frozen=True)
class WithoutDraw:
    """p = 1."""

    plain: Objective

    def __call__(
        self, packed: Tree, x: Array, y: Array, key: Array
    ) -> tuple[Array, Tree]:
        return self.plain.value_and_grad(packed, x, y)


@dataclass(frozen=True)
class TwoLayerDropout:
    """The written gradient of R_drop, in the layout of `TwoLayerMeanSquare`."""

    model: TwoLayer
    keep: float
    mask: MaskSharing
    factor: float

    def __call__(
        self, packed: Mapping[str, Array], x: Array, y: Array, key: Array
    ) -> tuple[Array, Tree]:
        pair, a = activation(self.model.activation), packed["a"]
        z = x @ packed["w"]
        shape = (z.shape[0], z.shape[1])
        by = dropout_factor(
            key, shape, keep=self.keep, mask=self.mask, layer=0, dtype=z.dtype
        )
        s = pair.sigma(z) * by
        error = self.model.scale * (s @ a) - y
        pull = (2 * self.factor * self.model.scale / y.shape[0]) * error
        slope = pull[:, None] * (pair.sigma_prime(z) * by * a)
        return self.factor * jnp.mean(jnp.square(error)), {
            "a": pull @ s,
            "w": x.T @ slope,
        }


@dataclass(frozen=True)
class TwoLayerExpected:
    """R_S + R1 with the gradient written out, in the layout of `TwoLayerMeanSquare`."""

    model: TwoLayer
    keep: float
    factor: float

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.model)

    def pack(self, parameters: Mapping[str, Array]) -> Tree:
        """Make the unit axis the last."""
        return unit_last(parameters)

    def unpack(self, packed: Mapping[str, Array]) -> Tree:
        """Make the feature axis the last."""
        return unit_last(packed)

    def value(
        self, packed: Mapping[str, Array], x: Array, y: Array
    ) -> Float[Array, ""]:
        """The loss."""
        return self.value_and_grad(packed, x, y)[0]

    def value_and_grad(
        self, packed: Mapping[str, Array], x: Array, y: Array
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        pair, a, scale = (
            activation(self.model.activation),
            packed["a"],
            self.model.scale,
        )
        z = x @ packed["w"]
        s = pair.sigma(z)
        error = scale * (s @ a) - y
        spread = (
            self.factor * scale * scale * (1 - self.keep) / (self.keep * y.shape[0])
        )
        energy = jnp.sum(jnp.square(s), axis=0)
        pull = (2 * self.factor * scale / y.shape[0]) * error
        slope = (pull[:, None] + 2 * spread * (a * s)) * (pair.sigma_prime(z) * a)
        loss = self.factor * jnp.mean(jnp.square(error)) + spread * (
            jnp.square(a) @ energy
        )
        return loss, {"a": pull @ s + 2 * spread * (a * energy), "w": x.T @ slope}


@dataclass(frozen=True)
class Expected:
    """R_S + R1 of any net."""

    model: Net
    keep: float
    factor: float

    def __call__(self, parameters: Any, x: Array, y: Array) -> Float[Array, ""]:
        energy = jnp.sum(jnp.square(masked_output(self.model, parameters, x, ()) - y))
        hidden, squares = last_hidden(self.model, parameters, x)
        spread = (
            (1 - self.keep)
            / self.keep
            * (jnp.sum(jnp.square(hidden), axis=0) @ squares)
        )
        return self.factor / y.size * (energy + spread)


@dataclass(frozen=True)
class Dropped:
    """R_drop of any net for the masks of a key."""

    model: Net
    keeps: tuple[float, ...]
    mask: MaskSharing
    factor: float

    def __call__(
        self, parameters: Any, x: Array, y: Array, key: Array
    ) -> Float[Array, ""]:
        weights = [weight for weight, _ in layers_of(self.model, parameters)][:-1][
            -len(self.keeps) :
        ]
        factors = [
            None
            if p == 1
            else dropout_factor(
                key,
                (x.shape[0], weight.shape[0]),
                keep=p,
                mask=self.mask,
                layer=layer,
                dtype=x.dtype,
            )
            for layer, (weight, p) in enumerate(zip(weights, self.keeps, strict=False))
        ]
        output = masked_output(
            self.model,
            parameters,
            x,
            (*factors, *(None,) * (len(self.keeps) - len(factors))),
        )
        return self.factor * jnp.mean(jnp.square(output - y))


@dataclass(frozen=True)
class Mixed:
    """L2, L3 and L4 for the masks of a key."""

    part: Part
    rate: float
    dropped: Dropped

    def __call__(
        self, parameters: Any, x: Array, y: Array, key: Array
    ) -> Float[Array, ""]:
        """The loss."""
        dropped = self.dropped
        objective = mean_square(dropped.model, factor=dropped.factor)
        packed = objective.pack(parameters)

        def square() -> Float[Array, ""]:
            slope = jax.grad(dropped)(parameters, x, y, key)
            leaves = jax.tree.leaves(slope)
            squares = [jnp.sum(jnp.square(leaf)) for leaf in leaves]
            return self.rate / 4 * jnp.sum(jnp.stack(squares))

        if self.part == "L2":
            return objective.value(packed, x, y) + square()
        if self.part == "L3":
            return dropped(parameters, x, y, key) - square()
        # in this order: another one is compiled to other last digits
        expected = Expected(dropped.model, dropped.keeps[-1], dropped.factor)
        plain = objective.value(packed, x, y)
        loss = dropped(parameters, x, y, key)
        return loss - (expected(parameters, x, y) - plain)


@dataclass(frozen=True)
class DrawDerived:
    """The derivative by JAX of a loss with a key, in the public layout."""

    loss: Any

    def __call__(
        self, packed: Tree, x: Array, y: Array, key: Array
    ) -> tuple[Array, Tree]:
        return jax.value_and_grad(self.loss)(packed, x, y, key)


@dataclass(frozen=True)
class InPublicLayout:
    """An objective that takes parameters as they are given."""

    inner: Objective

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.inner)

    def pack(self, parameters: Tree) -> Tree:
        """The public layout is kept."""
        return parameters

    def unpack(self, packed: Tree) -> Tree:
        """The public layout is kept."""
        return packed

    def value(self, packed: Tree, x: Array, y: Array) -> Float[Array, ""]:
        """The loss."""
        return self.inner.value(self.inner.pack(packed), x, y)

    def value_and_grad(
        self, packed: Tree, x: Array, y: Array
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        loss, slope = self.inner.value_and_grad(self.inner.pack(packed), x, y)
        return loss, self.inner.unpack(slope)

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
from condensery.engine._objectives import Objective, mean_square
from condensery.models import AnyArray, TwoLayer, activation

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
    """The written gradient of R_drop, in the layout of `TwoLayerObjective`."""

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
class WrittenExpected:
    """R_S + R1 of a two-layer net."""

    model: TwoLayer
    keep: float
    factor: float

    def value(
        self, packed: Mapping[str, AnyArray], x: AnyArray, y: AnyArray
    ) -> Float[Array, ""]:
        """The loss."""
        return self.value_and_grad(packed, x, y)[0]

    def value_and_grad(
        self, packed: Mapping[str, AnyArray], x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        pair = activation(self.model.activation)
        scale = self.model.scale
        a = packed["a"]
        z = x @ packed["w"]
        s = pair.sigma(z)
        error = scale * (s @ a) - y
        samples = self.keep * y.shape[0]
        spread = self.factor * scale * scale * (1 - self.keep) / samples
        energy = jnp.sum(jnp.square(s), axis=0)
        pull = (2 * self.factor * scale / y.shape[0]) * error
        push = pull[:, None] + 2 * spread * (a * s)
        slope = push * (pair.sigma_prime(z) * a)
        fit = self.factor * jnp.mean(jnp.square(error))
        loss = fit + spread * (jnp.square(a) @ energy)
        return loss, {
            "a": pull @ s + 2 * spread * (a * energy),
            "w": x.T @ slope,
        }


@dataclass(frozen=True)
class Expected:
    """R_S + R1 of any net."""

    model: Net
    keep: float
    factor: float

    def __call__(
        self,
        parameters: Any,
        x: AnyArray,
        y: AnyArray,
    ) -> Float[Array, ""]:
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
        *hidden, _ = layers_of(self.model, parameters)
        factors: list[Array | None] = [None] * len(self.keeps)
        masked = hidden[-len(self.keeps) :]
        for layer, ((weight, _), keep) in enumerate(
            zip(
                masked,
                self.keeps,
                strict=False,
            )
        ):
            if keep < 1:
                factors[layer] = dropout_factor(
                    key,
                    (x.shape[0], weight.shape[0]),
                    keep=keep,
                    mask=self.mask,
                    layer=layer,
                    dtype=x.dtype,
                )
        output = masked_output(self.model, parameters, x, factors)
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
        expected = Expected(
            dropped.model,
            dropped.keeps[-1],
            dropped.factor,
        )
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

    def value(
        self,
        packed: Tree,
        x: AnyArray,
        y: AnyArray,
    ) -> Float[Array, ""]:
        """The loss."""
        return self.inner.value(
            self.inner.pack(packed),
            x,
            y,
        )

    def value_and_grad(
        self, packed: Tree, x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The loss and its gradient."""
        loss, slope = self.inner.value_and_grad(
            self.inner.pack(packed),
            x,
            y,
        )
        return loss, self.inner.unpack(slope)

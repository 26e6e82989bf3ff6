"""Dropout inside the compiled loop, what it is on average, and the parts of which its
implicit bias is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.engine._constant_feature import has_constant_feature
from condensery.engine._masks import MaskSharing, check_keep, check_mask, dropout_factor
from condensery.engine._objectives import (
    AutodiffObjective,
    Objective,
    mean_square,
    unit_last,
)
from condensery.engine._randomised import Randomised
from condensery.models import Mlp, TwoLayer, activation

Tree = Any
Net = TwoLayer | Mlp
Keep = float | Sequence[float]
Part = Literal["L1", "L2", "L3", "L4"]
PARTS: tuple[Part, ...] = ("L1", "L2", "L3", "L4")


def dropout_loss(
    model: Net, *, keep: Keep, mask: MaskSharing = "per_sample", factor: float = 0.5
) -> Randomised:
    """R_drop: the mean square with masks drawn anew at every step, and without masks
    where it is recorded.

    Formula:
        factor · mean over samples and outputs of (f_drop(x) − y)², where every output
        of a hidden layer with dropout is multiplied by 1 + η, which is 1/p with
        probability p and 0 otherwise: E η = 0, E η² = (1 − p)/p.

    For a `TwoLayer` the gradient is written out, for an `Mlp` it is derived by JAX.
    With p = 1 there is no mask and the steps are those of `mean_square`, bit for bit.

    Args:
        model: A `TwoLayer` or an `Mlp`.
        keep: The keep probability p in (0, 1] (PyTorch's ``Dropout`` takes 1 − p): a
            number for the last hidden layer, or one for every hidden layer, where 1 is
            no dropout.
        mask: ``per_sample`` (PyTorch's way): every sample has its own mask; ``shared``:
            one for all samples.
        factor: ½ times the number of outputs gives the R_S = 1/(2n) Σ ‖f − y‖² of the
            source, 1 PyTorch's MSELoss.

    Returns:
        What `descend` minimises.

    Raises:
        InvalidInputError: p outside (0, 1], a number of them that fits no layers, or an
            unknown mask.

    Source:
        Zhang and Xu 2024 (arXiv 2207.05952), Sec. 3.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from condensery.engine import dropout_loss
        >>> from condensery.models import TwoLayer
        >>> one = {"a": jnp.array([2.0]), "w": jnp.array([[1.0]])}
        >>> loss = dropout_loss(TwoLayer("relu"), keep=0.5)
        >>> data = jnp.array([[1.0]]), jnp.array([0.0])
        >>> {
        ...     float(loss.draw(loss.pack(one), *data, jax.random.key(k))[0])
        ...     for k in range(20)
        ... } == {0.0, 8.0}
        True
        >>> float(loss.value(loss.pack(one), *data))
        2.0
    """
    check_mask(mask)
    keeps = _keeps(model, keep)
    plain = mean_square(model, factor=factor)
    if all(p == 1 for p in keeps):
        return Randomised(plain, _WithoutDraw(plain))
    if isinstance(model, TwoLayer):
        return Randomised(plain, _TwoLayerDropout(model, keeps[0], mask, factor))
    return Randomised(plain, _DrawDerived(_Dropped(model, keeps, mask, factor)))


def expected_dropout_loss(model: Net, *, keep: float, factor: float = 0.5) -> Objective:
    """R_S + R1, the mean of R_drop over all masks, for dropout after the last hidden
    layer.

    Formula:
        R1 = factor · (1 − p)/(n d' p) Σ_i Σ_j |W_L[:, j]|² f_{L−1}[i, j]², which with
        factor = d'/2 is the (1 − p)/(2np) Σ_i Σ_j |W_L[:, j]|² f_{L−1}[i, j]² of the
        source. The mean is exact for per-sample and for shared masks (Lemma 1).

    Args:
        model: A `TwoLayer` or an `Mlp`.
        keep: p in (0, 1]; 1 gives R_S.
        factor: As in `dropout_loss`.

    Returns:
        What `descend` minimises; not random.

    Raises:
        InvalidInputError: p outside (0, 1].

    Source:
        Zhang and Xu 2024 (arXiv 2207.05952), Lemma 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.engine import expected_dropout_loss
        >>> from condensery.models import TwoLayer
        >>> one = {"a": jnp.array([2.0]), "w": jnp.array([[1.0]])}
        >>> loss = expected_dropout_loss(TwoLayer("relu"), keep=0.5)
        >>> float(loss.value(loss.pack(one), jnp.array([[1.0]]), jnp.array([0.0])))
        4.0
    """
    keeps = _keeps(model, float(keep))
    if isinstance(model, TwoLayer):
        return _TwoLayerExpected(model, keeps[0], factor)
    return AutodiffObjective(_Expected(model, keeps[-1], factor))


def dropout_part(
    model: Net,
    part: Part,
    *,
    keep: float,
    rate: float,
    mask: MaskSharing = "per_sample",
    factor: float = 0.5,
) -> Objective:
    """One of the four losses that take dropout's implicit bias apart.

    Formula:
        L1 = R_S + R1, L2 = R_S + R2~, L3 = R_drop − R2~, L4 = R_drop − R1, with R2~ =
        (ε/4)·|∇R_drop|² for the mask of the step: E R2~ = R2, the term that the finite
        step adds to the flow. All but L1 are random. What is recorded is R_S, of L1 R_S
        + R1.

    Args:
        model: A `TwoLayer` or an `Mlp`, dropout after the last hidden layer.
        part: ``L1``, ``L2``, ``L3`` or ``L4``.
        keep: p in (0, 1].
        rate: The learning rate ε of R2~, positive.
        mask: As in `dropout_loss`.
        factor: As in `dropout_loss`.

    Returns:
        What `descend` minimises.

    Raises:
        InvalidInputError: An unknown part, p outside (0, 1], a rate that is not
            positive.

    Source:
        Zhang and Xu 2024 (arXiv 2207.05952), Fig. 13 (arXiv 12) and the modified losses
        of its section on R1 and R2.

    Example:
        >>> from condensery.engine import dropout_part, expected_dropout_loss
        >>> from condensery.models import TwoLayer
        >>> net = TwoLayer("relu")
        >>> dropout_part(net, "L1", keep=0.9, rate=0.1) == expected_dropout_loss(
        ...     net, keep=0.9
        ... )
        True
    """
    check_mask(mask)
    if part not in PARTS:
        raise InvalidInputError(
            "part", given=part, allowed=", ".join(PARTS), remedy="choose one of these"
        )
    if not 0 < rate < float("inf"):
        raise InvalidInputError(
            "rate",
            given=rate,
            allowed="a number > 0",
            remedy="use the optimiser's rate",
        )
    keeps = _keeps(model, float(keep))
    if part == "L1":
        return expected_dropout_loss(model, keep=keep, factor=factor)
    plain = mean_square(model, factor=factor)
    return Randomised(
        _InPublicLayout(plain),
        _DrawDerived(_Mixed(part, rate, _Dropped(model, keeps, mask, factor))),
    )


def _keeps(model: Net, keep: Keep) -> tuple[float, ...]:
    """One p per hidden layer; a single number is that of the last and stands for
    itself.

    Raises:
        InvalidInputError: No number, or more than a two-layer net has hidden layers, or
            one outside (0, 1].
    """
    given = (keep,) if isinstance(keep, (int, float)) else tuple(keep)
    if not given or (isinstance(model, TwoLayer) and len(given) != 1):
        raise InvalidInputError(
            "keep",
            given=list(given),
            allowed="one probability for every hidden layer",
            remedy="give one number",
        )
    return tuple(check_keep(p) for p in given)


def masked_output(
    model: Net,
    parameters: Any,
    x: Float[Array, "sample feature"],
    factors: Sequence[Array | None],
) -> Float[Array, "sample ..."]:
    """The output of a net whose hidden layers are multiplied by given factors, the last
    hidden layer by the last.

    Args:
        model: A `TwoLayer` or an `Mlp`.
        parameters: Its parameters.
        x: Inputs.
        factors: (sample, unit), (1, unit) or None for the last ``len(factors)`` hidden
            layers.

    Returns:
        The output.

    Raises:
        InvalidInputError: There are more factors than hidden layers.
    """
    *hidden, top = layers_of(model, parameters)
    if len(factors) > len(hidden):
        raise InvalidInputError(
            "keep",
            given=f"{len(factors)} probabilities",
            allowed=f"at most {len(hidden)}, one per hidden layer",
            remedy="match the layers",
        )
    aligned = (*(None for _ in range(len(hidden) - len(factors))), *factors)
    sigma = activation(model.activation).sigma
    for (weight, bias), by in zip(hidden, aligned, strict=True):
        x = x @ weight.T
        x = sigma(x if bias is None else x + bias)
        x = x if by is None else x * by
    if isinstance(model, TwoLayer):
        return model.scale * (x @ top[0])
    output = x @ top[0].T
    return output if top[1] is None else output + top[1]


def layers_of(model: Net, parameters: Any) -> list[tuple[Array, Array | None]]:
    """The layers as (W, b); the last of a `TwoLayer` is (a, None) with a vector."""
    if isinstance(model, TwoLayer):
        return [(parameters["w"], None), (parameters["a"], None)]
    return list(parameters)


def last_hidden(
    model: Net, parameters: Any, x: Float[Array, "sample feature"]
) -> tuple[Array, Array]:
    """Outputs of the last hidden layer (sample, unit) and |W_L[:, j]|² of its units."""
    *hidden, (top, _) = layers_of(model, parameters)
    sigma = activation(model.activation).sigma
    for weight, bias in hidden:
        x = x @ weight.T
        x = sigma(x if bias is None else x + bias)
    squares = (
        jnp.square(model.scale * top)
        if isinstance(model, TwoLayer)
        else jnp.sum(jnp.square(top), axis=0)
    )
    return x, squares


@dataclass(frozen=True)
class _WithoutDraw:
    """p = 1."""

    plain: Objective

    def __call__(
        self, packed: Tree, x: Array, y: Array, key: Array
    ) -> tuple[Array, Tree]:
        return self.plain.value_and_grad(packed, x, y)


@dataclass(frozen=True)
class _TwoLayerDropout:
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
class _TwoLayerExpected:
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
class _Expected:
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
class _Dropped:
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
class _Mixed:
    """L2, L3 and L4 for the masks of a key."""

    part: Part
    rate: float
    dropped: _Dropped

    def __call__(
        self, parameters: Any, x: Array, y: Array, key: Array
    ) -> Float[Array, ""]:
        own = self.dropped
        plain = mean_square(own.model, factor=own.factor)

        def square() -> Float[Array, ""]:
            slope = jax.grad(own)(parameters, x, y, key)
            return (
                self.rate
                / 4
                * jnp.sum(
                    jnp.stack(
                        [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(slope)]
                    )
                )
            )

        if self.part == "L2":
            return plain.value(plain.pack(parameters), x, y) + square()
        if self.part == "L3":
            return own(parameters, x, y, key) - square()
        expected = _Expected(own.model, own.keeps[-1], own.factor)
        plain_value = plain.value(plain.pack(parameters), x, y)
        return own(parameters, x, y, key) - (expected(parameters, x, y) - plain_value)


@dataclass(frozen=True)
class _DrawDerived:
    """The derivative by JAX of a loss with a key, in the public layout."""

    loss: Any

    def __call__(
        self, packed: Tree, x: Array, y: Array, key: Array
    ) -> tuple[Array, Tree]:
        return jax.value_and_grad(self.loss)(packed, x, y, key)


@dataclass(frozen=True)
class _InPublicLayout:
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

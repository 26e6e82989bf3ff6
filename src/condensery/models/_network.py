"""A network as one value: its layers, their names, and what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.models._activations import activation
from condensery.models._arrays import AnyArray
from condensery.models._leaves import leaf_names
from condensery.models._numpy_activations import numpy_activation

Layer = tuple[AnyArray, AnyArray | None]
Parameters = Mapping[str, AnyArray] | Sequence[Layer]
Sigma = Callable[[Any], Any]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["layers"],
    meta_fields=["activation", "scale"],
)
@dataclass(
    frozen=True,
    eq=False,
)
class Network:
    """A dense network with the same activation in every hidden layer.

    f(x) = scale · (W_L h_{L−1} + b_L) with h_l = σ(W_l h_{l−1} + b_l) and h_0 = x. Make
    it by `of` from parameters in any of their forms. All arrays may have a leading
    member axis: then the value is a whole ensemble, and so are its outputs.

    On NumPy arrays it computes with NumPy; on JAX arrays it is a JAX function, and
    itself a tree of arrays that `jax.grad` and `jax.jit` take.

    Attributes:
        layers: (W, b) per layer, input first. W of a two-layer net ``{"a", "w"}`` holds
            the bias as its last column, and the last W is the vector a.
        activation: A name of the registry.
        scale: The factor in front of the output.

    Example:
        >>> import numpy as np
        >>> from condensery.models import Network
        >>> hat = {"a": np.array([1.0, 1.0]), "w": np.array([[1.0, 0.0], [-1.0, 0.0]])}
        >>> network = Network.of(hat, "relu")
        >>> network.forward(np.array([[-2.0], [0.5]])).tolist()
        [2.0, 0.5]
        >>> network.names, network.features(np.array([[-2.0]]))[0].tolist()
        (('a', 'w'), [[0.0, 2.0]])
    """

    # A `Layer` each; JAX also builds trees whose leaves are None or numbers.
    layers: tuple[tuple[Any, Any], ...]
    activation: str
    scale: float = 1.0

    @classmethod
    def of(
        cls,
        parameters: Parameters,
        activation_name: str,
        *,
        scale: float = 1.0,
        dtype: Any = None,
    ) -> Network:
        """The network of some parameters.

        Args:
            parameters: ``{"a": (unit,), "w": (unit, feature)}`` with the bias as the
                last column of w; layers ``[(W, b), …]`` with b an array or None; or the
                leaves of either by name, as a snapshot has them.
            activation_name: A name of the registry.
            scale: The factor in front of the output.
            dtype: What the arrays are converted to; None leaves them as they are.

        Returns:
            The network.

        Raises:
            InvalidInputError: An unknown activation, names that are no network's, or
                layers that do not fit together.
        """
        activation(activation_name)
        layers = _layers(parameters)
        if dtype is not None:
            layers = jax.tree.map(lambda leaf: _converted(leaf, dtype), layers)
        _check(layers)
        return cls(layers, activation_name, scale)

    @property
    def is_two_layer(self) -> bool:
        """Whether the layers are ``{"a", "w"}``: one output without an axis."""
        return self.layers[-1][0].ndim < self.layers[0][0].ndim

    @property
    def members(self) -> int | None:
        """Length of the member axis; None where there is none."""
        first = self.layers[0][0]
        return first.shape[0] if first.ndim > 2 else None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the leaves: ``a``, ``w``, or ``W1``, ``b1``, ``W2``, …."""
        return tuple(self.leaves())

    def leaves(self) -> dict[str, AnyArray]:
        """The arrays by name: the inverse of `of`."""
        if self.is_two_layer:
            (w, _), (a, _) = self.layers
            return {"a": a, "w": w}
        return dict(leaf_names(self.layers))

    def member(self, index: int) -> Network:
        """One member of an ensemble.

        Raises:
            InvalidInputError: There is no member axis, or no such member.
        """
        count = self.members or 0
        if not 0 <= index < count:
            raise InvalidInputError(
                "member",
                given=index,
                allowed=f"0 to {count - 1}" if count else "none: there is one network",
                remedy="look at `members`",
            )
        return replace(self, layers=jax.tree.map(lambda leaf: leaf[index], self.layers))

    def two_layer(self) -> dict[str, AnyArray]:
        """The parameters as ``{"a", "w"}``, the bias as the last column of w.

        Raises:
            InvalidInputError: More layers than two, more outputs than one, or an output
                bias.
        """
        if self.is_two_layer:
            return self.leaves()
        (w, b), (a, c) = (self.layers * 2)[:2]
        if len(self.layers) != 2 or a.shape[-2] != 1 or c is not None:
            raise InvalidInputError(
                "network",
                given=f"leaves {', '.join(self.names)}",
                allowed="two layers, one output and no output bias",
                remedy="use pairs()",
            )
        space = _space(w)
        rows = w if b is None else space.concatenate([w, b[..., None]], axis=-1)
        return {"a": a[..., 0, :], "w": rows}

    def pairs(self, *, bias: bool = True) -> list[Layer]:
        """The parameters as ``[(W, b), …]``, input first.

        Args:
            bias: Whether the last column of w of a two-layer net is its bias.
        """
        if not self.is_two_layer:
            return list(self.layers)
        (w, _), (a, _) = self.layers
        top = (a[..., None, :], None)
        if not bias:
            return [(w, None), top]
        return [(w[..., :-1], w[..., -1]), top]

    def forward(self, x: Float[ArrayLike, "sample feature"]) -> Any:
        """The output on a batch.

        Args:
            x: Inputs, without the constant feature: where the first W has one column
                more than x has features and no bias beside it, its last column is the
                bias.

        Returns:
            (sample,) for a two-layer net, (sample, output) otherwise; in an ensemble
            with the member axis in front, each member's numbers the same as alone.

        Raises:
            InvalidInputError: Another number of features.
        """
        return self._passed(x)[1]

    def features(self, x: Float[ArrayLike, "sample feature"]) -> list[Any]:
        """The outputs (sample, unit) of every hidden layer, input first.

        Args:
            x: Inputs, as in `forward`.

        Returns:
            One array per hidden layer, in an ensemble with the member axis in front.

        Raises:
            InvalidInputError: Another number of features.
        """
        return self._passed(x)[0]

    def _passed(self, x: Any) -> tuple[list[Any], Any]:
        space = _space(x, *jax.tree.leaves(self.layers))
        if self.members is not None:
            passed = [self.member(index)._passed(x) for index in range(self.members)]
            return jax.tree.map(lambda *leaves: space.stack(leaves), *passed)
        sigma: Sigma = numpy_activation(self.activation)
        if space is jnp:
            sigma = activation(self.activation).sigma
        *inner, (top, offset) = self.layers
        h = completed(space.asarray(x), *self.layers[0])
        hidden = []
        for weight, bias in inner:
            z = h @ weight.T
            h = sigma(z if bias is None else z + bias)
            hidden.append(h)
        output = h @ (top if self.is_two_layer else top.T)
        output = output if offset is None else output + offset
        return hidden, self.scale * output


def completed(x: Any, weight: AnyArray, bias: AnyArray | None = None) -> Any:
    """Inputs as the first layer takes them: with the constant feature if it expects it.

    Args:
        x: (sample, feature).
        weight: W of the first layer.
        bias: Its bias, or None.

    Returns:
        x, or x with a last column of ones where W has one column more than x has
        features and there is no bias beside it: then W's last column is the bias.

    Raises:
        InvalidInputError: Another number of features.
    """
    features, columns = x.shape[-1], weight.shape[-1]
    if features == columns:
        return x
    if features + 1 == columns and bias is None:
        constant = _space(x).ones_like(x[..., :1])
        return _space(x).concatenate([x, constant], axis=-1)
    raise InvalidInputError(
        "x",
        given=f"{features} features",
        allowed=f"the {columns} columns of the first layer, the bias aside",
        remedy="give inputs (sample, feature)",
    )


def _space(*arrays: Any) -> Any:
    """JAX's namespace as soon as one of the arrays is JAX's, else NumPy's."""
    return jnp if any(isinstance(array, Array) for array in arrays) else np


def _converted(leaf: AnyArray, dtype: Any) -> AnyArray:
    return _space(leaf).asarray(leaf, dtype=dtype)


def _layers(parameters: Parameters) -> tuple[Layer, ...]:
    if not isinstance(parameters, Mapping):
        return tuple((weight, bias) for weight, bias in parameters)
    names = set(parameters)
    if names == {"a", "w"}:
        return (parameters["w"], None), (parameters["a"], None)
    count = sum(name.startswith("W") for name in names)
    indices = range(1, count + 1)
    layers = [(parameters.get(f"W{k}"), parameters.get(f"b{k}")) for k in indices]
    used = {f"{symbol}{k}" for k in indices for symbol in "Wb"}
    if not count or any(weight is None for weight, _ in layers) or names - used:
        raise InvalidInputError(
            "parameters",
            given=f"leaves {', '.join(sorted(names)) or 'none'}",
            allowed="a and w, or W1, b1, W2, …, where a layer may lack its b",
            remedy="pass {'a', 'w'}, layers [(W, b), …], or a snapshot of them",
        )
    return tuple((weight, bias) for weight, bias in layers if weight is not None)


def _check(layers: tuple[Layer, ...]) -> None:
    leading = layers[0][0].ndim - 2 if layers else -1
    below = None
    for number, (weight, bias) in enumerate(layers, start=1):
        vector = number == len(layers) > 1 and weight.ndim == leading + 1
        fits = leading in {0, 1} and (vector or weight.ndim == leading + 2)
        fits = fits and below in {None, weight.shape[-1]}
        outputs = weight.shape[:-1]
        if not fits or (bias is not None and bias.shape != outputs):
            shape = None if bias is None else bias.shape
            raise InvalidInputError(
                f"layer {number}",
                given=f"W of shape {weight.shape}, b of {shape}",
                allowed="W: (out, in) with in = out of the layer before, b: (out,) or "
                "None, each with the same member axis in front or none",
                remedy="check the shapes",
            )
        below = outputs[-1] if outputs else None
    if not layers:
        raise InvalidInputError(
            "parameters",
            given="no layer",
            allowed="at least one (W, b)",
            remedy="give a net",
        )

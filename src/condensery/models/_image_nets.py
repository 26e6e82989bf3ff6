"""Four small networks for small images, written alike so that their layers compare:
MLP, CNN, residual, transformer.

Parameters are one flat dictionary of arrays per network; a weight that has units is
``(unit, feature)`` and its bias, if any, has the same name with ``_bias``. `drop` is
called on the output of every hidden layer, where dropout goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.models._arrays import AnyArray
from condensery.models._initialisation import mlp_normal

Kind = Literal["mlp", "cnn", "residual", "transformer"]
IMAGE_NETS: tuple[Kind, ...] = ("mlp", "cnn", "residual", "transformer")
Parameters = Mapping[str, Float[AnyArray, "..."]]
Drop = Callable[[Array, int], Array]
SIDE, HIDDEN, KERNELS, DEPTH, HEADS = 8, 64, (16, 32), 32, 4


def _keep(values: Array, layer: int) -> Array:
    return values


@dataclass(frozen=True)
class ImageNet:
    """A ReLU network for images of 8 × 8 pixels and ten classes.

    mlp: two hidden layers of 64. cnn: 16 and 32 kernels of 3 × 3 with zero padding,
    each followed by the mean over 2 × 2 pixels, then a dense layer of 64. residual: a
    layer of 64, then two blocks h + W'σ(Wh). transformer: the eight rows of the image
    are tokens, embedded in 32 numbers with a learned place; one block of four attention
    heads and a layer of 64, both added to their input, and the mean over tokens. Each
    ends in a linear map to ten outputs. None normalises.

    Attributes:
        kind: One of `IMAGE_NETS`; another raises `InvalidInputError`.

    Example:
        >>> import numpy as np
        >>> from condensery.models import ImageNet
        >>> net = ImageNet("cnn")
        >>> net(net.draw(seed=0, exponent=0.5), np.zeros((3, 64))).shape
        (3, 10)
    """

    kind: Kind

    def __post_init__(self) -> None:
        if self.kind not in IMAGE_NETS:
            raise InvalidInputError(
                "kind",
                given=self.kind,
                allowed=", ".join(IMAGE_NETS),
                remedy="choose one of these",
            )

    def draw(
        self, *, seed: int, exponent: float
    ) -> dict[str, Float[np.ndarray, "*shape"]]:
        """Every weight from N(0, std²) with std = d^−exponent and d the number of its
        inputs; biases 0.

        ½ is LeCun's scale.

        Args:
            seed: At least 0.
            exponent: The larger, the smaller the weights.
        """
        drawn: dict[str, np.ndarray] = {}
        for number, (name, units, features) in enumerate(_LAYERS[self.kind]):
            weight, _ = mlp_normal(
                [features, units],
                seed=1000 * seed + number,
                std=float(features) ** -exponent,
            )[0]
            drawn[name] = weight
            if name not in {"queries", "keys", "values", "place"}:
                drawn[f"{name}_bias"] = np.zeros(units)
        return drawn

    def rows(
        self, parameters: Parameters
    ) -> dict[str, Float[np.ndarray, "unit feature"]]:
        """The input weights of every hidden layer's units, with their bias; of a
        transformer also one row per head.

        A head's row is its d × d form Qᵀ K, written out: heads with equal rows attend
        alike.

        Args:
            parameters: Of one member.
        """
        rows = {}
        for name in _HIDDEN[self.kind]:
            weight = np.asarray(parameters[name])
            bias = parameters.get(f"{name}_bias")
            rows[name] = (
                weight if bias is None else np.column_stack([weight, np.asarray(bias)])
            )
        if self.kind == "transformer":
            queries, keys = (
                np.asarray(parameters[name]).reshape(HEADS, -1, DEPTH)
                for name in ("queries", "keys")
            )
            rows["heads"] = np.einsum("hud,hue->hde", queries, keys).reshape(HEADS, -1)
        return rows

    def __call__(
        self, parameters: Parameters, x: ArrayLike, drop: Drop = _keep
    ) -> Float[Array, "sample label"]:
        """The ten outputs; `drop(values, layer)` is applied to every hidden layer's
        output.
        """
        return _FORWARD[self.kind](parameters, jnp.asarray(x), drop)


_LAYERS: dict[str, list[tuple[str, int, int]]] = {
    "mlp": [
        ("first", HIDDEN, SIDE**2),
        ("second", HIDDEN, HIDDEN),
        ("output", 10, HIDDEN),
    ],
    "cnn": [
        ("kernels_1", KERNELS[0], 9),
        ("kernels_2", KERNELS[1], 9 * KERNELS[0]),
        ("dense", HIDDEN, KERNELS[1] * (SIDE // 4) ** 2),
        ("output", 10, HIDDEN),
    ],
    "residual": [
        ("embed", HIDDEN, SIDE**2),
        ("block_1", HIDDEN, HIDDEN),
        ("back_1", HIDDEN, HIDDEN),
        ("block_2", HIDDEN, HIDDEN),
        ("back_2", HIDDEN, HIDDEN),
        ("output", 10, HIDDEN),
    ],
    "transformer": [
        ("embed", DEPTH, SIDE),
        ("place", SIDE, DEPTH),
        ("queries", DEPTH, DEPTH),
        ("keys", DEPTH, DEPTH),
        ("values", DEPTH, DEPTH),
        ("mix", DEPTH, DEPTH),
        ("rows", HIDDEN, DEPTH),
        ("back", DEPTH, HIDDEN),
        ("output", 10, DEPTH),
    ],
}
_HIDDEN = {
    "mlp": ("first", "second"),
    "cnn": ("kernels_1", "kernels_2", "dense"),
    "residual": ("embed", "block_1", "block_2"),
    "transformer": ("queries", "keys", "values", "rows"),
}


def _dense(p: Parameters, name: str, x: Array) -> Array:
    bias = p.get(f"{name}_bias")
    z = x @ p[name].T
    return z if bias is None else z + bias


def _mlp(p: Parameters, x: Array, drop: Drop) -> Array:
    h = drop(jax.nn.relu(_dense(p, "first", x)), 0)
    return _dense(p, "output", drop(jax.nn.relu(_dense(p, "second", h)), 1))


def _patches(
    images: Float[Array, "sample row column channel"],
) -> Float[Array, "sample row column feature"]:
    """The 3 × 3 neighbourhood of every pixel, zeros outside: a convolution is then a
    matrix product.
    """
    _, rows, columns, _ = images.shape
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = [
        padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)
    ]
    return jnp.concatenate(shifts, axis=-1)


def _halved(images: Float[Array, "sample row column channel"]) -> Array:
    n, rows, columns, channels = images.shape
    return images.reshape(
        n,
        rows // 2,
        2,
        columns // 2,
        2,
        channels,
    ).mean(axis=(2, 4))


def _cnn(p: Parameters, x: Array, drop: Drop) -> Array:
    h = x.reshape(
        x.shape[0],
        SIDE,
        SIDE,
        1,
    )
    for layer, name in enumerate(("kernels_1", "kernels_2")):
        h = drop(_halved(jax.nn.relu(_dense(p, name, _patches(h)))), layer)
    h = drop(
        jax.nn.relu(
            _dense(
                p,
                "dense",
                h.reshape(x.shape[0], -1),
            )
        ),
        2,
    )
    return _dense(p, "output", h)


def _residual(p: Parameters, x: Array, drop: Drop) -> Array:
    h = drop(jax.nn.relu(_dense(p, "embed", x)), 0)
    for block in (1, 2):
        h = h + _dense(
            p, f"back_{block}", drop(jax.nn.relu(_dense(p, f"block_{block}", h)), block)
        )
    return _dense(p, "output", h)


def _transformer(p: Parameters, x: Array, drop: Drop) -> Array:
    n = x.shape[0]
    h = _dense(p, "embed", x.reshape(n, SIDE, SIDE)) + p["place"]
    q, k, v = (
        _dense(p, name, h).reshape(n, SIDE, HEADS, -1)
        for name in ("queries", "keys", "values")
    )
    scores = jnp.einsum("nthd,nshd->nhts", q, k) / jnp.sqrt(
        jnp.asarray(q.shape[-1], q.dtype)
    )
    seen = jnp.einsum("nhts,nshd->nthd", jax.nn.softmax(scores, axis=-1), v).reshape(
        n, SIDE, DEPTH
    )
    h = h + _dense(p, "mix", drop(seen, 0))
    h = h + _dense(
        p,
        "back",
        drop(jax.nn.relu(_dense(p, "rows", h)), 1),
    )
    return _dense(p, "output", h.mean(axis=1))


_FORWARD = {
    "mlp": _mlp,
    "cnn": _cnn,
    "residual": _residual,
    "transformer": _transformer,
}

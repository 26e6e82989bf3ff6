"""What a classifier minimises, with dropout if asked for, and Adam with decoupled
weight decay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.engine._masks import check_keep, dropout_factor
from condensery.engine._objectives import AutodiffObjective, Tree
from condensery.engine._optimisers import Adam
from condensery.engine._randomised import Randomised
from condensery.models import AnyArray, ImageNet


@dataclass(frozen=True)
class _CrossEntropy:
    model: ImageNet

    def __call__(self, parameters: Tree, x: AnyArray, y: AnyArray) -> Float[Array, ""]:
        return _mean_surprise(self.model(parameters, x), y)


@dataclass(frozen=True)
class _Dropped:
    model: ImageNet
    keep: float

    def __call__(
        self, parameters: Tree, x: Array, y: Array, key: Array
    ) -> tuple[Array, Tree]:
        def drop(values: Array, layer: int) -> Array:
            if self.keep == 1:
                return values
            size = (values.shape[0], prod(values.shape[1:]))
            by = dropout_factor(
                key,
                size,
                keep=self.keep,
                mask="per_sample",
                layer=layer,
                dtype=values.dtype,
            )
            return values * by.reshape(values.shape)

        return jax.value_and_grad(lambda p: _mean_surprise(self.model(p, x, drop), y))(
            parameters
        )


def _mean_surprise(
    outputs: Float[Array, "sample label"], y: Float[AnyArray, " sample"]
) -> Float[Array, ""]:
    own = jnp.take_along_axis(
        jax.nn.log_softmax(outputs), y.astype(jnp.int32)[:, None], axis=1
    )
    return -jnp.mean(own)


def cross_entropy(model: ImageNet, *, keep: float = 1.0) -> Randomised:
    """Mean of −log softmax(f(x))_y over samples, with dropout on every hidden layer's
    output while training.

    Args:
        model: The network.
        keep: Keep probability p in (0, 1]; 1 is no dropout. Masks are per sample;
            recorded losses are without them.

    Returns:
        What `descend` minimises; targets are the numbers of the classes.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import cross_entropy
        >>> from condensery.models import ImageNet
        >>> net = ImageNet("mlp")
        >>> drawn = net.draw(seed=0, exponent=0.5)
        >>> zero = {name: 0 * value for name, value in drawn.items()}
        >>> round(
        ...     float(
        ...         cross_entropy(net).value(
        ...             zero, np.ones((2, 64)), np.array([0.0, 3.0])
        ...         )
        ...     ),
        ...     6,
        ... )
        2.302585
    """
    return Randomised(
        AutodiffObjective(_CrossEntropy(model)), _Dropped(model, check_keep(keep))
    )


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["rate", "decay"],
    meta_fields=["beta1", "beta2", "epsilon"],
)
@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay: after Adam's step θ ← θ − rate·decay·θ with the
    θ before it.

    Loshchilov and Hutter 2019 (arXiv 1711.05101), Algorithm 2, with PyTorch's
    convention of the decay.

    Attributes:
        rate: Learning rate, positive; changing it does not compile anew.
        decay: Weight decay, at least 0; changing it does not compile anew.
        beta1: As in `Adam`.
        beta2: As in `Adam`.
        epsilon: As in `Adam`.

    Example:
        >>> import jax.numpy as jnp
        >>> from condensery.engine import AdamW
        >>> rule, theta = AdamW(0.1, decay=0.5), jnp.array([1.0])
        >>> theta, _ = rule.update(
        ...     jnp.array([5.0]), rule.init(theta), theta, jnp.array(0)
        ... )
        >>> round(float(theta[0]), 5)
        0.85
    """

    rate: float | jax.Array
    decay: float | jax.Array = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        replace(self._adam(), rate=self.rate)  # its checks
        if isinstance(self.decay, (int, float)) and not 0 <= self.decay < float("inf"):
            raise InvalidInputError(
                "decay", given=self.decay, allowed="0 <= decay", remedy="use 0 for none"
            )

    def _adam(self) -> Adam:
        return Adam(self.rate, self.beta1, self.beta2, self.epsilon)

    def init(self, parameters: Tree) -> tuple[Tree, ...]:
        """Zero moments."""
        return self._adam().init(parameters)

    def update(
        self,
        gradient: Tree,
        memory: tuple[Tree, ...],
        parameters: Tree,
        step: jax.Array,
    ) -> tuple[Tree, tuple[Tree, ...]]:
        """One step."""
        moved, memory = self._adam().update(gradient, memory, parameters, step)
        return jax.tree.map(
            lambda new, old: new - self.rate * self.decay * old, moved, parameters
        ), memory

"""What cannot be written down of dropout's implicit bias: averages over masks,
estimated with a standard error.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.engine._constant_feature import with_constant
from condensery.engine._dropout import Keep, dropout_loss
from condensery.engine._dropout_layers import Net
from condensery.engine._masks import MaskSharing, stream
from condensery.engine._randomised import Randomised


class DropoutNoise(NamedTuple):
    """Averages over masks.

    Attributes:
        r2: R2 = (ε/4)·E‖∇R_drop‖².
        r2_error: Its standard error.
        loss: E R_drop.
        loss_error: Its standard error.
    """

    r2: float
    r2_error: float
    loss: float
    loss_error: float


def dropout_noise(
    model: Net,
    parameters: Any,
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, "sample ..."],
    *,
    keep: Keep,
    rate: float,
    masks: int = 3000,
    mask: MaskSharing = "per_sample",
    factor: float = 0.5,
    seed: int = 0,
) -> DropoutNoise:
    """R2 and E R_drop from `masks` independent draws.

    Unlike R1, R2 depends on whether the samples share a mask: masks of their own make
    the gradient vary less. R2 carries the learning rate and vanishes with it, R1 does
    not.

    Args:
        model: A `TwoLayer` or an `Mlp`.
        parameters: Of one member.
        x: Inputs, without the constant feature, as for `descend`.
        y: Targets.
        keep: As in `dropout_loss`.
        rate: The learning rate ε.
        masks: How many draws, at least 2; the source takes 3000.
        mask: As in `dropout_loss`.
        factor: As in `dropout_loss`.
        seed: Of the draws.

    Returns:
        Means and standard errors.

    Raises:
        InvalidInputError: Fewer than two masks, or what `dropout_loss` refuses.

    Source:
        Zhang and Xu 2024 (arXiv 2207.05952), the modified flow of Sec. 3.

    Example:
        One unit f = a·relu(w) on y = 0 with p = ½: R_drop is 8 or 0, its gradient (8,
        16) or 0.

        >>> import numpy as np
        >>> from condensery.engine import dropout_noise
        >>> from condensery.models import TwoLayer
        >>> unit = {"a": np.array([2.0]), "w": np.array([[1.0]])}
        >>> x, y = np.ones((1, 1)), np.zeros(1)
        >>> noise = dropout_noise(
        ...     TwoLayer("relu"), unit, x, y, keep=0.5, rate=0.1, masks=4000
        ... )
        >>> abs(noise.r2 - 0.1 / 4 * (8**2 + 16**2) / 2) < 4 * noise.r2_error
        True
        >>> abs(noise.loss - 4) < 4 * noise.loss_error
        True
    """
    if masks < 2:
        raise InvalidInputError(
            "masks",
            given=masks,
            allowed="a whole number >= 2",
            remedy="use 3000",
        )
    objective = dropout_loss(model, keep=keep, mask=mask, factor=factor)
    tree = jax.tree.map(jnp.asarray, parameters)
    dtype = jax.tree.leaves(tree)[0].dtype
    inputs = with_constant(model, tree, jnp.asarray(x, dtype=dtype))
    targets = jnp.asarray(y, dtype=dtype)
    drawn = _draws(tree, inputs, targets, seed, objective=objective, masks=masks)
    losses, squares = map(np.asarray, drawn)
    r2 = rate / 4 * squares
    root = np.sqrt(masks)
    return DropoutNoise(
        float(r2.mean()),
        float(r2.std(ddof=1) / root),
        float(losses.mean()),
        float(losses.std(ddof=1) / root),
    )


@partial(jax.jit, static_argnames=("objective", "masks"))
def _draws(
    parameters: Any,
    x: Array,
    y: Array,
    seed: Array,
    *,
    objective: Randomised,
    masks: int,
) -> tuple[Float[Array, " mask"], Float[Array, " mask"]]:
    packed, key = objective.pack(parameters), stream(seed)

    def one(number: Array) -> tuple[Array, Array]:
        mask_key = jax.random.fold_in(key, number)
        loss, slope = objective.draw(packed, x, y, mask_key)
        leaves = jax.tree.leaves(slope)
        squares = [jnp.sum(jnp.square(leaf)) for leaf in leaves]
        return loss, jnp.sum(jnp.stack(squares))

    return lax.map(one, jnp.arange(masks))

"""Dropout inside the compiled loop, what it is on average, and the parts of which its
implicit bias is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from condensery._errors import InvalidInputError
from condensery.engine._dropout_layers import Net
from condensery.engine._dropout_terms import (
    DrawDerived,
    Dropped,
    Expected,
    InPublicLayout,
    Mixed,
    Part,
    TwoLayerDropout,
    WithoutDraw,
    WrittenExpected,
)
from condensery.engine._masks import MaskSharing, check_keep, check_mask
from condensery.engine._objectives import (
    AutodiffObjective,
    Objective,
    TwoLayerObjective,
    mean_square,
)
from condensery.engine._randomised import Randomised
from condensery.models import TwoLayer

Keep = float | Sequence[float]
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
        return Randomised(plain, WithoutDraw(plain))
    if isinstance(model, TwoLayer):
        return Randomised(plain, TwoLayerDropout(model, keeps[0], mask, factor))
    return Randomised(plain, DrawDerived(Dropped(model, keeps, mask, factor)))


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
        return TwoLayerObjective(WrittenExpected(model, keeps[0], factor))
    return AutodiffObjective(Expected(model, keeps[-1], factor))


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
        InPublicLayout(plain),
        DrawDerived(Mixed(part, rate, Dropped(model, keeps, mask, factor))),
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

"""How far parameters have moved from where they started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError

Parameters = Float[np.ndarray, " ..."] | Sequence[Float[np.ndarray, " ..."]]


@overload
def relative_distance(
    initial: Parameters, final: Parameters, *, member_axes: Literal[0] = 0
) -> float: ...
@overload
def relative_distance(
    initial: Parameters, final: Parameters, *, member_axes: int
) -> np.ndarray: ...
def relative_distance(
    initial: Parameters, final: Parameters, *, member_axes: int = 0
) -> float | Float[np.ndarray, " ..."]:
    """Relative distance RD of parameters from their initial values: the order parameter
    of the phase diagram.

    Formula:
        RD(θ) = ‖θ − θ⁰‖/‖θ⁰‖ in the Frobenius norm. For RD(θ_w) pass the rows (w, b),
        for RD(a) the output weights, for RD of both together the two arrays in a
        sequence, whose squares are added before the root is taken.

    Args:
        initial: θ⁰, one array or a sequence of arrays.
        final: θ in the same shapes.
        member_axes: How many leading axes number the members of an ensemble; the norm
            is taken over the others.

    Returns:
        Numbers ≥ 0 without unit: a float if `member_axes` is 0, otherwise an array of
        the shape of the leading axes. inf where θ⁰ is zero and θ is not, nan where both
        are zero; a member with nan or inf gives nan or inf.

    Raises:
        InvalidInputError: The shapes differ, or an array has fewer axes than
            `member_axes`.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3. There w includes the bias, and under
        antisymmetric initialisation only the first copy is measured.

    Example:
        >>> import numpy as np
        >>> relative_distance(np.array([3.0, 4.0]), np.array([3.0, 9.0]))
        1.0
        >>> a, w = np.array([[3.0], [1.0]]), np.array([[[4.0]], [[0.0]]])
        >>> relative_distance((a, w), (2 * a, w), member_axes=1)
        array([0.6, 1. ])
    """
    before, after = _arrays(initial), _arrays(final)
    if [array.shape for array in before] != [array.shape for array in after]:
        raise InvalidInputError(
            "final",
            given=f"shapes {[part.shape for part in after]}",
            allowed=f"the shapes of initial, {[part.shape for part in before]}",
            remedy="compare the same layers of the same network",
        )
    if (
        not before
        or member_axes < 0
        or min(array.ndim for array in before) < member_axes
    ):
        raise InvalidInputError(
            "member_axes",
            given=member_axes,
            allowed="a whole number from 0 to the number of axes of every array",
            remedy="0 for one network, 1 for an ensemble stacked along the first axis",
        )
    with np.errstate(all="ignore"):
        moved = sum(
            _squares(new - old, member_axes)
            for old, new in zip(before, after, strict=True)
        )
        start = sum(_squares(old, member_axes) for old in before)
        ratio = np.sqrt(moved) / np.sqrt(start)
    return float(ratio) if member_axes == 0 else np.asarray(ratio)


def _arrays(parameters: Parameters) -> list[np.ndarray]:
    arrays = parameters if isinstance(parameters, list | tuple) else [parameters]
    return [np.asarray(array, dtype=np.float64) for array in arrays]


def _squares(array: np.ndarray, member_axes: int) -> np.ndarray:
    return np.asarray(
        np.sum(array.reshape(*array.shape[:member_axes], -1) ** 2, axis=-1)
    )

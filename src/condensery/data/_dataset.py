"""The record that every source of data ends in, and the checks that every source
passes.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError

Target = Callable[[ArrayLike], Float[np.ndarray, " ..."]]

MOST_VALUES = 2**29
"""Numbers that one array may hold: 4 GiB in double precision, beyond any data that
full-batch training is done on.
"""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and their targets, checked and read-only.

    Attributes:
        x: Inputs of shape (sample, feature), float64, finite, without a bias column.
        y: Targets of shape (sample,) or (sample, output), float64, finite.
        name: What it was loaded by.
        digest: Sixteen hex digits of the SHA-256 of the shapes and bytes of `x` and
            `y`: equal data, equal digest.
        description: One sentence: what the inputs and targets are.
        target: The function that `y` samples, elementwise, where it is known; else
            None.
    """

    x: Float[np.ndarray, "sample feature"]
    y: Float[np.ndarray, " sample *output"]
    name: str
    digest: str
    description: str
    target: Target | None = None


def from_arrays(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "arrays",
    description: str = "",
    target: Target | None = None,
) -> Dataset:
    """A data set of a user's own arrays.

    Args:
        x: Numbers of shape (sample, feature), or (sample,) for one feature. Copied.
        y: Numbers of shape (sample,) or (sample, output). Copied.
        name: What to call it.
        description: What the inputs and targets are.
        target: The function that `y` samples, where it is known.

    Raises:
        InvalidInputError: An array is not numeric, has another shape, or holds nan or
            inf; the two differ in their number of samples; there are fewer than two
            samples.

    Example:
        >>> import numpy as np
        >>> from condensery.data import from_arrays
        >>> data = from_arrays([0.0, 1.0, 2.0], [0, 1, 4])
        >>> data.x.shape, data.y
        ((3, 1), array([0., 1., 4.]))
        >>> data.digest == from_arrays(np.arange(3)[:, None], data.y).digest
        True
    """
    inputs, targets = _numbers("x", x, name), _numbers("y", y, name)
    if inputs.ndim == 1:
        inputs = inputs[:, None]
    if inputs.ndim != 2 or inputs.shape[1] < 1:
        raise InvalidInputError(
            f"x of {name}",
            given=f"shape {inputs.shape}",
            allowed="(sample, feature) with at least one feature",
            remedy="flatten each sample into one row",
        )
    if targets.ndim not in (1, 2) or (targets.ndim == 2 and targets.shape[1] < 1):
        raise InvalidInputError(
            f"y of {name}",
            given=f"shape {targets.shape}",
            allowed="(sample,) or (sample, output)",
            remedy="flatten each target into one row",
        )
    if len(inputs) != len(targets):
        raise InvalidInputError(
            f"samples of {name}",
            given=f"{len(inputs)} in x and {len(targets)} in y",
            allowed="the same number in both",
            remedy="pair every input with its target",
        )
    if len(inputs) < 2:
        raise InvalidInputError(
            f"samples of {name}",
            given=len(inputs),
            allowed="at least 2",
            remedy="add samples",
        )
    for array in (inputs, targets):
        array.setflags(write=False)
    return Dataset(inputs, targets, name, _digest(inputs, targets), description, target)


def check_count(
    what: str, value: object, *, most: int | None = None, source: str = ""
) -> int:
    """`value` as a whole number from 2 to `most`; `what` is its name and `source` what
    has so many.

    Raises:
        InvalidInputError: It is something else.
    """
    upper = f"at most {most}, what {source} has" if source else f"at most {most}"
    allowed = (
        "a whole number >= 2" if most is None else f"a whole number >= 2 and {upper}"
    )
    try:
        count = operator.index(value)  # pyrefly: ignore[bad-argument-type]
    except TypeError:
        count = -1
    if count < 2 or (most is not None and count > most):
        raise InvalidInputError(
            what, given=value, allowed=allowed, remedy=f"choose another {what}"
        )
    return count


def _numbers(what: str, values: ArrayLike, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biuf":
        raise InvalidInputError(
            f"{what} of {name}",
            given="ragged rows or objects"
            if array.dtype.kind == "O"
            else f"values of type {array.dtype}",
            allowed="numbers in a rectangle",
            remedy="convert texts and dates to numbers, and make all rows equally long",
        )
    with np.errstate(over="ignore"):
        array = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(array).all():
        where = ", ".join(
            str(int(index)) for index in np.argwhere(~np.isfinite(array))[0]
        )
        raise InvalidInputError(
            f"{what} of {name}",
            given=f"{array[~np.isfinite(array)][0]} at index ({where})",
            allowed="finite numbers",
            remedy="drop or mend those samples",
        )
    return array


def _digest(x: np.ndarray, y: np.ndarray) -> str:
    # Little-endian bytes whatever the machine, and the shapes, since (4, 1) and (2, 2)
    # can have the same bytes.
    digest = hashlib.sha256(f"{x.shape}{y.shape}".encode())
    for array in (x, y):
        digest.update(np.ascontiguousarray(array, dtype="<f8").data)
    return digest.hexdigest()[:16]

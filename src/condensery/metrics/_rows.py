"""Rows (w, b) of a layer: joined, normalised and cut into blocks without copying the
whole layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError

# 2**20 float64 are 8 MB: a block and its temporaries stay in the cache of a laptop.
_BLOCK_ENTRIES = 2**20


def join(
    weights: Float[np.ndarray, "*member unit feature"],
    bias: Float[np.ndarray, "*member unit"] | None,
) -> Float[np.ndarray, "*member unit row"]:
    """The rows (w, b) in float64; the bias, where there is one, is the last column.

    Raises:
        InvalidInputError: The shapes do not fit.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim < 2 or weights.shape[-1] == 0:
        raise InvalidInputError(
            "weights",
            given=f"shape {weights.shape}",
            allowed="shape (..., unit, feature) with at least one feature",
            remedy="pass one row per unit; for one input dimension use weights[:, "
            "None]",
        )
    if bias is None:
        return weights
    bias = np.asarray(bias, dtype=np.float64)
    if bias.shape != weights.shape[:-1]:
        raise InvalidInputError(
            "bias",
            given=f"shape {bias.shape}",
            allowed=f"shape {weights.shape[:-1]}, one entry per unit",
            remedy="pass the bias of the same layer, or None",
        )
    return np.concatenate([weights, bias[..., None]], axis=-1)


def normalise(
    rows: Float[np.ndarray, "*vector row"],
) -> tuple[Float[np.ndarray, "*vector row"], Float[np.ndarray, "*vector"]]:
    """Unit vectors and lengths of the rows; a zero row has length 0 and the unit vector
    nan.
    """
    scale = np.max(np.abs(rows), axis=-1, keepdims=True)
    # Squares of entries such as 1e-170 would underflow, hence the division by the
    # largest entry first.
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = rows / np.where(scale > 0, scale, 1.0)
        lengths = np.sqrt(np.sum(scaled**2, axis=-1, keepdims=True))
        return scaled / np.where(lengths > 0, lengths, np.nan), (scale * lengths)[
            ..., 0
        ]


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows (w, b) of one layer, read block by block."""

    weights: np.ndarray
    bias: np.ndarray | None

    @classmethod
    def of(
        cls,
        weights: Float[np.ndarray, "unit feature"],
        bias: Float[np.ndarray, " unit"] | None,
    ) -> Rows:
        """Check the shapes of one layer and hold it by reference.

        Raises:
            InvalidInputError: The shapes do not fit.
        """
        weights = np.asarray(weights)
        bias = None if bias is None else np.asarray(bias)
        if weights.ndim != 2 or len(weights) == 0:
            raise InvalidInputError(
                "weights",
                given=f"shape {weights.shape}",
                allowed="shape (unit, feature) of one layer with at least one unit",
                remedy="pass one member and one layer at a time",
            )
        join(weights[:1], None if bias is None else bias[:1])
        if bias is not None and bias.shape != weights.shape[:1]:
            raise InvalidInputError(
                "bias",
                given=f"shape {bias.shape}",
                allowed=f"shape {weights.shape[:1]}, one entry per unit",
                remedy="pass the bias of the same layer, or None",
            )
        return cls(weights, bias)

    @property
    def resolution(self) -> float:
        """The coarsest relative spacing among the dtypes of the arrays (0 for
        integers).
        """
        arrays = [self.weights] if self.bias is None else [self.weights, self.bias]
        return max(
            (float(np.finfo(a.dtype).eps) for a in arrays if a.dtype.kind == "f"),
            default=0.0,
        )

    @property
    def features(self) -> int:
        """Columns of a row, with the bias."""
        return self.weights.shape[1] + (self.bias is not None)

    def blocks(self) -> Iterator[slice]:
        """Slices of consecutive units, each small enough to be worked on in cache."""
        size = max(1, _BLOCK_ENTRIES // self.features)
        for start in range(0, len(self.weights), size):
            yield slice(start, start + size)

    def take(
        self, units: slice | Int[np.ndarray, " chosen"]
    ) -> Float[np.ndarray, "chosen row"]:
        """The rows of some units."""
        return join(
            self.weights[units], None if self.bias is None else self.bias[units]
        )

    def directions(
        self, units: slice | Int[np.ndarray, " chosen"]
    ) -> Float[np.ndarray, "chosen row"]:
        """The unit vectors of some units."""
        return normalise(self.take(units))[0]

    def lengths(self) -> Float[np.ndarray, " unit"]:
        """‖(w, b)‖ of every unit.

        Raises:
            InvalidInputError: A length is nan or inf.
        """
        lengths = np.concatenate(
            [normalise(self.take(units))[1] for units in self.blocks()]
        )
        if not np.all(np.isfinite(lengths)):
            raise InvalidInputError(
                "weights",
                given=f"{np.count_nonzero(~np.isfinite(lengths))} units with nan, "
                "inf or a length beyond float64",
                allowed="finite rows (w, b)",
                remedy="look at the member's status: a diverged training has no "
                "directions",
            )
        return lengths

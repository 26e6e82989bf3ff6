"""The rows (w, b) of a layer's units with their lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from condensery.metrics import amplitude
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._nearest import nearest_cosines


@dataclass(frozen=True, eq=False)
class Vectors:
    """(w, b) of units, and their lengths ‖(w, b)‖."""

    rows: np.ndarray
    bias: np.ndarray | None
    lengths: np.ndarray

    @classmethod
    def of(cls, layer: Layer) -> Vectors:
        """Those of all units of a layer."""
        rows, bias = layer.arrays()
        return cls(rows, bias, amplitude_of(rows, bias))

    @property
    def features(self) -> int:
        """Entries of (w, b)."""
        _, inputs = self.rows.shape
        return inputs if self.bias is None else inputs + 1

    def take(self, units: np.ndarray) -> Vectors:
        """Those of some units; without a copy where it is all of them."""
        if len(units) == len(self.rows):
            return self
        bias = self.bias
        if bias is not None:
            bias = bias[units]
        return Vectors(
            self.rows[units],
            bias,
            self.lengths[units],
        )

    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Largest and smallest cosine of every unit to another one."""
        return nearest_cosines(self.rows, self.bias, self.lengths)


def units_by_block(kept: np.ndarray, blocks: int) -> list[np.ndarray]:
    """Indices of the units that are kept, block by block.

    Args:
        kept: Whether each unit of the layer is kept.
        blocks: Number of blocks of consecutive units.
    """
    size = len(kept) // blocks
    indices = []
    for start in range(0, len(kept), size):
        block = kept[start : start + size]
        indices.append(start + np.flatnonzero(block))
    return indices


def amplitude_of(rows: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """‖(w, b)‖ of every unit, without a copy of the layer in double precision."""
    step = max(1, 2**20 // rows.shape[1])
    lengths = []
    for start in range(0, len(rows), step):
        units = slice(start, start + step)
        shift = None if bias is None else bias[units]
        lengths.append(amplitude(None, rows[units], shift))
    return np.concatenate(lengths)

"""The nearest and the most opposite direction of every unit: all pairs, block by block,
never a whole matrix.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

BLOCK_ENTRIES = 2**23
"""Entries of a block of rows; two such blocks, their cosines and a reduction are about
100 MB in single precision.
"""
RESOLUTION = 2e-6
"""What single precision leaves uncertain of a cosine between rows of up to some 10⁴
features.
"""


def nearest_cosines(
    rows: Float[np.ndarray, "unit feature"],
    bias: Float[np.ndarray, " unit"] | None,
    lengths: Float[np.ndarray, " unit"],
) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
    """Largest and smallest cosine of every unit to another one.

    Args:
        rows: Incoming weights.
        bias: Bias of every unit, the last entry of its row.
        lengths: ‖(w, b)‖ of every unit, none of them 0.

    Returns:
        Two arrays of cosines, accurate to `RESOLUTION`; with fewer than two units nan.
        Memory is a few blocks.
    """
    count, features = rows.shape
    if count < 2:
        undefined = np.full(count, np.nan)
        return undefined, undefined.copy()
    largest = torch.full((count,), -torch.inf)
    smallest = torch.full((count,), torch.inf)
    fitting = BLOCK_ENTRIES // (features + 1)
    size = min(2048, max(64, fitting))
    starts = range(0, count, size)
    # not torch.no_grad() alone: a surrounding autocast would make the products coarse
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        for first in starts:
            mine = slice(first, first + size)
            left = _unit_rows(rows, bias, lengths, mine)
            for second in range(first, count, size):
                yours = slice(second, second + size)
                on_diagonal = second == first
                right = left
                if not on_diagonal:
                    right = _unit_rows(rows, bias, lengths, yours)
                cosines = left @ right.T
                if on_diagonal:
                    cosines.fill_diagonal_(-torch.inf)
                of_rows = cosines.amax(dim=1)
                of_columns = cosines.amax(dim=0)
                _raise_to(largest[mine], of_rows)
                _raise_to(largest[yours], of_columns)
                if on_diagonal:
                    cosines.fill_diagonal_(torch.inf)
                of_rows = cosines.amin(dim=1)
                of_columns = cosines.amin(dim=0)
                _lower_to(smallest[mine], of_rows)
                _lower_to(smallest[yours], of_columns)
    nearest = np.clip(
        largest.numpy(),
        -1,
        1,
    )
    most_opposite = np.clip(
        smallest.numpy(),
        -1,
        1,
    )
    return nearest, most_opposite


def _raise_to(target: torch.Tensor, values: torch.Tensor) -> None:
    """Entry by entry the larger of both, in place."""
    torch.maximum(target, values, out=target)


def _lower_to(target: torch.Tensor, values: torch.Tensor) -> None:
    """Entry by entry the smaller of both, in place."""
    torch.minimum(target, values, out=target)


def _unit_rows(
    rows: np.ndarray,
    bias: np.ndarray | None,
    lengths: np.ndarray,
    units: slice,
) -> torch.Tensor:
    # divided in the precision of the rows, since entries such as 1e-30 have no square
    # in single precision
    scale = lengths[units, None]
    unit = (rows[units] / scale).astype(np.float32, copy=False)
    if bias is not None:
        last = bias[units, None] / scale
        last = last.astype(np.float32)
        unit = np.concatenate([unit, last], axis=1)
    return torch.from_numpy(np.ascontiguousarray(unit))

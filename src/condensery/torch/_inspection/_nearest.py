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
    largest = torch.full((count,), -torch.inf)
    smallest = torch.full((count,), torch.inf)
    if count < 2:
        return np.full(count, np.nan), np.full(count, np.nan)
    size = int(min(2048, max(64, BLOCK_ENTRIES // (features + 1))))
    starts = range(0, count, size)
    # not torch.no_grad() alone: a surrounding autocast would make the products coarse
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        for first in starts:
            mine = slice(first, first + size)
            left = _unit_rows(rows, bias, lengths, mine)
            for second in range(first, count, size):
                yours = slice(second, second + size)
                right = (
                    left if second == first else _unit_rows(rows, bias, lengths, yours)
                )
                cosines = left @ right.T
                if second == first:
                    cosines.fill_diagonal_(-torch.inf)
                largest[mine] = torch.maximum(
                    largest[mine],
                    cosines.amax(
                        dim=1,
                    ),
                )
                largest[yours] = torch.maximum(largest[yours], cosines.amax(dim=0))
                if second == first:
                    cosines.fill_diagonal_(torch.inf)
                smallest[mine] = torch.minimum(smallest[mine], cosines.amin(dim=1))
                smallest[yours] = torch.minimum(smallest[yours], cosines.amin(dim=0))
    return np.clip(
        largest.numpy(),
        -1,
        1,
    ), np.clip(
        smallest.numpy(),
        -1,
        1,
    )


def _unit_rows(
    rows: np.ndarray, bias: np.ndarray | None, lengths: np.ndarray, units: slice
) -> torch.Tensor:
    # divided in the precision of the rows, since entries such as 1e-30 have no square
    # in single precision
    scale = lengths[units, None]
    unit = (rows[units] / scale).astype(np.float32, copy=False)
    if bias is not None:
        unit = np.concatenate(
            [unit, (bias[units, None] / scale).astype(np.float32)], axis=1
        )
    return torch.from_numpy(np.ascontiguousarray(unit))

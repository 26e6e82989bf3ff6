"""Long tables from arrays on named axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel

from condensery.records import Table

C = TypeVar("C", bound=BaseModel)
S = TypeVar("S")
Block = Mapping[str, ArrayLike]
"""Columns by name; a number or a text stands in every row."""
Blocks = Iterator[Block]
"""What a function below `table` yields."""
Columns = dict[str, np.ndarray]
Maker = Callable[[C, S], Table | None]
Yielding = Callable[[C, S], Blocks]


def rows(axes: Mapping[str, ArrayLike], /, **columns: ArrayLike) -> dict[str, Any]:
    """The long form of arrays on a grid: one row per cell, with a column per axis.

    Args:
        axes: Name of each axis to its values; the last one varies fastest. Without
            axes there is one row. An axis without a name (``""``) has rows and no
            column.
        **columns: Arrays that NumPy broadcasts to the grid: of its shape, or one number
            or text for all cells.

    Example:
        >>> from condensery.declare import rows
        >>> axes = {"seed": [0, 1], "step": [1, 10]}
        >>> rows(axes, loss=[[4.0, 3.0], [2.0, 1.0]], optimiser="adam")["step"].tolist()
        [1, 10, 1, 10]
    """
    values = map(np.asarray, axes.values())
    grid: Sequence[np.ndarray] = ()
    shape = (1,)
    if axes:
        grid = np.meshgrid(*values, indexing="ij")
        shape = grid[0].shape
    block: Columns = {}
    for name, points in zip(axes, grid, strict=True):
        if name:
            block[name] = points.ravel()
    for name, column in columns.items():
        filled = np.broadcast_to(column, shape)
        block[name] = filled.ravel()
    return block


def stack(blocks: Iterable[Block], **units: str) -> Table:
    """One table of blocks with equal columns, one below the other.

    Args:
        blocks: Columns by name, as from `rows`; at least one block. A number or a text
            beside columns stands in all their rows; a block of these alone is one row.
        **units: Column name to its unit or meaning.

    Raises:
        ValueError: If there is no block, or if the blocks differ in their columns.

    Example:
        >>> from condensery.declare import stack
        >>> table = stack([{"step": [1, 2], "rate": 0.5}, {"step": 3, "rate": 0.1}])
        >>> table["rate"].tolist()
        [0.5, 0.5, 0.1]
    """
    listed = [_filled(block) for block in blocks]
    if not listed:
        raise ValueError("a table is stacked of at least one block")
    names = list(listed[0])
    for block in listed:
        if set(block) != set(names):
            above, below = sorted(names), sorted(block)
            raise ValueError(f"columns {below} below columns {above}")
    columns: Columns = {}
    for name in names:
        pieces = [block[name] for block in listed]
        columns[name] = np.concatenate(pieces)
    return Table(columns=columns, units=units)


def _filled(block: Block) -> Columns:
    """The columns of a block, its numbers and texts repeated in every row."""
    columns: Columns = {}
    count = 1
    for name, column in block.items():
        columns[name] = np.asarray(column)
        if columns[name].ndim:
            count = len(columns[name])
    for name, column in columns.items():
        if not column.ndim:
            columns[name] = np.full(count, column)
    return columns


def table(
    **units: str,
) -> Callable[[Yielding[C, S]], Maker[C, S]]:
    """Make a function that yields blocks the maker of a table.

    The blocks are stacked as by `stack`; where none is yielded there is no table.

    Args:
        **units: Column name to its unit or meaning.

    Example:
        >>> from condensery.declare import rows, table
        >>> @table(loss="mean square")
        ... def losses(config, results):
        ...     for run in results:
        ...         yield rows({"step": [1, 10]}, loss=run)
        >>> losses(None, [[4.0, 3.0], [2.0, 1.0]])["loss"].tolist()
        [4.0, 3.0, 2.0, 1.0]
        >>> losses(None, []) is None
        True
    """

    def decorate(function: Yielding[C, S]) -> Maker[C, S]:
        @wraps(function)
        def make(config: C, source: S) -> Table | None:
            blocks = list(function(config, source))
            return stack(blocks, **units) if blocks else None

        return make

    return decorate

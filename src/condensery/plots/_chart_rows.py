"""Rows of stored tables as a chart selects them, and the matrices that they fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from condensery.charts import Mark, Matrix
from condensery.plots._tables import need
from condensery.records import Table


def _no_cells() -> np.ndarray:
    return np.zeros((0, 0))


@dataclass(
    frozen=True,
    eq=False,
)
class Cells:
    """One matrix.

    Attributes:
        mark: What declared it.
        values: Its cells; nan where the table has no row.
        errors: Their standard errors; empty where none are declared.
        x: Centres of the columns.
        y: Centres of the rows.
        names_x: What stands at the columns; empty: numbers.
        names_y: What stands at the rows.
    """

    mark: Matrix
    values: Float[np.ndarray, "row column"]
    x: Float[np.ndarray, " column"]
    y: Float[np.ndarray, " row"]
    names_x: tuple[str, ...] = ()
    names_y: tuple[str, ...] = ()
    errors: Float[np.ndarray, "_row _column"] = field(default_factory=_no_cells)

    @property
    def is_undecided(self) -> Bool[np.ndarray, "row column"]:
        """Where a value lies within two standard errors of 0."""
        if not self.errors.size:
            return np.zeros(self.values.shape, dtype=bool)
        return np.abs(self.values) < 2 * self.errors


def rows_of(tables: Mapping[str, Table], mark: Mark, *columns: str) -> Table:
    """The rows that a mark shows, of which there may be none.

    Raises:
        InvalidInputError: If the table or a column is missing.
    """
    names = [*columns, *mark.only]
    required = list(filter(None, names))
    table = tables.get(mark.table)
    if table is None or not set(required).issubset(table.columns):
        table = need(tables, mark.table, *required)
    return table.select(**mark.only)


def distinct(column: np.ndarray) -> list[object]:
    """The values of a column in the order of their first rows."""
    return list(dict.fromkeys(column.tolist()))


def text_of(value: object) -> str:
    """How a value of a table is written in a legend and in the keys of a chart.

    Example:
        >>> text_of(0.5), text_of(3.0), text_of("adam")
        ('0.5', '3', 'adam')
    """
    if isinstance(value, int | float):
        return f"{value:g}"
    return str(value)


def cells_of(tables: Mapping[str, Table], mark: Matrix) -> Cells:
    """The cells of a matrix: from one row each, or from one column that holds them.

    Raises:
        InvalidInputError: If the table or a column is missing.
    """
    if not mark.x:
        return _stored_matrix(rows_of(tables, mark, mark.value), mark)
    table = rows_of(tables, mark, mark.x, mark.y, mark.value, mark.error)
    column_x = table[mark.x]
    column_y = table[mark.y]
    across = _Positions.of(column_x, mark.names_x)
    up = _Positions.of(column_y, mark.names_y)
    shape = (len(up.centres), len(across.centres))
    values = np.full(shape, np.nan)
    values[up.index, across.index] = table[mark.value]
    errors = _no_cells()
    if mark.error:
        errors = np.full(shape, np.nan)
        errors[up.index, across.index] = table[mark.error]
    return Cells(
        mark=mark,
        values=values,
        x=across.centres,
        y=up.centres,
        names_x=across.texts,
        names_y=up.texts,
        errors=errors,
    )


def _stored_matrix(table: Table, mark: Matrix) -> Cells:
    column = table[mark.value]
    # one row that holds a matrix, or rows that are the rows of a matrix
    matrix = column[0] if column.ndim == 3 else column
    height, width = matrix.shape
    return Cells(
        mark=mark,
        values=matrix.astype(np.float64),
        x=_side_by_side(width),
        y=_side_by_side(height),
    )


def _side_by_side(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float64)


@dataclass(
    frozen=True,
    eq=False,
)
class _Positions:
    """Where the cells lie along one axis.

    Numbers stand where they are; texts, and numbers with names, side by side.
    """

    centres: np.ndarray
    index: np.ndarray
    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: np.ndarray, names: Mapping[str, str]) -> _Positions:
        if column.dtype.kind in "iuf" and not names:
            numbers = column.astype(np.float64)
            return cls(*np.unique(numbers, return_inverse=True))
        values = distinct(column)
        index = [values.index(value) for value in column.tolist()]
        texts = [text_of(value) for value in values]
        return cls(
            centres=_side_by_side(len(values)),
            index=np.array(index, dtype=int),
            texts=tuple(names.get(text, text) for text in texts),
        )

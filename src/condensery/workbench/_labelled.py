"""The labelled view of a run's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from condensery._errors import MissingExtraError
from condensery.records import Table

if TYPE_CHECKING:
    from xarray import Dataset, DataTree


LABELS = (
    "member",
    "gamma",
    "gamma_prime",
    "kappa",
    "kappa_prime",
    "width",
    "seed",
    "unit",
    "feature",
    "sample",
    "step",
    "layer",
)
"""Columns that say where a row belongs, in the order of the axes."""

ROW = "row"


def labelled(tables: Mapping[str, Table], *, about: Mapping[str, str]) -> DataTree:
    """One dataset per table, and what they are about as attributes; see
    `Run.to_xarray`.

    Raises:
        MissingExtraError: If xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError(
            "xarray", extra="export", purpose="the labelled view"
        ) from error
    tree = xarray.DataTree.from_dict(
        {name: dataset(table) for name, table in tables.items()}
    )
    tree.attrs = dict(about)
    return tree


def dataset(table: Table) -> Dataset:
    """A table as a dataset: on a grid where its labels span one, by rows where they do
    not.
    """
    import xarray

    keys = [name for name in LABELS if name in table.columns and table[name].ndim == 1]
    axes, cells = _grid(table, keys)
    view = xarray.Dataset()
    for name, column in table.columns.items():
        if axes is not None and name in axes:
            continue
        inner = [f"{name}_{axis}" for axis in range(1, column.ndim)]
        if axes is None:
            values, outer = column, [ROW]
        else:
            shape = [len(axis) for axis in axes.values()]
            on_grid = np.empty_like(column)
            on_grid[cells] = column
            values = on_grid.reshape(*shape, *column.shape[1:])
            outer = list(axes)
        view[name] = xarray.Variable([*outer, *inner], values, _about(table, name))
    if axes is None:
        return view.set_coords(keys)
    coordinates: dict[str, Any] = {
        name: (name, values, _about(table, name)) for name, values in axes.items()
    }
    return view.assign_coords(coordinates)


def _about(table: Table, column: str) -> dict[str, str]:
    """The attributes of a column: its units, where it has any."""
    return {"units": table.units[column]} if column in table.units else {}


def _grid(
    table: Table, keys: list[str]
) -> tuple[dict[str, np.ndarray] | None, np.ndarray]:
    """The axes that the label columns span, and the cell of each row on that grid;
    None if they span none.
    """
    axes: dict[str, np.ndarray] = {}
    cell = np.zeros(len(table), dtype=np.int64)
    for name in keys:
        values, codes = np.unique(table[name], return_inverse=True)
        axes[name] = values
        cell = cell * len(values) + codes
    lengths = [len(values) for values in axes.values()]
    cells = int(np.prod(lengths, dtype=np.int64))
    fits = bool(axes) and 0 < cells == len(table)
    is_grid = fits and np.unique(cell).size == cells
    return (axes if is_grid else None), cell

"""A user's own (x, y) from CSV, NPY and NPZ files; nothing in them is ever
unpickled.
"""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from condensery._errors import InvalidInputError
from condensery.data._dataset import MOST_VALUES, Dataset, from_arrays

_CHUNK = 2**20


def read_table(path: Path) -> Dataset:
    """The data of one file: the last column is y in a CSV or a two-dimensional NPY
    file; an NPZ file holds x and y.

    Raises:
        InvalidInputError: The file cannot be read, is damaged, or holds something else.
    """
    readers = {".csv": _read_csv, ".npy": _read_npy, ".npz": _read_npz}
    try:
        x, y = readers[path.suffix.lower()](path)
    except InvalidInputError:
        raise
    except OSError as error:
        _refuse(
            path,
            f"a file that cannot be read ({error.strerror or error})",
            "a readable file",
            "check the path",
        )
    # a damaged file can make the parsers of numpy and zipfile raise nearly anything
    except Exception as error:
        fault = f"a damaged file ({type(error).__name__}: {error})"
        _refuse(path, fault, f"a whole {path.suffix} file of numbers", "write it again")
    data = from_arrays(x, y, name=path.name)
    samples, features = data.x.shape
    return replace(
        data, description=f"{path.name}: {samples} samples of {features} features"
    )


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    rows: list[list[float]] = []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        header_allowed = True
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header_allowed and all(_number(cell) is None for cell in cells):
                header_allowed = False
                continue
            header_allowed = False
            rows.append(
                _csv_row(
                    path,
                    reader.line_num,
                    cells,
                    width=len(rows[0]) if rows else len(cells),
                )
            )
    if not rows or len(rows[0]) < 2:
        content = "no rows of numbers" if not rows else "one column"
        _refuse(
            path,
            content,
            "two columns or more, the last one y",
            "separate the columns by commas",
        )
    table = np.array(rows)
    return table[:, :-1], table[:, -1]


def _csv_row(path: Path, line: int, cells: Sequence[str], *, width: int) -> list[float]:
    if len(cells) != width:
        _refuse(
            path,
            f"{len(cells)} columns in line {line}",
            f"{width}, as in the first row",
            "mend that line",
        )
    values = [_number(cell) for cell in cells]
    if None in values:
        text = cells[values.index(None)]
        _refuse(
            path,
            f"{text[:40]!r} in line {line}",
            "numbers, below at most one line of column names",
            "mend that line; columns are separated by commas",
        )
    return [value for value in values if value is not None]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _read_npy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with path.open("rb") as stream:
        table = _array(stream, path.stat().st_size, path)
    if table.ndim != 2 or table.shape[1] < 2:
        _refuse(
            path,
            f"an array of shape {table.shape}",
            "(sample, column) with two columns or more, the last one y",
            "or write x and y to an NPZ file: numpy.savez(file, x=x, y=y)",
        )
    return table[:, :-1], table[:, -1]


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        for key in ("x", "y"):
            if f"{key}.npy" not in members:
                names = (
                    ", ".join(name.removesuffix(".npy") for name in list(members)[:8])
                    or "nothing"
                )
                _refuse(
                    path,
                    f"arrays named {names}",
                    "arrays named x and y",
                    "numpy.savez(file, x=x, y=y)",
                )
            with archive.open(members[f"{key}.npy"]) as stream:
                arrays[key] = _array(stream, members[f"{key}.npy"].file_size, path)
    return arrays["x"], arrays["y"]


def _array(stream: IO[Any], size: int, path: Path) -> np.ndarray:
    """One NPY array; its header is held against the size of the file before anything is
    allocated on its word.
    """
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        _refuse(
            path,
            f"NPY version {version[0]}.{version[1]}",
            "version 1.0 or 2.0",
            "save plain numbers",
        )
    shape, fortran, dtype = readers[version](stream)
    if dtype.kind not in "biuf":
        _refuse(
            path,
            f"an array of {dtype}",
            "an array of numbers (objects are never unpickled)",
            "save plain numbers",
        )
    values = math.prod(shape)
    if min(shape, default=1) < 1 or values > MOST_VALUES:
        _refuse(
            path,
            f"an array of shape {shape}",
            f"from 1 to {MOST_VALUES} numbers",
            "choose other samples",
        )
    length, left = values * dtype.itemsize, size - stream.tell()
    if length != left:
        fault = "truncated" if left < length else "too long"
        _refuse(
            path,
            f"a {fault} array: {left} bytes where its header (shape {shape}) needs "
            f"{length}",
            "a file exactly as long as its header says",
            "write it again",
        )
    content = bytearray()
    while chunk := stream.read(_CHUNK):
        content += chunk
    flat = np.frombuffer(content, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _refuse(path: Path, content: str, allowed: str, remedy: str) -> NoReturn:
    raise InvalidInputError(
        f"data {path}", given=content, allowed=allowed, remedy=remedy
    ) from None

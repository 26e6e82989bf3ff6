"""A run's tables for other programs."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

from condensery._errors import InvalidInputError, MissingExtraError
from condensery._paths import unwritable, user_path
from condensery.records import Table
from condensery.workbench._opened import Run, reopen, require_tables

FORMATS = ("netcdf", "parquet", "csv")
_NEEDS = {
    "netcdf": ("xarray", "h5netcdf", "h5py"),
    "parquet": ("pyarrow",),
    "csv": (),
}
_EXTRAS = {"netcdf": "export", "parquet": "parquet"}


def export(
    run: str, runs: str | Path = "runs", *, format: str, to: str | Path | None = None
) -> Path:
    """Write a run's tables where another program reads them.

    ``netcdf`` is one file with a group per table (the labelled view of
    `Run.to_xarray`). ``parquet`` and ``csv`` are a folder with a file per table,
    ``config.json`` and ``claims.json``; a cell that holds an array is a list (in CSV as
    JSON).

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
        format: ``netcdf``, ``parquet`` or ``csv``.
        to: File or folder to make; by default one named after the run, here.

    Returns:
        What was made.

    Raises:
        InvalidInputError: If there is no such run or format, the run has no tables yet,
            or `to` exists already.
        MissingExtraError: If a package of the extra ``export`` (NetCDF) or ``parquet``
            is needed and not installed.
    """
    if format not in FORMATS:
        raise InvalidInputError(
            "format",
            given=format,
            allowed=", ".join(FORMATS),
            remedy="choose one of these",
        )
    opened = reopen(run, runs)
    require_tables(opened)
    for package in _NEEDS[format]:
        if find_spec(package) is None:
            raise MissingExtraError(
                package, extra=_EXTRAS[format], purpose=f"export as {format}"
            )
    target = (
        user_path(to, "to")
        if to is not None
        else Path(f"condensery-{opened.id}{'.nc' if format == 'netcdf' else ''}")
    )
    if not _is_free(target):
        raise InvalidInputError(
            "to",
            given=str(target),
            allowed="a path that does not exist yet, in a folder that does",
            remedy="choose another with --to, or move away what is there",
        )
    return _write(opened, format, target)


def _is_free(target: Path) -> bool:
    """Whether a file or folder can be made there."""
    try:
        return not target.exists() and target.absolute().parent.is_dir()
    except OSError:  # a name that is too long, a folder that may not be searched
        return False


def _write(run: Run, kind: str, target: Path) -> Path:
    """Write beside the target and then rename, so that what stands there is whole.

    Raises:
        InvalidInputError: If nothing can be written there.
    """
    try:
        folder = Path(mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    except OSError as error:
        refusal = unwritable(
            "to",
            target,
            error,
            allowed="a folder that this process may write to",
            remedy="choose another with --to",
            again="export again",
        )
        raise refusal from error
    try:
        made = folder / "made"
        if kind == "netcdf":
            run.to_xarray().to_netcdf(made, engine="h5netcdf")
        else:
            made.mkdir()
            write = _write_csv if kind == "csv" else _write_parquet
            for name, table in run.tables.items():
                write(table, made / f"{name}.{kind}")
            (made / "config.json").write_text(
                run.config.model_dump_json(indent=2) + "\n", encoding="utf-8"
            )
            claims = [claim.model_dump(mode="json") for claim in run.claims]
            (made / "claims.json").write_text(
                json.dumps(claims, indent=2) + "\n", encoding="utf-8"
            )
        made.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


def _write_csv(table: Table, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(_rows(table))


def _rows(table: Table) -> Iterator[list[object]]:
    for row in range(len(table)):
        cells = (column[row] for column in table.columns.values())
        yield [
            json.dumps(cell.tolist()) if cell.ndim else cell.item() for cell in cells
        ]


def _write_parquet(table: Table, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {
        name: pyarrow.array(column if column.ndim == 1 else column.tolist())
        for name, column in table.columns.items()
    }
    made = pyarrow.table(columns)
    pyarrow.parquet.write_table(
        made.replace_schema_metadata({"units": json.dumps(table.units)}), path
    )

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError, MissingExtraError
from condensery.workbench import _export

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"


@pytest.fixture
def run(tmp_path, runner) -> workbench.Run:
    return workbench.run(TINY, runs=tmp_path / "runs")


@pytest.fixture
def exported(run, tmp_path):
    """Exports the run to a place that does not exist."""

    def export(format, to=tmp_path / "out"):
        return workbench.export(
            "last",
            run.root,
            format=format,
            to=to,
        )

    return export


def test_csv_has_a_file_per_table_whose_numbers_are_exact(run, exported):
    made = exported("csv")
    names = sorted(path.name for path in made.iterdir())
    assert names == [
        "claims.json",
        "config.json",
        "members.csv",
        "noise.csv",
        "squares.csv",
    ]
    with (made / "squares.csv").open(
        encoding="utf-8",
        newline="",
    ) as file:
        rows = list(csv.DictReader(file))
    table = run.tables["squares"]
    squares = [float(row["square"]) for row in rows]
    assert squares == table["square"].tolist()
    arrays = [json.loads(row["first"]) for row in rows]
    assert arrays == table["first"].tolist()
    text = (made / "claims.json").read_text(encoding="utf-8")
    assert len(json.loads(text)) == 3


def test_parquet_gives_the_tables_back(run, exported):
    import pyarrow.parquet

    made = exported("parquet")
    table = pyarrow.parquet.read_table(made / "squares.parquet")
    assert table.column_names == ["kappa", "seed", "square", "first"]
    stored = run.tables["squares"]
    assert table["first"].to_pylist() == stored["first"].tolist()
    units = table.schema.metadata[b"units"]
    assert json.loads(units) == {"square": "1"}


def test_netcdf_gives_the_labelled_view_back(run, exported):
    import xarray

    made = exported("netcdf")
    with xarray.open_datatree(made, engine="h5netcdf") as tree:
        assert tree.identical(run.to_xarray())


def test_the_default_place_is_here_and_named_after_the_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = workbench.export("last", run.root, format="csv")
    assert made == Path(f"condensery-{run.id}")


def test_nothing_is_overwritten_or_left_half_done(exported, tmp_path, monkeypatch):
    target = tmp_path / "out"
    target.mkdir()
    for to in (target, tmp_path / "no" / "folder"):
        with pytest.raises(InvalidInputError, match="to: given"):
            exported("csv", to)
    monkeypatch.setattr(_export, "_write_csv", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exported("csv", tmp_path / "other")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["out", "runs"]


def test_an_unknown_format_and_a_missing_package_are_refused(
    run, exported, monkeypatch
):
    with pytest.raises(
        InvalidInputError, match="format: given zarr; allowed: netcdf, parquet, csv"
    ):
        workbench.export("last", run.root, format="zarr")
    monkeypatch.setattr(_export, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"condensery\[parquet\]"):
        exported("parquet")
    with pytest.raises(MissingExtraError, match=r"condensery\[export\]"):
        exported("netcdf")

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


def test_csv_has_a_file_per_table_whose_numbers_are_exact(run, tmp_path):
    made = workbench.export("last", run.root, format="csv", to=tmp_path / "out")
    assert sorted(path.name for path in made.iterdir()) == [
        "claims.json",
        "config.json",
        "members.csv",
        "noise.csv",
        "squares.csv",
    ]
    with (made / "squares.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = run.tables["squares"]
    assert [float(row["square"]) for row in rows] == table["square"].tolist()
    assert [json.loads(row["first"]) for row in rows] == table["first"].tolist()
    assert len(json.loads((made / "claims.json").read_text(encoding="utf-8"))) == 3


def test_parquet_gives_the_tables_back(run, tmp_path):
    import pyarrow.parquet

    made = workbench.export(run.id, run.root, format="parquet", to=tmp_path / "out")
    table = pyarrow.parquet.read_table(made / "squares.parquet")
    assert table.column_names == ["kappa", "seed", "square", "first"]
    assert table["first"].to_pylist() == run.tables["squares"]["first"].tolist()
    assert json.loads(table.schema.metadata[b"units"]) == {"square": "1"}


def test_netcdf_gives_the_labelled_view_back(run, tmp_path):
    import xarray

    made = workbench.export(run.id, run.root, format="netcdf", to=tmp_path / "out.nc")
    with xarray.open_datatree(made, engine="h5netcdf") as tree:
        assert tree.identical(run.to_xarray())


def test_the_default_place_is_here_and_named_after_the_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert workbench.export("last", run.root, format="csv") == Path(
        f"condensery-{run.id}"
    )


def test_nothing_is_overwritten_or_left_half_done(run, tmp_path, monkeypatch):
    target = tmp_path / "out"
    target.mkdir()
    for to in (target, tmp_path / "no" / "folder"):
        with pytest.raises(InvalidInputError, match="to: given"):
            workbench.export("last", run.root, format="csv", to=to)
    monkeypatch.setattr(_export, "_write_csv", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        workbench.export("last", run.root, format="csv", to=tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs"]


def test_an_unknown_format_and_a_missing_package_are_refused(
    run, tmp_path, monkeypatch
):
    with pytest.raises(
        InvalidInputError, match="format: given zarr; allowed: netcdf, parquet, csv"
    ):
        workbench.export("last", run.root, format="zarr")
    monkeypatch.setattr(_export, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"condensery\[export\]"):
        workbench.export("last", run.root, format="parquet", to=tmp_path / "out")

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import condensery
from condensery import workbench
from condensery._errors import InvalidInputError, MissingExtraError
from condensery.records import Table
from condensery.workbench._labelled import dataset

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"


@pytest.fixture
def run(tmp_path, runner) -> workbench.Run:
    return condensery.run(TINY, runs=tmp_path, seeds=3)


def test_a_run_is_opened_by_prefix_and_by_last(run):
    for name in (run.id, run.id[:5], "last"):
        opened = condensery.open(name, run.root)
        assert opened.id == run.id
        assert opened.status == "done"
        assert opened.config == run.config
    assert repr(opened) == f"<Run {run.id} of {TINY}, preset quick: done>"


def test_a_figure_is_drawn_on_a_users_axes(run):
    from matplotlib.figure import Figure

    mine = Figure()
    axes = mine.subplots()
    assert run.figure("squares", axes) is mine
    drawn = axes.lines[0].get_ydata()
    stored = run.tables["squares"]["square"]
    assert drawn.tolist() == stored.tolist()
    assert run.figure("squares") is not mine
    with pytest.raises(
        InvalidInputError, match="figure: given circles; allowed: squares"
    ):
        run.figure("circles")


def test_a_notebook_shows_claims_and_figures(run):
    html = run._repr_html_()
    assert "Two squared is four." in html
    assert "The mood is &lt;b&gt;calm&lt;/b&gt;." in html
    images = re.findall(r'<img src="data:image/png;base64,', html)
    assert len(images) == 1
    assert "<script" not in html


def test_a_run_that_is_not_finished_shows_itself_too(tmp_path, runner):
    runner.interrupt_after = 1
    with pytest.raises(KeyboardInterrupt):
        condensery.run(TINY, runs=tmp_path)
    opened = condensery.open("last", tmp_path)
    assert "No claims yet" in opened._repr_html_()
    for ask in (opened.to_xarray, lambda: opened.figure("squares")):
        with pytest.raises(InvalidInputError, match="resume"):
            ask()


def test_the_labelled_view_has_a_grid_where_the_labels_span_one(run):
    tree = run.to_xarray()
    squares = tree["squares"].to_dataset()
    assert dict(squares.sizes) == {"kappa": 3, "seed": 3, "first_1": 2}
    square = squares["square"].sel(kappa=3.0, seed=1)
    assert square.values.tolist() == 9
    assert squares["square"].attrs == {"units": "1"}
    table = run.tables["squares"]
    for row in range(len(table)):
        labels = {name: table[name][row] for name in ("kappa", "seed")}
        cell = squares["first"].sel(labels)
        np.testing.assert_array_equal(cell, table["first"][row])
    assert tree["noise"]["mean"].dims == ("row",)
    assert run.id == tree.attrs["run"]


@pytest.mark.parametrize("seed", [[0, 1, 1], [0, 1, 2]])
def test_rows_stay_rows_where_the_labels_span_no_grid(seed):
    columns = {
        "width": [10, 20, 20],
        "seed": seed,
        "rd": [0.1, 0.2, 0.3],
    }
    view = dataset(Table(columns=columns))
    assert view["rd"].dims == ("row",)
    assert set(view.coords) == {"width", "seed"}


def test_an_empty_table_and_one_without_labels_are_rows():
    empty = Table(columns={"width": np.zeros(0)})
    assert dataset(empty).sizes == {"row": 0}
    unlabelled = Table(columns={"x": [1.0, 2.0]})
    view = dataset(unlabelled)
    assert view["x"].values.tolist() == [1.0, 2.0]


def test_a_missing_xarray_names_the_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingExtraError, match=r"condensery\[export\]"):
        run.to_xarray()

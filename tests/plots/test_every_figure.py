"""What holds for all figures: legible, whole, safe to draw anywhere."""

from __future__ import annotations

import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.plots.legibility import outside, overlaps, shown_texts

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.plots._style import PAGE
from condensery.records import Table

FUNCTIONS = {"panels", "render", "save", "style"}


def unmet(cases) -> set[str]:
    """Modules of figures that no case draws."""
    figures = set(plots.__all__) - FUNCTIONS
    return figures - {case()[0].__name__.rpartition(".")[2] for case in cases.values()}


def test_every_module_is_met_by_these_tests(cases):
    files = {path.stem for path in Path(plots.__file__).parent.glob("[!_]*.py")}
    assert files == set(plots.__all__) - FUNCTIONS
    assert unmet(cases) == set()
    assert unmet(
        {name: case for name, case in cases.items() if name != "verdicts"}
    ) == {"verdicts"}


@pytest.mark.slow
def test_text_is_at_least_seven_points_at_the_size_of_print(figure):
    assert figure.get_figwidth() <= PAGE
    sizes = {text.get_fontsize() for text in shown_texts(figure)}
    assert sizes
    assert min(sizes) >= 7.0


def test_nothing_hangs_over_the_edge_of_the_paper(figure):
    assert outside(figure) == []


def test_no_label_lies_on_another(figure):
    assert overlaps(figure) == []


def test_a_label_on_another_is_seen():
    figure = Figure()
    figure.text(0.5, 0.5, "below")
    figure.text(0.51, 0.5, "above")
    figure.text(0.5, 0.9, "elsewhere")
    assert overlaps(figure) == [("below", "above")]


def test_panels_stay_where_they_are_whatever_is_rendered(tables):
    figure = plots.regimes.draw(plots.regimes.figure_data(tables["neurons"]()))
    before = [ax.get_position().bounds for ax in figure.axes]
    figure.axes[3].set_ylabel("a label of\ntwo lines")
    plots.render(figure, "pdf")
    assert [ax.get_position().bounds for ax in figure.axes] == before


def test_on_a_users_axes(case):
    module, tables, options, count = case
    data = module.figure_data(tables, **options)
    figure = Figure(figsize=(14, 12))
    given = np.atleast_1d(figure.subplots(1, count + 1))
    untouched = given[-1]
    assert module.draw(data, given[0] if count == 1 else given[:-1]) is figure
    assert all(ax.has_data() for ax in given[:-1])
    assert not untouched.has_data()


def test_the_wrong_number_of_axes_is_refused(case):
    module, tables, options, count = case
    data = module.figure_data(tables, **options)
    too_many = [Figure().subplots()] * (count + 1)
    with pytest.raises(InvalidInputError, match=f"allowed: {count} matplotlib Axes"):
        module.draw(data, too_many)
    with pytest.raises(InvalidInputError, match="of type int"):
        module.draw(data, [3] * count)


def test_the_users_settings_neither_leak_in_nor_get_lost(selected):
    module, tables, options, _ = selected
    data = module.figure_data(tables, **options)
    usual = plots.render(module.draw(data), "png")
    with mpl.rc_context({"font.size": 23.0, "axes.grid": True, "text.color": "red"}):
        before = dict(mpl.rcParams)
        strange = plots.render(module.draw(data), "png")
        assert dict(mpl.rcParams) == before
    assert strange == usual


@pytest.mark.slow
def test_data_is_frozen_and_draw_leaves_it_alone(selected):
    module, tables, options, _ = selected
    data = module.figure_data(tables, **options)
    arrays = {
        f.name: np.array(getattr(data, f.name))
        for f in fields(data)
        if isinstance(getattr(data, f.name), np.ndarray)
    }
    module.draw(data)
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(data, name), array)
    with pytest.raises(FrozenInstanceError):
        setattr(data, fields(data)[0].name, None)


@pytest.mark.parametrize(
    "name",
    [
        "slope_map",
        "rd_against_width",
        "regimes",
        "scatter_grid",
        "orientation_growth",
    ],
)
def test_missing_and_empty_tables_are_named(name, tables):
    module = getattr(plots, name)
    with pytest.raises(InvalidInputError, match="tables: given none"):
        module.figure_data({})
    names = {
        "slope_map": "slopes",
        "rd_against_width": "members",
        "regimes": "scatter",
        "scatter_grid": "scatter_grid",
    }
    first = names.get(name, {"orientation_growth": "growth"}.get(name, ""))
    with pytest.raises(
        InvalidInputError, match=f"table '{first}': given 0 rows of no columns"
    ):
        module.figure_data({first: Table(columns={})})


@pytest.mark.slow
def test_no_pyplot_and_no_framework_is_loaded():
    """pyplot keeps global state: drawing in a thread or in a notebook must not go
    through it.
    """
    code = """
import sys
import condensery.plots as plots
assert "matplotlib" not in sys.modules, "importing the package must stay light"
from condensery.records import Table
columns = {"gamma": [0.5, 1.5], "gamma_prime": [0.0, 0.0], "slope": [-0.5, 0.25]}
data = plots.slope_map.figure_data({"slopes": Table(columns=columns)})
plots.render(plots.slope_map.draw(data), "pdf")
for name in plots.__all__:
    getattr(plots, name)
frameworks = {"matplotlib.pyplot", "jax", "torch", "sqlite3"}
bad = (frameworks | {"condensery.metrics", "condensery.theory"}) & set(sys.modules)
assert not bad, bad
assert "matplotlib" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_unknown_names_of_the_package():
    assert dir(plots) == sorted(plots.__all__)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        plots.nothing_like_it  # ruff: ignore[useless-expression]

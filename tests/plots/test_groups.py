"""The figures of condensed groups over time, as data."""

import numpy as np
import pytest
from tests.plots.declared import options_of

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.experiments.condensation_dynamics import condensation_dynamics
from condensery.plots import group_tree
from condensery.records import Table


def test_a_lineage_knows_where_it_came_from_and_went(tables):
    data = group_tree.figure_data(tables["groups"]())
    assert [column.title for column in data.columns] == ["the first", "the second"]
    first, second, third = data.columns[0].lineages
    assert second.step.tolist() == [10, 100]
    assert second.parent == pytest.approx(0.2)  # of lineage 0 at step 10
    assert second.heir == pytest.approx(0.3)  # of lineage 0 at step 100
    assert np.isnan([first.parent, first.heir, third.parent, third.heir]).all()
    assert (first.later, second.later) == (False, True)


def test_without_titles_the_names_stand_above(tables):
    made = tables["groups"]()
    del made["targets"]
    assert [column.title for column in group_tree.figure_data(made).columns] == [
        "first",
        "second",
    ]


def test_merges_are_no_births(tables):
    options = options_of(condensation_dynamics, "birth-alignment")
    cosines, ranks = plots.chart.figure_data(
        tables["groups"](),
        **options,
    ).panels
    *lines, first, second, parent, _ = cosines.series
    assert [line.x.tolist() for line in lines] == [first.x.tolist(), second.x.tolist()]
    assert first.look.label == "first (2 births)"
    assert first.x.tolist() == [0.9, 0.9, 1.0]
    assert first.y.tolist() == [0.0, 0.5, 1.0]
    assert second.x.tolist() == [-0.2, -0.2, 0.4]
    assert parent.x.tolist() == [0.1, 0.1]
    assert ranks.series[1].x.tolist() == [0.2, 0.2, 0.7]


def test_missing_and_empty_tables_are_named():
    with pytest.raises(InvalidInputError, match="tables: given none"):
        group_tree.figure_data({})
    empty = {
        "curves": Table(
            columns={},
        )
    }
    with pytest.raises(
        InvalidInputError,
        match="'curves': given 0 rows of no columns",
    ):
        group_tree.figure_data(empty)

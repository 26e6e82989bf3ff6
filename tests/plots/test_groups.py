"""The figures of condensed groups over time, as data."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.plots import birth_alignment, group_tree
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
    series = birth_alignment.figure_data(tables["groups"]()).series
    assert series[0].cosine.tolist() == [0.9, 1.0]
    assert series[0].parent.tolist() == [0.1]
    assert series[1].rank.tolist() == [0.2, 0.7]


@pytest.mark.parametrize(
    ("module", "first"), [(group_tree, "curves"), (birth_alignment, "events")]
)
def test_missing_and_empty_tables_are_named(module, first):
    with pytest.raises(InvalidInputError, match="tables: given none"):
        module.figure_data({})
    with pytest.raises(
        InvalidInputError, match=f"table '{first}': given 0 rows of no columns"
    ):
        module.figure_data({first: Table(columns={})})

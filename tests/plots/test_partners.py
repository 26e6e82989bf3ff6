"""The figure of partners, as data and as what is drawn."""

import numpy as np
import pytest
from matplotlib.text import Text

from condensery._errors import InvalidInputError
from condensery.plots import partners
from condensery.records import Table


def test_panels_are_networks_whether_they_are_there_or_not(tables):
    data = partners.figure_data(tables["partners"]())
    assert [panel.title for panel in data.panels] == ["A", "B", "C"]
    assert [len(panel.layers) for panel in data.panels] == [5, 30, 0]
    np.testing.assert_allclose(data.panels[0].either, [0.25, 0.0, 0.02, 0.0, 1.0])
    np.testing.assert_allclose(data.panels[0].bare, [1.0, 0.0, 0.02, 0.0, 0.25])
    assert data.panels[0].two_way.tolist() == [False] * 4 + [True]
    assert [panel.absent for panel in data.panels] == ["", "", "c-net:\nnot installed"]


def test_zeros_are_drawn_and_the_head_is_no_dot(tables):
    figure = partners.draw(partners.figure_data(tables["partners"]()))
    ax = figure.axes[0]
    marks = {
        line.get_marker(): line.get_xydata().tolist()
        for line in ax.lines
        if line.get_marker() in {"D", "x"}
    }
    rings = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in rings] == [
        [[1, 25], [3, 2]],
        [[2, 0], [4, 0]],
    ]
    assert marks == {"D": [[5, 100]], "x": [[1.25, 100], [3.25, 2]]}
    texts = {text.get_text() for text in figure.axes[2].findobj(Text)}
    assert "c-net:\nnot installed" in texts


def test_a_run_without_any_network_is_drawn(tables):
    made = tables["partners"]()
    none = {
        name: ["not installed"] * 3 if name == "status" else column
        for name, column in made["networks"].columns.items()
    }
    empty = {name: column[:0] for name, column in made["layers"].columns.items()}
    data = partners.figure_data(
        {"networks": Table(columns=none), "layers": Table(columns=empty)}
    )
    assert all(panel.absent for panel in data.panels)
    assert len(partners.draw(data).axes) == 3


def test_missing_and_empty_tables_are_named(tables):
    with pytest.raises(InvalidInputError, match="tables: given none"):
        partners.figure_data({})
    with pytest.raises(
        InvalidInputError, match="table 'networks': given 0 rows of no columns"
    ):
        partners.figure_data({"networks": Table(columns={})})
    with pytest.raises(InvalidInputError, match="'layers'"):
        partners.figure_data({"networks": tables["partners"]()["networks"]})

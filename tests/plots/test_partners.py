"""The figure of partners, as data and as what is drawn."""

import numpy as np
import pytest
from matplotlib.text import Text

from condensery._errors import InvalidInputError
from condensery.plots.partners import draw, figure_data
from condensery.records import Table


@pytest.fixture
def example(tables):
    return tables["partners"]()


def test_panels_are_networks_whether_they_are_there_or_not(example):
    data = figure_data(example)
    titles = [panel.title for panel in data.panels]
    counts = [len(panel.layers) for panel in data.panels]
    absent = [panel.absent for panel in data.panels]
    assert titles == ["A", "B", "C"]
    assert counts == [5, 30, 0]
    assert absent == ["", "", "c-net:\nnot installed"]
    first = data.panels[0]
    either = [0.25, 0.0, 0.02, 0.0, 1.0]
    bare = [1.0, 0.0, 0.02, 0.0, 0.25]
    heads = np.flatnonzero(first.two_way)
    np.testing.assert_allclose(first.either, either)
    np.testing.assert_allclose(first.bare, bare)
    assert len(first.two_way) == 5
    assert heads.tolist() == [4]


def test_zeros_are_drawn_and_the_head_is_no_dot(example):
    data = figure_data(example)
    figure = draw(data)
    points = {"o": [], "D": [], "x": []}
    for line in figure.axes[0].lines:
        marker = line.get_marker()
        if marker in points:
            xy = line.get_xydata()
            points[marker].append(xy.tolist())
    dots = [[1, 25], [3, 2]]
    rings = [[2, 0], [4, 0]]
    diamonds = [[5, 100]]
    crosses = [[1.25, 100], [3.25, 2]]
    assert points["o"] == [dots, rings]
    assert points["D"] == [diamonds]
    assert points["x"] == [crosses]
    missing = figure.axes[2]
    labels = missing.findobj(Text)
    texts = {label.get_text() for label in labels}
    assert "c-net:\nnot installed" in texts


def test_a_run_without_any_network_is_drawn(example):
    networks = dict(example["networks"].columns)
    networks["status"] = ["not installed"] * 3
    layers = example["layers"].columns
    empty = {name: column[:0] for name, column in layers.items()}
    without = {
        "networks": Table(columns=networks),
        "layers": Table(columns=empty),
    }
    data = figure_data(without)
    assert all(panel.absent for panel in data.panels)
    figure = draw(data)
    assert len(figure.axes) == 3


def test_missing_and_empty_tables_are_named(example):
    with pytest.raises(InvalidInputError, match="tables: given none"):
        figure_data({})
    empty = Table(columns={})
    message = "table 'networks': given 0 rows of no columns"
    with pytest.raises(InvalidInputError, match=message):
        figure_data({"networks": empty})
    networks = example["networks"]
    with pytest.raises(InvalidInputError, match="'layers'"):
        figure_data({"networks": networks})

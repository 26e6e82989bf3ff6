"""The figures of three-layer networks, as data."""

import numpy as np
import pytest
from tests.plots.tables_layers import (
    CASES,
    SHOWN_GAMMAS,
    Config,
    layer_options,
    three_layer,
    three_layers,
)

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.records import Table


def shown(name, tables):
    return plots.chart.figure_data(tables, **layer_options(name))


def test_every_cell_of_the_map_is_the_tables():
    tables = three_layers(hole=True)
    slopes = tables["slopes"]
    data = shown("layer-maps", tables)
    for panel, layer in zip(data.panels, ("first", "second"), strict=True):
        (cells,) = panel.cells
        for row, gamma2 in enumerate(cells.y):
            for column, gamma3 in enumerate(cells.x):
                cell = slopes.select(
                    gamma2=gamma2,
                    gamma3=gamma3,
                )
                expected = cell[layer][0] if len(cell) else np.nan
                np.testing.assert_equal(cells.values[row, column], expected)
        assert np.isnan(cells.values[0, 0])
        # the standard error is 0.02
        undecided = np.abs(cells.values) < 0.04
        np.testing.assert_array_equal(cells.is_undecided, undecided)


def test_the_map_is_filled_and_its_lines_are_named():
    figure = plots.chart.draw(shown("layer-maps", three_layers()))
    left, *_ = figure.axes
    assert left.get_xlim() == (0.75, 2.25)
    assert left.get_ylim() == (-0.75, 0.75)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == 3
    assert names[0] == "within two s.e. of 0"


def test_distances_of_both_layers_follow_their_slopes():
    data = shown("layer-distance", three_layers())
    for panel, offset in zip(data.panels, (1.5, 2.0), strict=True):
        lines, means = panel.series[:3], panel.series[3:]
        for gamma3, line, mean in zip((1.0, 1.5, 2.0), lines, means, strict=True):
            for series in (line, mean):
                slope, _ = np.polyfit(np.log(series.x), np.log(series.y), 1)
                assert slope == pytest.approx(gamma3 - offset, abs=1e-9)
            name = f"γ₃ = {gamma3:g}: {gamma3 - offset:.3f} ± 0.020"
            assert mean.look.label == name.replace("-", "−")


def test_without_the_row_there_is_no_figure_of_distances():
    names = [figure.name for figure in three_layer.figures(Config(gamma2s=(0.5,)))]
    assert names == ["layer-maps", "layer-orientations", "layer-neurons"]


def test_pairs_are_shown_before_and_after():
    tables = three_layers()
    data = shown("layer-neurons", tables)
    units = tables["pairs"].select(
        gamma3=2.0,
        when=1,
    )
    *_, last = data.panels
    _, after, count = last.series
    assert after.x.tolist() == units["weight"].tolist()
    assert after.y.tolist() == units["bias"].tolist()
    assert count.texts == ("orientations of the longest: 1",)
    titles = [panel.panel.title for panel in data.panels[:3]]
    assert titles == [f"γ₃ = {gamma3:g}" for gamma3 in SHOWN_GAMMAS]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("layer-maps", "slopes"),
        ("layer-distance", "row_distances"),
        ("layer-neurons", "pairs"),
    ],
)
def test_missing_and_empty_tables_are_named(name, first):
    with pytest.raises(InvalidInputError, match="tables: given none"):
        shown(name, {})
    emptied = {
        **three_layers(),
        first: Table(columns={}),
    }
    message = f"table '{first}': given 0 rows of no columns"
    with pytest.raises(InvalidInputError, match=message):
        shown(name, emptied)


def test_every_case_has_the_panels_that_it_says():
    for module, tables, options, count in (case() for case in CASES.values()):
        assert len(module.figure_data(tables, **options).panels) == count

"""The figures of dropout: what `figure_data` picks from tables written by hand."""

import pytest
from tests.plots.tables_dropout import (
    CASES,
    contour_tables,
    control_tables,
    cosine_tables,
    feature_options,
    feature_tables,
    image_options,
    image_tables,
    path_tables,
    regulariser_tables,
    stall_options,
    stall_tables,
    switch_options,
    switch_tables,
)

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.records import Table


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]()


def test_missing_tables_are_named(case):
    module, tables, options, _ = case
    with pytest.raises(
        InvalidInputError,
        match="tables: given",
    ):
        module.figure_data(
            {},
            **options,
        )
    for name in tables:
        emptied = {
            **tables,
            name: Table(columns={}),
        }
        with pytest.raises(
            InvalidInputError,
            match=f"table '{name}'",
        ):
            module.figure_data(emptied, **options)


def test_features_are_picked_by_target_depth_and_moment():
    data = plots.chart.figure_data(
        feature_tables(),
        **feature_options("dropout-features-relu"),
    )
    assert len(data.panels) == 8
    *_, plain, dropout = data.panels[:4]
    deep_plain, *_ = data.panels[4].series
    assert deep_plain.y.tolist() == [2.0, 3.0, 4.0]
    expected, initial, final = dropout.series
    assert expected.x.tolist() == [-0.32]
    assert final.x.tolist() == [1.5, 1.5]
    assert initial.x.tolist() == [0.5, 0.5]
    assert plain.panel.title == "without dropout"
    with pytest.raises(
        KeyError,
        match="dropout-features-tanh",
    ):
        feature_options(
            "dropout-features-tanh",
            targets=("relu",),
        )


def test_curves_are_put_in_order():
    switch = plots.chart.figure_data(
        switch_tables(),
        **switch_options(),
    )
    (at_switch,) = switch.panels[0].guides
    assert at_switch.x == (10.0,)
    outputs = {series.look.label: series for series in switch.panels[0].series}
    assert list(outputs) == ["before, $R_S$", "$R_S$", "$R_{drop}$", "$R_S+R_1$"]
    *_, expected, _ = switch.panels[3].series
    assert expected.y.tolist() == [4.0, 5.0]
    controls = plots.chart.figure_data(
        control_tables(),
        **feature_options(
            "dropout-controls",
            targets=("tanh",),
        ),
    )
    growth, profiles = controls.panels
    batches = growth.series[1]
    assert batches.look.label == "batches of two"
    assert batches.x.tolist() == [0.0, 10.0]
    assert batches.y.tolist() == [4.0, 3.0]
    assert profiles.series[0].y.tolist() == [1e-3, 9.0]
    stall = plots.chart.figure_data(
        stall_tables(),
        **stall_options(),
    )
    losses, counts, _ = stall.panels
    *_, dropout = losses.series
    assert dropout.look.label == "large, dropout"
    assert dropout.x.tolist() == [0.0, 10.0]
    assert dropout.y.tolist() == [1.0, 0.1]
    assert counts.series[-1].y.tolist() == [60.0, 4.0]
    regulariser = plots.dropout_regulariser.figure_data(regulariser_tables())
    assert regulariser.keep.tolist() == [0.5, 0.9]
    assert regulariser.terms["r2 shared"].tolist() == [3.0, 0.3]
    assert regulariser.vectors["expected"][0].tolist() == [[0.9, -0.3], [0.47, 0.19]]
    contours = plots.dropout_contours.figure_data(contour_tables())
    assert contours.plain[0, -1] == pytest.approx(0)
    assert contours.paths["plain"][0].tolist() == [[0.1, 0.2], [0.5, 0.5]]


def test_errors_are_percent_over_p_and_begin_at_0():
    data = plots.chart.figure_data(
        image_tables(),
        **image_options("dropout-images"),
    )
    errors, _, starts, parts = data.panels
    plain, dropout, _ = errors.series
    assert plain.y == pytest.approx([30])
    assert dropout.x.tolist() == [0.6, 0.9]
    assert dropout.y.tolist() == pytest.approx([14, 15])
    # two seeds 2 points apart: one point of standard error
    assert dropout.high[1] - dropout.y[1] == pytest.approx(1)
    large, small = starts.series
    assert large.y.tolist() == pytest.approx([30, 14, 14.5])
    assert small.y.tolist() == pytest.approx([10, 9, 8])
    descent, with_term, without = parts.series
    assert descent.y == pytest.approx([28])
    assert with_term.x.tolist() == [1, 3]
    assert without.y == pytest.approx([29, 28])
    assert parts.panel.title == "$p = 0.8$, gradient descent"
    for panel in (errors, starts, parts):
        assert panel.panel.y.limits[0] == 0


def test_paths_are_medians_in_order():
    data = plots.chart.figure_data(
        path_tables(),
        **image_options("dropout-paths"),
    )
    titles = [panel.panel.title for panel in data.panels]
    assert titles == ["$p = 0.8$", "$p = 0.5$"]
    for panel, levels in zip(
        data.panels, ([0.1, 0.6, 1.6, 2.1], [1.0] * 4), strict=True
    ):
        labels = [series.look.label for series in panel.series]
        assert set(filter(None, labels)) == {
            "both with $R_1$",
            "both without",
            "one with, one without",
        }
        assert len(panel.series) == 6
        for series in panel.series:
            assert series.x.tolist() == [-0.5, 0.0, 1.0, 1.5]
            assert series.y.tolist() == pytest.approx(levels)


def test_the_cosines_of_vectors_stand_side_by_side():
    data = plots.chart.figure_data(
        cosine_tables(),
        **feature_options("dropout-cosines"),
    )
    plain, dropout = data.panels
    assert [panel.panel.title for panel in data.panels] == ["$p = 1$", "$p = 0.5$"]
    assert plain.cells[0].values[0, 0] == 1
    assert dropout.cells[0].values[0, 0] == -1

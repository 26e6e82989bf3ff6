"""The figures of initial condensation: their numbers."""

import numpy as np
import pytest
from tests.plots.tables_initial import (
    CASES,
    cnn_options,
    cosines,
    deep_options,
    early_options,
    kernel_cosines,
    kernels,
    learning_options,
    measures,
    on_a_line,
    options,
    plane,
    plane_options,
)

from condensery import plots
from condensery._errors import InvalidInputError


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]()


def test_missing_tables_are_named(case):
    module, _, options, _ = case
    with pytest.raises(
        InvalidInputError,
        match="tables",
    ):
        module.figure_data({}, **options)


def test_arrows_have_length_one_or_none():
    data = plots.direction_field.figure_data(on_a_line())
    lengths = np.linalg.norm(
        data.panels[0].motion,
        axis=1,
    )
    np.testing.assert_allclose(lengths, [0, 1, 1, 1, 1, 1])
    assert np.linalg.norm(
        data.panels[1].field_motion,
        axis=1,
    ).max() == pytest.approx(1)
    assert [len(one.lines) for one in data.panels] == [1, 0, 0, 2, 0]


def test_outputs_come_in_the_order_of_their_steps():
    data = plots.chart.figure_data(
        on_a_line(),
        **early_options(),
    )
    target, *models, polynomial, _ = data.panels[0].series
    assert target.y.tolist() == [0, 0.25, 1]
    outputs = {series.look.label: series.y.tolist() for series in models}
    assert outputs == {
        "step 20": [0, 1, 2],
        "step 5": [0, 0.5, 1],
    }
    assert polynomial.y.tolist() == [0, 0.5, 1]


def test_maps_and_their_titles():
    notebook = plots.chart.figure_data(
        cosines(),
        **options("cosines-demo-b"),
    )
    assert [panel.panel.title for panel in notebook.panels] == [
        "start",
        "Adam, step 1",
        "Adam, step 101",
        "descent, at its end",
    ]
    deep = plots.chart.figure_data(
        cosines(),
        **deep_options(),
    )
    # both draws with residuals, and the second without: rows 0 to 9 and 15 to 19
    cells = [panel.cells[0].values[0, 0] for panel in deep.panels]
    rows = [*range(10), *range(15, 20)]
    assert (np.array(cells) * 20).round(9).tolist() == rows
    assert deep.panels[1].panel.title == "x tanh x,\nstep 900"
    names = [panel.panel.y.label for panel in deep.panels[::5]]
    assert names == ["draw 1", "draw 2", "draw 2,\nno residuals"]


def test_kernels_are_named_by_network_and_stage():
    data = plots.chart.figure_data(
        kernel_cosines(), **cnn_options("kernel-cosines", activations=["tanh"])
    )
    cells = [panel.cells[0].values[0, 0] for panel in data.panels]
    np.testing.assert_allclose(np.array(cells) * 6, range(6))
    titles = [panel.panel.title for panel in data.panels[:2]]
    assert titles == ["tanh, std 0.001", "tanh, std 0.1"]
    assert data.panels[0].series == ()
    assert data.panels[2].series[0].texts == ("step 3, 10% right",)
    assert data.panels[4].panel.y.label == "at the end"


def test_counts_and_shares_by_hand():
    data = plots.chart.figure_data(
        measures(),
        **options(
            "line-counts",
            draws=3,
        ),
    )
    (counts,), (adam, descent) = data.panels[0].cells, data.panels[1].series
    # lines 1, 4 and 7 in three draws
    draws = np.nan_to_num(counts.values[0])
    np.testing.assert_array_equal(draws, [0, 1, 0, 0, 1, 0, 1])
    assert counts.names_x[-1] == "≥ 6"
    # of Adam the step before the last, of descent the last
    np.testing.assert_allclose([adam.y[0], descent.y[0]], [0.01, 0.7])


def test_courses_are_medians_with_their_range():
    data = plots.chart.figure_data(
        measures(),
        **options("alignment"),
    )
    (adam, _), (descent, _) = (panel.series for panel in data.panels)
    np.testing.assert_allclose(adam.y, [0.2, 0.21, 0.4])
    np.testing.assert_allclose([adam.low[1], adam.high[1]], [0.01, 0.41])
    assert descent.x.tolist() == [0, 700]


def test_the_map_has_a_hole_where_nothing_was_measured():
    data = plots.chart.figure_data(
        plane(),
        **plane_options("initial-map"),
    )
    slopes, _, times = (panel.cells[0] for panel in data.panels)
    assert np.isnan(times.values[2, 2])
    expected = np.array([1.0, 2, 3]) - 1 - np.array([[-0.5], [0], [0.5]])
    np.testing.assert_allclose(slopes.values, expected)
    np.testing.assert_array_equal(slopes.is_undecided, np.abs(expected) < 0.6)
    assert not times.is_undecided.any()


def test_series_and_courses_of_means():
    widths = plots.chart.figure_data(
        plane(),
        **plane_options("initial-widths"),
    )
    closed, _, measured, _ = widths.panels[0].series
    assert measured.look.label == "γ = 2, γ′ = 0"
    np.testing.assert_allclose(closed.y, np.repeat([100 / 60, 1000 / 60], 2))
    np.testing.assert_allclose(measured.y, np.repeat([2.0, 20.0], 2))
    learning = plots.chart.figure_data(
        kernels(),
        **learning_options(),
    )
    pairs, _ = learning.panels[0].series
    np.testing.assert_allclose(pairs.y, [0, 0.6, 1])
    options_of_kernels = cnn_options("kernel-alignment")
    aligned = plots.chart.figure_data(
        kernels(),
        **options_of_kernels,
    )
    small, large, *_ = aligned.panels[0].series
    assert (small.look.label, large.look.label) == ("std 1e-05", "std 0.01")
    assert (np.diff(small.y) > 0).all()

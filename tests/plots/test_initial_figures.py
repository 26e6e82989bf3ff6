"""The figures of initial condensation: their numbers."""

import numpy as np
import pytest
from tests.plots.tables_initial import (
    CASES,
    cosines,
    kernels,
    measures,
    on_a_line,
    plane,
)

from condensery import plots
from condensery._errors import InvalidInputError


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]()


def test_missing_tables_are_named(case):
    module, _, options, _ = case
    with pytest.raises(InvalidInputError, match="tables"):
        module.figure_data({}, **options)


@pytest.mark.parametrize(
    "module", [plots.cosine_maps, plots.line_counts, plots.alignment]
)
def test_a_part_that_was_not_run_is_refused(module):
    with pytest.raises(InvalidInputError, match="part: given six"):
        module.figure_data({**cosines(), **measures()}, part="six")


def test_arrows_have_length_one_or_none():
    data = plots.direction_field.figure_data(on_a_line())
    lengths = np.linalg.norm(data.panels[0].motion, axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 1, 1, 1, 1])
    assert np.linalg.norm(data.panels[1].field_motion, axis=1).max() == pytest.approx(1)
    assert [len(one.lines) for one in data.panels] == [1, 0, 0, 2, 0]


def test_outputs_come_in_the_order_of_their_steps():
    data = plots.early_outputs.figure_data(on_a_line())
    assert [curve.step for curve in data.panels[0].curves] == [5, 20]
    np.testing.assert_allclose(data.panels[0].curves[1].model, [0, 1, 2])


def test_maps_and_their_titles():
    assert [
        one.title
        for one in plots.cosine_maps.figure_data(cosines(), part="demo-b").maps
    ] == [
        "start",
        "Adam, step 1",
        "Adam, step 101",
        "descent, step 1200",
    ]
    deep = plots.cosine_maps.figure_data(cosines(), part="deep")
    # the second draw: rows 2 and 3 with residuals, 6 and 7 without
    assert [float(one.cosine[0, 0]) for one in deep.maps] == [
        2 / 8,
        3 / 8,
        6 / 8,
        7 / 8,
    ]
    assert deep.maps[1].title == "x tanh x, step 8"


def test_counts_and_shares_by_hand():
    data = plots.line_counts.figure_data(measures(), most=6)
    # lines 1, 4 and 7 in three draws
    np.testing.assert_array_equal(data.counts[0], [0, 1, 0, 0, 1, 0, 1])
    # of Adam the step before the last, of descent the last
    np.testing.assert_allclose(data.moved[:, 0], [0.01, 0.7])


def test_courses_are_medians_with_their_range():
    adam, descent = plots.alignment.figure_data(measures()).courses
    np.testing.assert_allclose(adam.aligned, [0.2, 0.21, 0.4])
    np.testing.assert_allclose([adam.low[1], adam.high[1]], [0.01, 0.41])
    assert descent.step.tolist() == [0, 700]


def test_the_map_has_a_hole_where_nothing_was_measured():
    data = plots.initial_map.figure_data(plane())
    assert np.isnan(data.values[2, 2, 2])
    np.testing.assert_allclose(
        data.values[0], np.array([1.0, 2, 3]) - 1 - np.array([[-0.5], [0], [0.5]])
    )


def test_series_and_courses_of_means():
    series = plots.initial_widths.figure_data(plane()).series
    assert [one.cell for one in series] == [(2.0, 0.0), (3.0, 0.0)]
    np.testing.assert_allclose(series[0].closed[0], [100 / 60, 1000 / 60])
    course = plots.kernels_while_learning.figure_data(kernels()).courses[0]
    np.testing.assert_allclose(course.pairs, [0, 0.6, 1])
    assert [
        one.std for one in plots.kernel_alignment.figure_data(kernels()).scales
    ] == [1e-5, 1e-2]

"""The figures of the landscape: their numbers, what is drawn, and what is refused."""

import numpy as np
import pytest
from tests.plots.tables_landscape import (
    CASES,
    depth_spectra_options,
    dimension_options,
    dimensions,
    edges,
    linearity,
    linearity_options,
    reduction,
    reduction_options,
    spectra,
)

from condensery import plots
from condensery._errors import InvalidInputError


@pytest.mark.parametrize("name", CASES)
def test_missing_tables_are_named(name):
    module, _, options, _ = CASES[name]()
    with pytest.raises(InvalidInputError, match="tables: given none"):
        module.figure_data({}, **options)


def test_the_drawn_network_knows_what_was_split():
    data = plots.embedded_network.figure_data(edges())
    assert (
        data.before.widths,
        data.after.widths,
        data.split,
    ) == (
        (2, 2, 1),
        (2, 3, 1),
        (1, 0),
    )
    assert data.after.edges[data.after.kinds == 2].tolist() == [[2, 0, 0], [2, 0, 2]]
    labels = [
        text.get_text() for text in plots.embedded_network.draw(data).axes[1].texts
    ]
    assert sorted(labels) == ["1", "1", "2", "2", "−1", "−1"]


def test_spectra_are_over_the_largest_and_ascend():
    data = plots.chart.figure_data(spectra(), **depth_spectra_options())
    point, lift = data.panels[0].series
    np.testing.assert_allclose(
        point.y,
        [-0.5, 0.0, 1.0],
    )
    np.testing.assert_allclose(
        lift.y,
        [-1, -0.125, 0, 0, 0.125, 1],
    )
    labels = point.look.label, lift.look.label
    assert labels == ("point (1, 1, 1)", "lift (2, 2, 2)")
    assert plots.chart.draw(data).axes[0].get_yscale() == "symlog"


def test_scores_are_the_least_of_the_layers_and_the_median_of_the_seeds():
    data = plots.chart.figure_data(linearity(), **linearity_options())
    losses, scores, final = (panel.series for panel in data.panels)
    *nets, plateau = scores
    assert plateau.x.tolist() == [0.05]
    # a line per seed, in the order of the loss: first the step 100, then the step 10
    by_loss = [(net.x.tolist(), net.y.round(12).tolist()) for net in nets]
    of_seeds = ([0.01, 0.1], [1.01, 1.1])
    assert by_loss == [
        *((losses, [0.99, 1.0]) for losses in of_seeds),
        *((losses, [0.89, 0.9]) for losses in of_seeds),
    ]
    seeds, medians = final
    np.testing.assert_allclose(
        seeds.y,
        [0.995, 0.995, 0.99, 0.99],
    )
    np.testing.assert_allclose(
        medians.y,
        [0.995, 0.99],
    )
    np.testing.assert_allclose(
        losses[0].y,
        [0.6, 0.51],
    )


def test_undecided_spectra_are_not_drawn():
    tables = dimensions()
    data = plots.chart.figure_data(tables, **dimension_options())
    _, one_tangent, two_tangent, one_gained, two_gained = data.panels[0].series
    assert (one_gained.look.label, two_gained.look.label) == ("1", "2")
    assert (one_gained.y.tolist(), two_gained.y.tolist()) == ([1], [4])
    assert (one_tangent.y.tolist(), two_tangent.y.tolist()) == ([1], [3])


def test_reduction_marks_where_it_was_merged():
    options = reduction_options()
    losses, _, _, after = plots.chart.figure_data(
        reduction(),
        **options,
    ).panels
    merged = losses.series[-1]
    assert (merged.x.tolist(), merged.y.tolist()) == ([10, 100], [0.1, 0.3])
    assert [curve.y.tolist() for curve in after.series] == [
        [1.0, 0.5],
        [1.0, 0.5],
        [1.0, 0.7],
        [1.0, 0.7],
        [1.0, 1.0],
        [1.0, 1.0],
    ]

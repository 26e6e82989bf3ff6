"""Accuracy against size: the numbers that are drawn, and the panels."""

import pytest
from matplotlib.figure import Figure
from tests.plots.tables_torch import means

from condensery import plots
from condensery._errors import InvalidInputError


def test_curves_are_ascending_and_ours_come_first():
    data = plots.accuracy_against_size.figure_data(means())
    assert data.methods == ("direction", "magnitude", "from-scratch")
    assert len(data.panels) == 8
    panel = data.panels[1]
    assert (panel.network, panel.start, panel.when, panel.whole) == (
        "mlp",
        "ordinary",
        "before",
        0.95,
    )
    assert panel.curves[0].ratio.tolist() == [0.125, 0.5]
    assert panel.curves[0].mean.tolist() == [0.55, 0.7]


def test_one_line_per_method_in_every_panel():
    figure = plots.accuracy_against_size.draw(
        plots.accuracy_against_size.figure_data(means())
    )
    assert [len(ax.containers) for ax in figure.axes] == [3] * 8
    given = Figure().subplots(2, 4)
    assert (
        plots.accuracy_against_size.draw(
            plots.accuracy_against_size.figure_data(means()), given
        )
        is given[0, 0].figure
    )


def test_a_missing_network_leaves_an_empty_panel():
    table = means()["means"].select(network="mlp")
    data = plots.accuracy_against_size.figure_data({"means": table})
    assert [len(panel.curves) for panel in data.panels] == [3, 3, 0, 0] * 2
    plots.render(plots.accuracy_against_size.draw(data), "png")


def test_missing_tables_are_named():
    with pytest.raises(InvalidInputError, match="tables: given none"):
        plots.accuracy_against_size.figure_data({})

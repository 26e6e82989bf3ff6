"""Accuracy against size: the numbers that are drawn, and the panels."""

import pytest
from matplotlib.figure import Figure
from tests.plots.tables_torch import means, means_options

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.charts import Levels


def accuracies(tables):
    return plots.chart.figure_data(
        tables,
        **means_options(),
    )


def curves_of(panel):
    return [series for series in panel.series if not isinstance(series.mark, Levels)]


def test_curves_are_ascending_and_ours_come_first():
    data = accuracies(means())
    assert len(data.panels) == 8
    assert data.panels[1].panel.title == "mlp, ordinary"
    level, *curves = data.panels[1].series
    assert level.x.tolist() == [0.95]
    labels = [curve.look.label for curve in curves]
    assert labels == ["direction", "magnitude", "from-scratch"]
    assert curves[0].mark.y == "before"
    assert curves[0].x.tolist() == [0.125, 0.5]
    assert curves[0].y.tolist() == [0.55, 0.7]


def test_one_line_per_method_in_every_panel():
    data = accuracies(means())
    assert [len(curves_of(panel)) for panel in data.panels] == [3] * 8
    figure = plots.chart.draw(data)
    # a level, the curves, and a set of bars for each of them
    assert [len(ax.lines) for ax in figure.axes] == [4] * 8
    assert [len(ax.collections) for ax in figure.axes] == [3] * 8
    axes = Figure().subplots(2, 4)
    assert (
        plots.chart.draw(
            data,
            axes,
        )
        is axes[0, 0].figure
    )


def test_a_missing_network_leaves_an_empty_panel():
    table = means()["means"].select(network="mlp")
    data = accuracies({"means": table})
    assert [len(curves_of(panel)) for panel in data.panels] == [3, 3, 0, 0] * 2
    plots.render(
        plots.chart.draw(data),
        "png",
    )


def test_missing_tables_are_named():
    with pytest.raises(InvalidInputError, match="tables: given none"):
        accuracies({})

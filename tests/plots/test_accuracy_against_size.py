"""Accuracy against size: the numbers that are drawn, and the panels."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.plots.tables_torch import losses, losses_options

from condensery import plots
from condensery._errors import InvalidInputError
from condensery.charts import Guide


def lost(tables):
    return plots.chart.figure_data(
        tables,
        **losses_options(),
    )


def curves_of(panel):
    return [series for series in panel.series if not isinstance(series.mark, Guide)]


def test_curves_are_ascending_and_ours_come_first():
    data = lost(losses())
    assert len(data.panels) == 8
    assert data.panels[1].panel.title == "mlp, ordinary"
    curves = curves_of(data.panels[1])
    labels = [curve.look.label for curve in curves]
    assert labels == ["direction", "direction-lstsq", "from-scratch", "best peer"]
    assert (np.diff(curves[0].x) > 0).all()
    np.testing.assert_allclose(curves[0].y, [40.0, 25.0])


def test_the_best_peer_is_the_one_of_the_highest_mean():
    rows = losses()["losses"].select(series="best peer")
    assert set(rows["method"]) == {"magnitude"}


def test_one_line_per_series_in_every_panel():
    data = lost(losses())
    assert [len(curves_of(panel)) for panel in data.panels] == [4] * 8
    figure = plots.chart.draw(data)
    assert len(figure.axes) == 8
    axes = Figure().subplots(2, 4)
    assert (
        plots.chart.draw(
            data,
            axes,
        )
        is axes[0, 0].figure
    )


def test_a_missing_network_leaves_an_empty_panel():
    table = losses()["losses"].select(network="mlp")
    data = lost({"losses": table})
    assert [len(curves_of(panel)) for panel in data.panels] == [4, 4, 0, 0] * 2
    plots.render(
        plots.chart.draw(data),
        "png",
    )


def test_missing_tables_are_named():
    with pytest.raises(InvalidInputError, match="tables: given none"):
        lost({})

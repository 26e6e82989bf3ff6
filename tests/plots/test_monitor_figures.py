"""The two figures of the monitor: their numbers, and where they are drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.plots.tables_torch import demo, demo_options, recorded

from condensery._errors import InvalidInputError
from condensery.plots import chart, monitored
from condensery.records import Table


def test_a_recorded_training_is_a_curve_per_layer():
    data = monitored.figure_data(recorded())
    (panel,) = data.panels
    assert panel.column == "effective_ratio"
    assert [
        (curve.layer, curve.step.tolist(), curve.values.tolist())
        for curve in panel.curves
    ] == [
        ("fc1", [0, 10], [1.0, 0.5]),
        ("fc2", [0, 10], [0.9, 0.8]),
    ]
    (ax,) = monitored.draw(data).axes
    assert [line.get_label() for line in ax.lines] == ["fc1", "fc2"]
    own = Figure().add_subplot()
    assert monitored.draw(data, own).axes[0] is own
    for text in [*ax.get_legend().get_texts(), ax.get_legend().get_title()]:
        assert text.get_fontsize() >= 7
    with pytest.raises(
        InvalidInputError,
        match="tables",
    ):
        monitored.figure_data({})


def test_every_column_that_was_measured_has_a_panel():
    table = Table(
        columns={
            "step": [0, 0, 8, 8],
            "layer": ["fc1", "", "fc1", ""],
            "norm": [3.0, np.nan, 2.0, np.nan],
            "low_frequency_share": [np.nan, 0.25, np.nan, 0.75],
            "never": [np.nan] * 4,
        }
    )
    data = monitored.figure_data({"monitor": table})
    assert [panel.column for panel in data.panels] == ["norm", "low_frequency_share"]
    norm, share = data.panels
    assert [curve.layer for curve in norm.curves] == ["fc1"]
    assert [curve.layer for curve in share.curves] == [""]
    assert share.curves[0].values.tolist() == [0.25, 0.75]
    first, second = monitored.draw(data).axes
    assert first.get_ylabel() == "norm"
    assert second.get_ylabel() == "low frequency share"
    assert first.get_ylim()[0] < 2 < 3 < first.get_ylim()[1]
    assert second.get_ylim() == (-0.03, 1.05)
    assert [line.get_label() for line in second.lines] == ["model"]
    chosen = monitored.figure_data(
        {"monitor": table},
        columns=["norm"],
    )
    assert [panel.column for panel in chosen.panels] == ["norm"]
    with pytest.raises(
        InvalidInputError,
        match="columns",
    ):
        monitored.figure_data(
            {"monitor": table},
            columns=["never"],
        )


def test_a_layer_has_one_colour_in_all_panels():
    table = Table(
        columns={
            "step": [0, 0, 8, 8],
            "layer": ["fc1", "fc2", "fc1", "fc2"],
            "norm": [3.0, 2.0, 2.0, 1.0],
            "share": [np.nan, 0.25, np.nan, 0.75],
        }
    )
    norm, share = monitored.draw(monitored.figure_data({"monitor": table})).axes
    _, second = norm.lines
    (alone,) = share.lines
    assert second.get_label() == alone.get_label() == "fc2"
    assert second.get_color() == alone.get_color()
    assert second.get_marker() == alone.get_marker()


def test_many_layers_are_drawn_and_the_first_are_named():
    steps = np.tile([0, 5], 20)
    table = Table(
        columns={
            "step": steps,
            "layer": np.repeat([f"l{k}" for k in range(20)], 2),
            "effective_ratio": steps / 5,
        }
    )
    (ax,) = monitored.draw(monitored.figure_data({"monitor": table})).axes
    assert len(ax.lines) == 20
    assert len(ax.get_legend().get_texts()) == 12


def test_the_bundles_of_the_demonstration_have_a_row_per_seed_and_the_median():
    data = chart.figure_data(
        demo(),
        **demo_options(),
    )
    ratios, accuracies = data.panels
    labels = [series.look.label for series in ratios.series if series.look.label]
    assert labels == [
        "condensed, layer 1",
        "condensed, layer 2",
        "ordinary, layer 1",
        "ordinary, layer 2",
    ]
    first, second, median, *_ = ratios.series
    seeds = np.array([first.y, second.y])
    assert seeds == pytest.approx(np.array([[0.1, 0.19], [0.3, 0.39]]))
    assert median.y == pytest.approx([0.2, 0.29])
    assert [len(series.y) for series in accuracies.series] == [2] * 6
    left, right = chart.draw(data).axes
    assert (len(left.lines), len(right.lines)) == (12, 6)

"""The figures of dropout: what `figure_data` picks from tables written by hand."""

import numpy as np
import pytest
from tests.plots.tables_dropout import (
    CASES,
    contour_tables,
    control_tables,
    cosine_tables,
    feature_tables,
    image_tables,
    path_tables,
    regulariser_tables,
    stall_options,
    stall_tables,
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
    first = next(iter(tables))
    with pytest.raises(
        InvalidInputError,
        match="tables: given",
    ):
        module.figure_data({}, **options)
    with pytest.raises(InvalidInputError, match=f"table '{first}'"):
        module.figure_data(
            {
                **tables,
                first: Table(columns={}),
            },
            **options,
        )


def test_features_are_picked_by_target_depth_and_moment():
    data = plots.dropout_features.figure_data(
        feature_tables(),
        target="relu",
    )
    assert [pair.layers for pair in data.pairs] == [2, 3]
    assert data.pairs[1].outputs["plain"].tolist() == [2.0, 3.0, 4.0]
    assert data.pairs[0].after["dropout"].x.tolist() == [1.5, 1.5]
    assert data.pairs[0].before["dropout"].x.tolist() == [0.5, 0.5]
    with pytest.raises(InvalidInputError, match="target: given tanh; allowed: relu"):
        plots.dropout_features.figure_data(
            feature_tables(),
            target="tanh",
        )


def test_curves_are_put_in_order():
    switch = plots.dropout_switch.figure_data(switch_tables())
    assert switch.switch == pytest.approx(10)
    assert switch.outputs["expected"].tolist() == [4.0, 5.0]
    controls = plots.dropout_controls.figure_data(control_tables())
    assert controls.growth["batches"][0].tolist() == [0.0, 10.0]
    assert controls.growth["batches"][1].tolist() == [4.0, 3.0]
    assert controls.profiles["tanh", "plain"][1].tolist() == [1e-3, 9.0]
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


def test_accuracies_are_percent_over_p():
    data = plots.dropout_images.figure_data(image_tables())
    assert data.keep.tolist() == [0.6, 0.9]
    assert data.values["dropout", "accuracy"].tolist() == pytest.approx([86, 85])
    assert (data.plain, data.parts["L4"], data.part_keep) == pytest.approx(
        (70, 72, 0.8)
    )


def test_paths_are_medians_in_order():
    data = plots.dropout_paths.figure_data(path_tables())
    assert (data.keep.tolist(), data.place.tolist()) == (
        [0.8, 0.5],
        [-0.5, 0.0, 1.0, 1.5],
    )
    assert data.losses["L1", "L4"].tolist() == pytest.approx(
        np.array([[0.1, 0.6, 1.6, 2.1], [1.0] * 4])
    )


def test_the_cosines_of_vectors_stand_side_by_side():
    data = plots.cosine_maps.figure_data(
        cosine_tables(),
        part="vectors",
    )
    assert [one.title for one in data.maps] == ["$p = 1$", "$p = 0.5$"]
    assert (data.across, data.maps[1].cosine[0, 0]) == (2, -1)

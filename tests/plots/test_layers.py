"""The figures of three-layer networks, as data."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.plots import layer_distance, layer_maps, layer_neurons
from condensery.records import Table


def test_every_cell_of_the_map_is_the_tables(tables):
    made = tables["three_layers"](hole=True)
    data = layer_maps.figure_data(made)
    for k, gamma2 in enumerate(data.gamma2):
        for j, gamma3 in enumerate(data.gamma3):
            own = made["slopes"].select(
                gamma2=gamma2,
                gamma3=gamma3,
            )
            for layer, name in enumerate(("first", "second")):
                expected = own[name][0] if len(own) else np.nan
                np.testing.assert_equal(data.slopes[layer, k, j], expected)
    assert np.isnan(data.slopes[:, 0, 0]).all()
    with pytest.raises(InvalidInputError, match="limit"):
        layer_maps.figure_data(made, limit=0)


def test_maps_without_a_boundary_have_no_lines(tables):
    made = tables["three_layers"]()
    del made["boundary"]
    figure = layer_maps.draw(layer_maps.figure_data(made))
    assert not figure.legends


def test_distances_of_both_layers_follow_their_slopes(tables):
    data = layer_distance.figure_data(tables["three_layers"](), gamma3s=[1.0, 2.0])
    for layer, offset in zip(data.layers, (1.5, 2.0), strict=True):
        for one in layer.series:
            assert np.polyfit(
                np.log(one.width),
                np.log(one.mean),
                1,
            )[0] == pytest.approx(one.gamma - offset)
            assert one.slope == pytest.approx(one.gamma - offset)
    with pytest.raises(InvalidInputError, match="gamma2: given 3"):
        layer_distance.figure_data(tables["three_layers"](), gamma2=3.0)


def test_pairs_are_shown_before_and_after(tables):
    made = tables["three_layers"]()
    data = layer_neurons.figure_data(made)
    own = made["pairs"].select(
        gamma3=2.0,
        when=1,
    )
    assert (
        data.columns[1].after.tolist()
        == np.stack([own["weight"], own["bias"]], axis=1).tolist()
    )
    assert [one.title for one in data.columns] == [
        "γ₃ = 1\n9 orientations",
        "γ₃ = 2\n1 orientation",
    ]


@pytest.mark.parametrize(
    ("module", "first"),
    [(layer_maps, "slopes"), (layer_distance, "members"), (layer_neurons, "pairs")],
)
def test_missing_and_empty_tables_are_named(module, first):
    with pytest.raises(InvalidInputError, match="tables: given none"):
        module.figure_data({})
    with pytest.raises(
        InvalidInputError, match=f"table '{first}': given 0 rows of no columns"
    ):
        module.figure_data({first: Table(columns={})})

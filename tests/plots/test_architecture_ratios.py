"""The figure of architectures, as data."""

import numpy as np
import pytest
from tests.plots.declared import options_of

from condensery._errors import InvalidInputError
from condensery.declare import Results
from condensery.experiments.architectures import LAYERS, Config, architectures
from condensery.plots import chart
from condensery.records import Table

TWO = Config(
    kinds=("mlp", "cnn"),
    exponents=(0.5, 1.0),
    decays=(0.0,),
)
RUN = {"decay": 0.0, "seed": 0, "loss": 0.0, "status": 0}


def trained(kind, keep):
    """Ratio 1 − exponent/2 of every layer, null 1 or .9, accuracy 1 − exponent/10."""
    exponent = np.array([0.5, 1.0])
    count = len(LAYERS[kind])
    run = {name: np.full(2, value) for name, value in RUN.items()}
    run |= {"exponent": exponent, "accuracy": 1 - exponent / 10}
    number = np.repeat([0, 1], count)
    null = 0.9 if kind == "cnn" else 1.0
    return run | {
        "layer_run": number,
        "layer_code": np.tile(np.arange(count), 2),
        "layer_ratio_70": 1 - exponent[number] / 2,
        "layer_null_70": np.full(2 * count, null),
    }


def cells():
    pairs = []
    for work in architectures.work(TWO):
        shard = trained(work.arguments["kind"], work.arguments["keep"])
        pairs.append((work, shard))
    results = Results(tuple(pairs))
    makers = architectures.makes.items()
    tables = {name: make(TWO, results) for name, make in makers}
    return architectures.derives["cells"](TWO, tables)


def test_rows_and_settings():
    assert TWO.settings == [
        (0.5, 1.0, 0.0),
        (0.5, 0.8, 0.0),
        (1.0, 1.0, 0.0),
        (1.0, 0.8, 0.0),
    ]
    settings = {"kinds": TWO.kinds, "exponents": TWO.exponents, "decays": TWO.decays}
    options = options_of(architectures, "architecture-ratios", **settings)
    table = cells()
    (panel,) = chart.figure_data({"cells": table}, **options).panels
    (matrix,) = panel.cells
    assert matrix.names_y == (
        "mlp: first",
        "mlp: second",
        "accuracy (%)",
        "cnn: kernels_1",
        "cnn: kernels_2",
        "cnn: dense",
        "accuracy (%)",
    )
    assert matrix.names_x[1] == "e 0.5\np 0.8\nλ 0"
    np.testing.assert_allclose(matrix.values[0], [0.75, 0.75, 0.5, 0.5])
    assert np.isnan(matrix.values[2]).all()
    assert table.select(row=0)["text"].tolist() == [
        ".75",
        ".75",
        ".50",
        ".50",
    ]
    assert table.select(row=2)["text"].tolist() == ["95", "95", "90", "90"]
    assert table.select(row=3)["text"].tolist() == [".75|.90"] * 2 + [".50|.90"] * 2


def test_missing_and_empty_tables_are_named():
    options = options_of(architectures, "architecture-ratios")
    with pytest.raises(InvalidInputError, match="tables: given none"):
        chart.figure_data({}, **options)
    with pytest.raises(
        InvalidInputError, match="table 'cells': given 0 rows of no columns"
    ):
        chart.figure_data({"cells": Table(columns={})}, **options)

"""The figure of architectures, as data."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.plots import architecture_ratios
from condensery.records import Table


def test_rows_and_settings(tables):
    made = tables["architectures"]()
    data = architecture_ratios.figure_data(made)
    assert data.rows == ("mlp: first", "mlp: second", "mlp", "cnn: kernels", "cnn")
    assert data.settings == (
        (0.5, 1.0, 0.0),
        (0.5, 0.8, 0.0),
        (1.0, 1.0, 0.0),
        (1.0, 0.8, 0.0),
    )
    np.testing.assert_allclose(data.ratio[0], [0.75, 0.75, 0.5, 0.5])
    np.testing.assert_allclose(data.accuracy[2], [0.95, 0.95, 0.9, 0.9])
    np.testing.assert_allclose(data.null[3], 0.9)
    assert np.isnan(data.ratio[2]).all()
    with pytest.raises(InvalidInputError, match="ratio_95"):
        architecture_ratios.figure_data(made, threshold=95)


def test_missing_and_empty_tables_are_named():
    with pytest.raises(InvalidInputError, match="tables: given none"):
        architecture_ratios.figure_data({})
    with pytest.raises(
        InvalidInputError, match="table 'layers': given 0 rows of no columns"
    ):
        architecture_ratios.figure_data({"layers": Table(columns={})})

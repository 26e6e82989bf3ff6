"""Batch normalisation against statistics taken by hand, and the plain net into which it
folds.
"""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.models import BatchNormMlp, mlp


def net(seed=0):
    rng = np.random.default_rng(seed)
    hidden = [
        (rng.normal(size=(m, n)), rng.normal(size=m), rng.normal(size=m))
        for n, m in ((2, 4), (4, 3))
    ]
    return [*hidden, (rng.normal(size=(1, 3)), rng.normal(size=1))], rng.normal(
        size=(9, 2)
    )


def test_by_hand():
    parameters, x = net()
    f = x
    for W, gamma, beta in parameters[:-1]:
        z = np.array([[row @ w for w in W] for row in f])
        for unit in range(len(W)):
            column = z[:, unit]
            z[:, unit] = (
                gamma[unit] * (column - column.mean()) / np.sqrt(column.var() + 1e-5)
                + beta[unit]
            )
        f = np.tanh(z)
    expected = f @ parameters[-1][0].T + parameters[-1][1]
    np.testing.assert_allclose(
        BatchNormMlp("tanh")(parameters, x), expected, atol=1e-12
    )


def test_folding_is_exact_on_the_batch():
    parameters, x = net(1)
    model = BatchNormMlp("tanh")
    np.testing.assert_allclose(
        mlp(
            model.folded(parameters, x),
            x,
            "tanh",
        ),
        model(parameters, x),
        atol=1e-12,
    )


def test_the_scale_of_the_weights_does_not_matter():
    parameters, x = net(2)
    larger = [(1e4 * parameters[0][0], *parameters[0][1:]), *parameters[1:]]
    model = BatchNormMlp("tanh")
    np.testing.assert_allclose(
        model(larger, x), model(parameters, x), atol=1e-4
    )  # up to the 1e-5 under the root


def test_an_unknown_activation():
    with pytest.raises(InvalidInputError, match="activation: given tahn"):
        BatchNormMlp("tahn")

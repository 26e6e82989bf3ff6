"""MNIST-1D comes from its authors' program, and leaves the caller's random numbers
alone.
"""

import random
import sys

import numpy as np
import pytest

from condensery._errors import InvalidInputError, MissingExtraError
from condensery.data import load


@pytest.fixture(scope="module")
def complete():
    pytest.importorskip("mnist1d")
    return load("mnist-1d")


@pytest.mark.slow
def test_it_is_the_published_set(complete):
    from mnist1d.data import make_dataset

    made = make_dataset()
    training, held_out = complete.x[:4000], complete.y[4000:]
    np.testing.assert_array_equal(training, made["x"])
    np.testing.assert_array_equal(held_out, made["y_test"])
    assert complete.x.shape == (5000, 40)
    counts = np.bincount(complete.y.astype(int))
    assert counts.tolist() == [500] * 10
    assert complete.x.mean() == pytest.approx(0, abs=1e-12)
    assert complete.x.std() == pytest.approx(1, abs=1e-12)


@pytest.mark.slow
def test_fewer_are_the_first_ones(complete):
    few = load("MNIST_1D", samples=30)
    np.testing.assert_array_equal(few.x, complete.x[:30])
    assert few.digest != complete.digest
    with pytest.raises(InvalidInputError, match="5000"):
        load("mnist-1d", samples=5001)


@pytest.mark.usefixtures("complete")
def test_the_callers_random_numbers_go_on():
    random.seed(1)
    np.random.seed(1)  # ruff: ignore[numpy-legacy-random]
    state = random.getstate()
    number = np.random.rand()  # ruff: ignore[numpy-legacy-random]
    random.seed(1)
    np.random.seed(1)  # ruff: ignore[numpy-legacy-random]
    load("mnist-1d", samples=10)
    assert random.getstate() == state
    assert np.random.rand() == number  # ruff: ignore[numpy-legacy-random]


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'condensery\[mnist1d\]'"):
        load("mnist-1d")

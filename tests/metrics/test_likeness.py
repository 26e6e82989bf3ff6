"""How alike live units are: against loops over pairs and by hand."""

import numpy as np
import pytest

from condensery.metrics import contributions, likeness


def slow_contribution(hidden, weight):
    squares = [(weight * value) ** 2 for value in hidden]
    return (sum(squares) / len(squares)) ** 0.5


def test_contributions_against_a_loop():
    rng = np.random.default_rng(0)
    hidden, output = rng.standard_normal((7, 5)), rng.standard_normal(5)
    expected = [
        slow_contribution(column, weight)
        for column, weight in zip(
            hidden.T,
            output,
            strict=True,
        )
    ]
    np.testing.assert_allclose(
        contributions(hidden, output),
        expected,
        rtol=1e-12,
    )


def test_likeness_against_a_loop():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((5, 4))
    # the last unit contributes next to nothing
    measured = likeness(rows, np.array([1.0, 2.0, 0.5, 1.0, 1e-6]))
    cosines = []
    for i in range(4):
        for j in range(i):
            product = sum(rows[i, k] * rows[j, k] for k in range(4))
            lengths = sum(rows[i] ** 2) * sum(rows[j] ** 2)
            cosines.append(abs(product) / lengths**0.5)
    assert measured.live == 4
    assert measured.least_cosine == pytest.approx(
        min(cosines),
        rel=1e-12,
    )
    assert measured.mean_cosine == pytest.approx(
        sum(cosines) / 6,
        rel=1e-12,
    )


def test_blocks_by_hand():
    direction = np.array([0.3, -0.2, 0.9, 0.1])
    blocks = likeness(np.outer([1.0, -2.0, 3.0, -0.5], direction))
    assert (blocks.live, blocks.signs) == (4, 2)
    assert blocks.least_cosine == pytest.approx(1)
    assert likeness(np.outer([1.0, 2.0], direction)).signs == 1
    alone = likeness(direction[None])
    assert (alone.live, alone.least_cosine, alone.mean_cosine) == (1, 1.0, 1.0)


def test_orthogonal_units_are_not_alike():
    measured = likeness(np.eye(3))
    assert (measured.least_cosine, measured.mean_cosine) == (0.0, 0.0)

from __future__ import annotations

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import cosine_blocks, cosine_matrix


def slow_cosines(rows) -> list[list[float]]:
    rows = [[float(x) for x in row] for row in rows]
    rows = [row for row in rows if any(row)]
    return [
        [
            math.fsum(
                x * y
                for x, y in zip(
                    u,
                    v,
                    strict=True,
                )
            )
            / math.hypot(*u)
            / math.hypot(*v)
            for v in rows
        ]
        for u in rows
    ]


@pytest.mark.parametrize(("units", "features"), [(12, 2), (5, 9), (1, 3)])
def test_matrix_equals_the_loop(units, features):
    rng = np.random.default_rng(units)
    weights, bias = rng.standard_normal((units, features)), rng.standard_normal(units)
    expected = np.array(slow_cosines(np.column_stack([weights, bias])))
    plain, ordered = (
        cosine_matrix(
            weights,
            bias,
            sort=False,
        ),
        cosine_matrix(weights, bias),
    )
    np.testing.assert_allclose(
        plain.matrix,
        expected,
        atol=1e-15,
    )
    np.testing.assert_array_equal(plain.order, np.arange(units))
    np.testing.assert_allclose(
        ordered.matrix, expected[np.ix_(ordered.order, ordered.order)], atol=1e-15
    )
    assert np.all(np.diff(ordered.eigenvector) >= 0)


@pytest.mark.parametrize(
    ("units", "features"), [(40, 3), (41, 3), (40, 4), (10, 30), (11, 30), (1010, 1005)]
)
def test_eigenvector_is_the_leading_one(units, features):
    rng = np.random.default_rng(features)
    weights = rng.standard_normal((units, features)) + 0.5
    found = cosine_matrix(weights, sort=False)
    value = found.leading_share * units
    np.testing.assert_allclose(
        found.matrix @ found.eigenvector, value * found.eigenvector, atol=1e-8 * units
    )
    assert value == pytest.approx(
        np.linalg.eigvalsh(found.matrix)[-1],
        rel=1e-9,
    )
    assert np.linalg.norm(found.eigenvector) == pytest.approx(
        1.0,
        rel=1e-12,
    )
    large = found.eigenvector[
        np.abs(found.eigenvector) >= 0.5 * np.abs(found.eigenvector).max()
    ]
    assert large[0] > 0


def test_condensed_groups_become_blocks():
    rng = np.random.default_rng(0)
    angles = rng.permutation([0.3] * 5 + [0.3 + math.pi] * 4 + [0.3 + 1.2] * 3)
    found = cosine_matrix(
        np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(1, 9, (12, 1))
    )
    blocks = np.round(angles[found.order], 9)
    assert np.count_nonzero(np.diff(blocks)) == 2
    assert found.matrix.min() == pytest.approx(-1.0)


def test_leading_share_closed_forms():
    assert cosine_matrix(np.eye(4)).leading_share == pytest.approx(0.25)
    assert cosine_matrix(
        np.outer([1.0, -2.0, 0.5], [1.0, 2.0])
    ).leading_share == pytest.approx(1.0)


def test_zero_rows_are_dropped_and_reported():
    found = cosine_matrix(
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), sort=False
    )
    assert found.dropped.tolist() == [0, 2]
    assert found.order.tolist() == [1, 3]
    np.testing.assert_array_equal(found.matrix, np.eye(2))
    nothing = cosine_matrix(np.zeros((3, 2)))
    assert nothing.matrix.shape == (0, 0)
    assert np.isnan(nothing.leading_share)


@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_make_up_the_matrix(block):
    rng = np.random.default_rng(block)
    weights, bias = rng.standard_normal((30, 3)), rng.standard_normal(30)
    whole = cosine_matrix(weights, bias)
    parts = list(
        cosine_blocks(
            weights,
            bias,
            block=block,
        )
    )
    np.testing.assert_array_equal(
        np.concatenate([units for units, _ in parts]), whole.order
    )
    np.testing.assert_allclose(
        np.vstack([part for _, part in parts]), whole.matrix, atol=1e-15
    )
    assert max(len(units) for units, _ in parts) <= block


def test_too_wide_a_layer_is_sent_to_the_blocks():
    wide = np.ones((20_001, 1))
    with pytest.raises(InvalidInputError, match="cosine_blocks"):
        cosine_matrix(wide)
    units, part = next(cosine_blocks(wide, block=2))
    assert part.shape == (len(units), 20_001)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_entries_that_are_not_finite_are_refused(value):
    with pytest.raises(InvalidInputError, match="finite"):
        cosine_matrix(np.array([[1.0, value], [1.0, 0.0]]))
    with pytest.raises(InvalidInputError, match="block"):
        list(
            cosine_blocks(
                np.ones((2, 2)),
                block=0,
            )
        )

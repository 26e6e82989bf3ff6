"""Initial parameters and the span of the samples."""

import numpy as np
import pytest

from condensery.engine._start import draw_start, full_start, span_of

RNG = np.random.default_rng(5)
X = RNG.standard_normal((5, 8))


def test_block_by_block_the_draw_is_the_same():
    span = span_of(X)
    start = draw_start(5000, 1, 0.7, 0.1, span)  # more than one block
    a, w = full_start(5000, 1, 0.7, 0.1, 9)
    assert np.array_equal(start.a, a)
    np.testing.assert_allclose(
        start.w,
        (w @ span.basis).T,
        atol=1e-13,
    )
    assert start.frozen_square == pytest.approx(
        np.sum(w**2) - np.sum((w @ span.basis) ** 2), rel=1e-10
    )
    np.testing.assert_allclose(
        span.x @ span.basis.T, np.column_stack([X, np.ones(5)]), atol=1e-13
    )


def test_without_more_features_than_samples_nothing_is_reduced():
    span = span_of(X[:, :2])
    assert span.basis is None
    assert span.dimension == 3
    np.testing.assert_array_equal(span.x, np.column_stack([X[:, :2], np.ones(5)]))


def test_a_repeated_sample_does_no_harm():
    span = span_of(np.concatenate([X, X[:1]]))
    assert span.basis.shape == (9, 6)
    full = np.column_stack([np.concatenate([X, X[:1]]), np.ones(6)])
    np.testing.assert_allclose(
        span.x @ span.basis.T,
        full,
        atol=1e-13,
    )
    np.testing.assert_allclose(
        span.basis.T @ span.basis,
        np.eye(6),
        atol=1e-13,
    )


def test_draws_are_standard_normal_and_independent():
    a, w = full_start(20_000, 0, 0.5, 0.0, 2)
    draws = np.column_stack([a, w])
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(
        np.cov(draws.T),
        np.eye(3),
        atol=0.04,
    )


def test_draws_depend_on_what_defines_the_member_alone():
    first = full_start(7, 1, 0.5, -0.2, 3)
    assert all(
        np.array_equal(x, y)
        for x, y in zip(
            first,
            full_start(7, 1, 0.5, -0.2, 3),
            strict=True,
        )
    )
    for other in (
        (8, 1, 0.5, -0.2),
        (7, 2, 0.5, -0.2),
        (7, 1, 0.6, -0.2),
        (7, 1, 0.5, 0.2),
    ):
        a, w = full_start(*other, 3)
        assert not np.array_equal(a[:7], first[0])
        assert not np.array_equal(w[:7], first[1])

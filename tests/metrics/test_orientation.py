from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import (
    amplitude,
    angle_between,
    directions,
    orientation,
    projection_orientation,
)

getcontext().prec = 60


def slow_angle(u, v) -> float:
    """Angle in 60 digits up to the last step: 2·asin of half the chord, or its
    supplement.
    """
    u, v = [Decimal(float(x)) for x in u], [Decimal(float(x)) for x in v]
    nu, nv = sum(x * x for x in u).sqrt(), sum(x * x for x in v).sqrt()
    chord = sum(
        (x / nu - y / nv) ** 2
        for x, y in zip(
            u,
            v,
            strict=True,
        )
    ).sqrt()
    if chord * chord <= 2:
        return 2 * math.asin(float(chord / 2))
    other = sum(
        (x / nu + y / nv) ** 2
        for x, y in zip(
            u,
            v,
            strict=True,
        )
    ).sqrt()
    return math.pi - 2 * math.asin(float(other / 2))


def test_orientation_equals_the_loop():
    rng = np.random.default_rng(1)
    weights, bias = rng.standard_normal((3, 50, 1)), rng.standard_normal((3, 50))
    found = orientation(weights, bias)
    notebook = orientation(
        weights,
        bias,
        convention="notebook",
    )
    for member in range(3):
        for unit in range(50):
            w, b = float(weights[member, unit, 0]), float(bias[member, unit])
            expected = math.copysign(math.acos(w / math.sqrt(w * w + b * b)), b)
            assert found[member, unit] == pytest.approx(
                expected,
                abs=1e-7,
            )
            assert notebook[member, unit] == pytest.approx(
                expected,
                abs=1e-7,
            )
    np.testing.assert_array_equal(
        found,
        orientation(
            np.concatenate(
                [weights, bias[..., None]],
                axis=-1,
            )
        ),
    )


@pytest.mark.parametrize(
    ("w", "b", "angle", "notebook"),
    [
        (1.0, 0.0, 0.0, 0.0),
        (-1.0, 0.0, math.pi, 0.0),
        (-1.0, -0.0, math.pi, 0.0),
        (-1.0, -1e-300, math.pi, math.pi),
        (0.0, -2.0, -math.pi / 2, -math.pi / 2),
        (1.0, 1e-9, 1e-9, 1e-9),
        (1e-200, 1e-200, math.pi / 4, math.pi / 4),
        (0.0, 0.0, math.nan, math.nan),
        (0.0, -0.0, math.nan, math.nan),
        (math.inf, 1.0, math.nan, math.nan),
        (1.0, math.nan, math.nan, math.nan),
    ],
)
def test_orientation_closed_forms(
    w,
    b,
    angle,
    notebook,
):
    rows = np.array([[w, b]])
    np.testing.assert_allclose(
        orientation(rows),
        [angle],
        rtol=1e-15,
    )
    np.testing.assert_allclose(
        orientation(
            rows,
            convention="notebook",
        ),
        [notebook],
        rtol=1e-15,
    )


def test_the_two_orientations_of_the_four_point_problem():
    # Kinks at ±1/6 are units (1, -1/6) and (-1, -1/6): the angles at which the paper's
    # Fig. 2 condenses.
    rows = np.array([[1.0, -1 / 6], [-1.0, -1 / 6]])
    np.testing.assert_allclose(
        orientation(rows), [-math.atan(1 / 6), math.atan(1 / 6) - math.pi], rtol=1e-15
    )


def test_directions_and_projection_equal_the_loop():
    rng = np.random.default_rng(2)
    weights, bias = rng.standard_normal((20, 4)), rng.standard_normal(20)
    found, projected = directions(weights, bias), projection_orientation(weights, bias)
    for unit in range(20):
        row = [*weights[unit].tolist(), float(bias[unit])]
        length = math.sqrt(math.fsum(x * x for x in row))
        assert found[unit].tolist() == pytest.approx(
            [x / length for x in row], abs=1e-15
        )
        assert projected[unit] == pytest.approx(
            math.fsum(row) / length / math.sqrt(5), abs=1e-15
        )


def test_directions_survive_tiny_and_huge_rows_and_mark_zero_rows():
    found = directions(
        np.array([[3e-200, 4e-200], [3e200, -4e200], [0.0, 0.0], [5e-324, 0.0]])
    )
    np.testing.assert_allclose(
        found, [[0.6, 0.8], [0.6, -0.8], [np.nan, np.nan], [1.0, 0.0]], rtol=1e-15
    )
    assert np.isnan(projection_orientation(np.zeros((1, 3)))).all()


def test_projection_of_parallel_and_orthogonal_rows():
    rows = np.array([[2.0, 2.0, 2.0], [-1.0, -1.0, -1.0], [1.0, -1.0, 0.0]])
    np.testing.assert_allclose(
        projection_orientation(rows), [1.0, -1.0, 0.0], atol=1e-15
    )


def test_amplitude_equals_the_loop():
    rng = np.random.default_rng(3)
    a, weights, bias = (
        rng.standard_normal((2, 7)),
        rng.standard_normal((2, 7, 3)),
        rng.standard_normal((2, 7)),
    )
    product, inputs = amplitude(a, weights, bias), amplitude(None, weights, bias)
    for member in range(2):
        for unit in range(7):
            length = math.hypot(
                *weights[member, unit].tolist(), float(bias[member, unit])
            )
            assert inputs[member, unit] == pytest.approx(
                length,
                rel=1e-14,
            )
            assert product[member, unit] == pytest.approx(
                abs(a[member, unit]) * length, rel=1e-14
            )
    assert amplitude(np.array([3.0]), np.zeros((1, 2))).tolist() == [0.0]


@pytest.mark.parametrize(
    "theta", [0.0, 1e-12, 1e-8, 1e-4, 0.3, math.pi / 2, 3.0, math.pi - 1e-4, math.pi]
)
@pytest.mark.parametrize("dimension", [2, 5, 200])
def test_angle_between_is_accurate_at_every_angle(theta, dimension):
    rng = np.random.default_rng(dimension)
    q = np.linalg.qr(rng.standard_normal((dimension, 2)))[0]
    u, v = 3.0 * q[:, 0], 0.2 * (math.cos(theta) * q[:, 0] + math.sin(theta) * q[:, 1])
    assert float(angle_between(u, v)) == pytest.approx(
        slow_angle(u, v), abs=5e-16 * math.sqrt(dimension)
    )


def test_arccos_of_the_cosine_would_miss_the_bar():
    # The negative control of the test above: here the plain formula is wrong by more
    # than its own size.
    u, v = np.array([[0.6, 0.8]]), np.array([[0.6 - 8e-10, 0.8 + 6e-10]])
    plain = math.acos(min(1.0, float(np.sum(directions(u) * directions(v)))))
    assert abs(plain - slow_angle(u[0], v[0])) > 5e-10
    assert float(angle_between(u, v)[0]) == pytest.approx(
        1e-9,
        rel=1e-5,
    )


def test_angle_between_broadcasts_and_marks_zero():
    found = angle_between(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([0.0, 2.0]))
    np.testing.assert_allclose(found, [math.pi / 2, math.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_computes_in_float64(dtype):
    rows = np.array(
        [[1.0, 0.5]],
        dtype=dtype,
    )
    assert (
        orientation(rows).dtype
        == directions(rows).dtype
        == amplitude(None, rows).dtype
        == np.float64
    )
    assert orientation(rows)[0] == math.atan(0.5)


def test_bad_input_is_named():
    with pytest.raises(
        InvalidInputError, match="rows of 3 columns; allowed: two columns"
    ):
        orientation(np.ones((3, 3)))
    with pytest.raises(
        InvalidInputError,
        match="at least one feature",
    ):
        directions(np.ones((3, 0)))

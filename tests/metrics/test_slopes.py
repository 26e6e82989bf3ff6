from __future__ import annotations

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import boundary_local_crossing, boundary_row_fit, width_slope

# S_w of the unsaturated rows of Fig. 4 and of two rows of Fig. 5 of arXiv 2007.07497,
# with the printed stars.
GAMMAS_FIG4 = [0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4]
GAMMAS_FIG5 = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
PRINTED = [
    (
        GAMMAS_FIG4,
        [
            -0.408,
            -0.318,
            -0.201,
            -0.100,
            -0.045,
            -0.025,
            0.010,
            0.018,
            0.037,
            0.084,
            0.143,
            0.178,
            0.213,
        ],
        1.039,
    ),
    (
        GAMMAS_FIG4,
        [
            -0.412,
            -0.318,
            -0.252,
            -0.115,
            -0.045,
            0.021,
            0.053,
            0.076,
            0.111,
            0.146,
            0.217,
            0.279,
            0.326,
        ],
        0.993,
    ),
    (
        GAMMAS_FIG4,
        [
            -0.424,
            -0.330,
            -0.275,
            -0.146,
            -0.068,
            -0.010,
            0.006,
            0.025,
            0.068,
            0.123,
            0.252,
            0.369,
            0.428,
        ],
        0.999,
    ),
    (GAMMAS_FIG5, [-0.314, -0.197, -0.080, -0.002, 0.061, 0.111, 0.158], 1.048),
    (GAMMAS_FIG5, [-0.330, -0.213, -0.080, 0.049, 0.135, 0.201, 0.252], 0.998),
]


def slow_line(x, y) -> tuple[float, float, list[list[float]]]:
    """Slope, intercept and their covariance from the normal equations, solved by
    Cramer's rule.
    """
    n, sx, sy = len(x), math.fsum(x), math.fsum(y)
    sxx, sxy = (
        math.fsum(a * a for a in x),
        math.fsum(
            a * b
            for a, b in zip(
                x,
                y,
                strict=True,
            )
        ),
    )
    determinant = n * sxx - sx * sx
    slope, intercept = (
        (n * sxy - sx * sy) / determinant,
        (sxx * sy - sx * sxy) / determinant,
    )
    squares = math.fsum(
        (b - slope * a - intercept) ** 2
        for a, b in zip(
            x,
            y,
            strict=True,
        )
    )
    v = squares / (n - 2) if n > 2 else math.nan
    return (
        slope,
        intercept,
        [[v * n / determinant, -v * sx / determinant], [0.0, v * sxx / determinant]],
    )


def test_width_slope_equals_the_normal_equations_over_all_seeds():
    rng = np.random.default_rng(0)
    widths = np.array([1000, 5000, 10000, 40000])
    values = widths[:, None] ** -0.5 * np.exp(0.05 * rng.standard_normal((4, 3)))
    found = width_slope(widths, values)
    x = [math.log(float(m)) for m in widths for _ in range(3)]
    slope, intercept, covariance = slow_line(
        x, [math.log(float(v)) for v in values.ravel()]
    )
    assert found.slope == pytest.approx(slope, rel=1e-10)
    assert found.intercept == pytest.approx(intercept, rel=1e-10)
    assert found.slope_se == pytest.approx(math.sqrt(covariance[0][0]), rel=1e-8)
    assert (found.points, found.left_out) == (12, 0)
    flat = width_slope(np.repeat(widths, 3), values.ravel())
    assert flat == found


def test_standard_error_covers_the_truth():
    rng = np.random.default_rng(1)
    widths = np.array([1e3, 3e3, 1e4, 3e4, 1e5])
    scores = []
    for _ in range(400):
        found = width_slope(
            widths,
            2.0 * widths[:, None] ** 0.3 * np.exp(0.1 * rng.standard_normal((5, 4))),
        )
        scores.append((found.slope - 0.3) / found.slope_se)
    # Student's t with 18 degrees of freedom has standard deviation sqrt(18/16) = 1.06.
    assert np.std(scores) == pytest.approx(1.06, abs=0.12)
    assert abs(np.mean(scores)) < 0.2


def test_printed_relative_distances_give_the_printed_slopes():
    widths = np.array([1000.0, 5000.0, 10000.0, 20000.0, 40000.0])
    for values, slope in [
        ([0.00883, 0.00375, 0.00274, 0.00192, 0.00135], -0.506),
        ([0.262, 0.270, 0.269, 0.263, 0.272], 0.007),
        ([7.98, 13.4, 18.4, 23.9, 31.0], 0.372),
    ]:
        assert width_slope(widths, np.array(values)).slope == pytest.approx(
            slope, abs=0.002
        )


def test_degenerate_width_slopes():
    two = width_slope(np.array([10.0, 1000.0]), np.array([1.0, 100.0]))
    assert two.slope == pytest.approx(1.0)
    assert math.isnan(two.slope_se)
    missing = width_slope(
        np.array([10.0, 1000.0]), np.array([[1.0, 2.0], [math.nan, math.nan]])
    )
    assert math.isnan(missing.slope)
    assert (missing.points, missing.left_out) == (2, 2)
    seeds = width_slope(
        np.array([10.0, 1000.0]), np.array([[1.0, 2.0], [100.0, math.nan]])
    )
    assert (seeds.points, seeds.left_out) == (3, 1)
    assert seeds.slope_se > 0


@pytest.mark.parametrize(
    ("widths", "values", "named"),
    [
        ([10.0, 10.0], [1.0, 2.0], "widths"),
        ([0.0, 10.0], [1.0, 2.0], "widths"),
        ([math.inf, 10.0], [1.0, 2.0], "widths"),
        ([1.0, 10.0], [0.0, 2.0], "values"),
        ([1.0, 10.0], [-1.0, 2.0], "values"),
        ([1.0, 10.0], [math.inf, 2.0], "values"),
    ],
)
def test_bad_widths_and_values_are_named(widths, values, named):
    with pytest.raises(InvalidInputError, match=f"^{named}: "):
        width_slope(np.array(widths), np.array(values))


@pytest.mark.parametrize(("gammas", "slopes", "star"), PRINTED)
def test_row_fit_gives_the_printed_stars(gammas, slopes, star):
    assert boundary_row_fit(np.array(gammas), np.array(slopes)).gamma == pytest.approx(
        star, abs=0.002
    )


@pytest.mark.parametrize(("gammas", "slopes", "star"), PRINTED)
def test_row_fit_equals_the_normal_equations(gammas, slopes, star):
    found = boundary_row_fit(np.array(gammas), np.array(slopes))
    slope, intercept, covariance = slow_line(gammas, slopes)
    root = -intercept / slope
    assert found.gamma == pytest.approx(root, rel=1e-12)
    assert found.slope == pytest.approx(slope, rel=1e-12)
    # Delta method: gradient of -c/s with respect to (s, c).
    g = [-root / slope, -1 / slope]
    variance = (
        g[0] ** 2 * covariance[0][0]
        + 2 * g[0] * g[1] * covariance[0][1]
        + g[1] ** 2 * covariance[1][1]
    )
    assert found.gamma_se == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_row_fit_leaves_out_saturated_and_missing_cells():
    gammas = np.array([0.6, 0.8, 1.0, 1.2, 1.4])
    slopes = np.array([-2.0, math.nan, -0.1, 0.1, 0.3])
    found = boundary_row_fit(
        gammas,
        slopes,
        saturated_below=-0.5,
    )
    assert found.gamma == pytest.approx(1.1)
    assert (found.cells, found.left_out) == (3, 2)
    assert boundary_row_fit(gammas, slopes).gamma != pytest.approx(1.1, abs=0.01)
    assert boundary_row_fit(gammas, slopes).left_out == 1


def test_degenerate_row_fits():
    assert math.isnan(
        boundary_row_fit(np.array([0.5, 1.0]), np.array([0.2, 0.2])).gamma
    )
    assert math.isnan(
        boundary_row_fit(np.array([0.5, 1.0]), np.array([0.2, math.nan])).gamma
    )
    two = boundary_row_fit(np.array([0.5, 1.5]), np.array([-1.0, 1.0]))
    assert two.gamma == pytest.approx(1.0)
    assert math.isnan(two.gamma_se)


def test_local_crossing():
    gammas, slopes, _ = PRINTED[0]
    assert boundary_local_crossing(np.array(gammas), np.array(slopes)) == pytest.approx(
        0.98 + 0.02 * 25 / 35
    )
    rows = {
        (-1.0, 0.0, 1.0): 1.0,
        (0.0, 1.0, 2.0): 0.0,
        (-1.0, 1.0, -1.0): 0.5,
        (1.0, 2.0, 3.0): math.nan,
        (-1.0, -2.0, -3.0): math.nan,
        (1.0, 0.0, -1.0): math.nan,
        (-1.0, math.nan, 3.0): 0.5,
    }
    for row, expected in rows.items():
        found = boundary_local_crossing(np.array([0.0, 1.0, 2.0]), np.array(row))
        assert found == pytest.approx(expected, nan_ok=True), row
    several = np.array([-1.0, 1.0, -1.0, 1.0, 2.0])
    assert boundary_local_crossing(np.arange(5.0), several) == pytest.approx(2.5)
    assert boundary_local_crossing(
        np.arange(5.0)[::-1], several[::-1]
    ) == pytest.approx(2.5)
    assert math.isnan(boundary_local_crossing(np.array([1.0]), np.array([math.nan])))


def test_bad_rows_are_named():
    with pytest.raises(InvalidInputError, match=r"^gammas"):
        boundary_local_crossing(np.array([1.0, 1.0]), np.array([-1.0, 1.0]))
    for estimator in (boundary_local_crossing, boundary_row_fit):
        with pytest.raises(InvalidInputError, match=r"^slopes"):
            estimator(np.array([1.0, math.nan]), np.array([-1.0, 1.0]))
        with pytest.raises(InvalidInputError, match=r"^slopes"):
            estimator(np.array([1.0, 2.0]), np.array([-1.0, math.inf]))

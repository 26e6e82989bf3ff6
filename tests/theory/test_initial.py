"""Initial directions against a slow scan of the circle; the early flow against its
equations, step by step.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condensery._errors import InvalidInputError
from condensery.theory import (
    condensation_time,
    early_flow,
    early_growth,
    early_measures,
    initial_directions,
    patch_direction,
    phase_slope,
)


def problem(seed, samples=12):
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [rng.uniform(-2, 2, samples), np.ones(samples)]
    ), rng.standard_normal(samples)


def scanned(x, e, p, points=20_001):
    """Angles in [0, π) where the motion Σ e (u·x)^{p−1} x of a unit along u is parallel
    to u, by bisection.
    """

    def across(angle):
        total = 0.0
        for (x1, x2), weight in zip(x, e, strict=True):
            total += (
                weight
                * (np.cos(angle) * x1 + np.sin(angle) * x2) ** (p - 1)
                * (-np.sin(angle) * x1 + np.cos(angle) * x2)
            )
        return total

    grid = np.linspace(0, np.pi, points)
    along = np.cos(grid)[:, None] * x[:, 0] + np.sin(grid)[:, None] * x[:, 1]
    turned = -np.sin(grid)[:, None] * x[:, 0] + np.cos(grid)[:, None] * x[:, 1]
    values = (along ** (p - 1) * turned) @ e
    found = []
    for k in np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0):
        low, high = grid[k], grid[k + 1]
        for _ in range(60):
            middle = (low + high) / 2
            if np.sign(across(middle)) == np.sign(across(low)):
                low = middle
            else:
                high = middle
        found.append((low + high) / 2)
    return np.array(found)


@pytest.mark.parametrize("p", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(8))
def test_directions_are_those_of_a_slow_scan(p, seed):
    x, e = problem(seed)
    found = initial_directions(x, e, multiplicity=p)
    expected = scanned(x, e, p)
    assert len(found) == len(expected) <= p
    angles = np.sort(np.arctan2(found[:, 1], found[:, 0]) % np.pi)
    np.testing.assert_allclose(angles, expected, atol=1e-8)
    np.testing.assert_allclose(
        np.linalg.norm(found, axis=1),
        1,
        rtol=1e-14,
    )


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(
    max_examples=40,
    deadline=None,
)
def test_directions_solve_the_equation_of_the_paper(seed, p):
    x, e = problem(seed, samples=6)
    for u1, u2 in initial_directions(x, e, multiplicity=p):
        power = (u1 * x[:, 0] + u2 * x[:, 1]) ** (p - 1) * e
        # multiplied by u₂^p, so that û = ∞ is no exception
        left, right = u2 * (power @ x[:, 0]), u1 * (power @ x[:, 1])
        assert abs(left - right) < 1e-8 * (np.abs(power) @ np.linalg.norm(x, axis=1))


def test_p_of_two_are_the_principal_axes():
    x, e = problem(3)
    _, axes = np.linalg.eigh((x * e[:, None]).T @ x)
    found = initial_directions(x, e, multiplicity=2)
    np.testing.assert_allclose(
        np.sort(np.abs(found @ axes), axis=None), [0, 0, 1, 1], atol=1e-9
    )


def test_a_common_factor_and_a_rotation_change_nothing_else():
    x, e = problem(4)
    found = initial_directions(x, e, multiplicity=3)
    np.testing.assert_allclose(
        initial_directions(x, -7 * e, multiplicity=3), found, atol=1e-9
    )
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    turned = initial_directions(x @ turn.T, e, multiplicity=3)
    cosines = np.abs(turned @ (found @ turn.T).T)
    np.testing.assert_allclose(
        cosines.max(axis=1),
        1,
        atol=1e-9,
    )


def test_p_of_one_by_hand_and_in_any_dimension():
    rng = np.random.default_rng(0)
    x, e = rng.standard_normal((9, 6)), rng.standard_normal(9)
    by_loop = np.sum(
        [
            weight * row
            for weight, row in zip(
                e,
                x,
                strict=True,
            )
        ],
        axis=0,
    )
    np.testing.assert_allclose(
        initial_directions(x, e)[0], by_loop / np.linalg.norm(by_loop), rtol=1e-13
    )


def test_a_double_root_is_one_line():
    # two samples with e = (1, −1) symmetric about the first axis; e (u·x)² (u⊥·x)
    # summed is u₂(2u₁² − u₂²)·const
    x, e = np.array([[1.0, 0.0]]), np.array([1.0])
    found = initial_directions(
        x, e, multiplicity=3
    )  # u₁² u₂ = 0: the line u₂ = 0, and u₁ = 0 twice
    np.testing.assert_allclose(
        found,
        [[1, 0], [0, 1]],
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: initial_directions(np.ones((3, 2)), np.ones(2)), "x, e: given shapes"),
        (
            lambda: initial_directions(np.ones((3, 2)), np.array([1.0, np.nan, 0.0])),
            "not finite",
        ),
        (
            lambda: initial_directions(
                np.ones((3, 2)),
                np.ones(3),
                multiplicity=0,
            ),
            "multiplicity: given 0",
        ),
        (
            lambda: initial_directions(
                np.ones((3, 2)),
                np.ones(3),
                multiplicity=1.5,
            ),
            "multiplicity: given 1.5",
        ),
        (
            lambda: initial_directions(
                np.ones((3, 3)),
                np.ones(3),
                multiplicity=2,
            ),
            "no prediction for this case",
        ),
        (
            lambda: initial_directions(np.ones((3, 2)), np.zeros(3)),
            "all directions are alike",
        ),
        (
            lambda: initial_directions(
                np.eye(2),
                np.ones(2),
                multiplicity=2,
            ),
            "all directions are alike",
        ),
        (
            lambda: early_flow(
                np.ones(2),
                np.ones((3, 2)),
                np.ones(2),
                1.0,
            ),
            "a, w, z: given shapes",
        ),
        (
            lambda: early_flow(
                np.ones(3),
                np.ones((3, 2)),
                np.zeros(2),
                1.0,
            ),
            "z: given zero",
        ),
        (lambda: early_measures(-1.0, 1.0, features=2), "growth"),
        (
            lambda: early_growth(
                np.ones((3, 2)), np.ones(3), width=10, gamma=2, gamma_prime=0, drop=1.0
            ),
            "drop 1.0",
        ),
        (
            lambda: patch_direction(
                np.ones((3, 4, 4)),
                np.ones(3),
                size=2,
            ),
            "images, y, size: given shapes",
        ),
        (
            lambda: patch_direction(
                np.ones((3, 1, 4, 4)),
                np.ones(3),
                size=5,
            ),
            "size 5",
        ),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()


def test_early_flow_by_small_steps():
    rng = np.random.default_rng(1)
    a0, w0, z = (
        rng.standard_normal(5),
        rng.standard_normal((5, 3)),
        np.array([0.3, -0.8, 0.2]),
    )
    a, w, steps, time = a0.copy(), w0.copy(), 20_000, 2.0
    for _ in range(steps):
        # the midpoint rule, whose error is of second order
        half_a, half_w = (
            a + 0.5 * time / steps * (w @ z),
            w + 0.5 * time / steps * np.outer(a, z),
        )
        a, w = a + time / steps * (half_w @ z), w + time / steps * np.outer(half_a, z)
    found_a, found_w = early_flow(a0, w0, z, time)
    np.testing.assert_allclose(found_a, a, rtol=1e-7)
    np.testing.assert_allclose(found_w, w, rtol=1e-7)


def test_early_flow_conserves_and_returns():
    rng = np.random.default_rng(2)
    a, w, z = (
        rng.standard_normal(4),
        rng.standard_normal((4, 3)),
        rng.standard_normal(3),
    )
    later = early_flow(a, w, z, 1.3)
    back = early_flow(*later, z, -1.3)
    np.testing.assert_allclose(back[0], a, rtol=1e-10)
    np.testing.assert_allclose(back[1], w, rtol=1e-10)
    np.testing.assert_allclose(
        later[0] ** 2 - np.sum(later[1] ** 2, axis=1),
        a**2 - np.sum(w**2, axis=1),
        rtol=1e-10,
    )


@pytest.mark.parametrize("kappa_prime", [0.2, 1.0, 5.0])
def test_early_measures_are_the_means_over_many_units(kappa_prime):
    rng = np.random.default_rng(3)
    width, features = 200_000, 4
    a, w = (
        kappa_prime * rng.standard_normal(width),
        rng.standard_normal((width, features)),
    )
    z = np.array([0.5, -0.5, 0.5, 0.5])
    _, moved = early_flow(a, w, z, 1.7)
    rd = np.linalg.norm(moved - w) / np.linalg.norm(w)
    alignment = np.linalg.norm(moved @ z) / np.linalg.norm(moved)
    found = early_measures(1.7, kappa_prime, features=features)
    # 200,000 units: a relative 1/√m is 0.2 %
    assert float(found.rd) == pytest.approx(rd, rel=0.01)
    assert float(found.alignment) == pytest.approx(alignment, rel=0.01)


def test_early_growth_by_a_scan_of_the_drop():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((20, 5)), rng.standard_normal(20)
    width, gamma, gamma_prime = 400.0, 2.2, -0.3
    pull = y @ x / 20
    along = x @ pull / np.linalg.norm(pull)
    kappa, kappa_prime = width**-gamma, width**-gamma_prime
    times = np.linspace(0, 6, 600_001)
    output = (
        width * 0.5 * np.sinh(2 * times) * (kappa * kappa_prime + kappa / kappa_prime)
    )
    loss = (
        np.mean(y**2) - 2 * output * np.mean(along * y) + output**2 * np.mean(along**2)
    )
    by_scan = times[np.argmax(loss <= 0.95 * np.mean(y**2))]
    found = early_growth(
        x, y, width=width, gamma=gamma, gamma_prime=gamma_prime, drop=0.05
    )
    assert float(found) == pytest.approx(by_scan, abs=2e-5)
    assert np.isinf(
        early_growth(
            x, y, width=width, gamma=gamma, gamma_prime=gamma_prime, drop=0.999
        )
    )


@pytest.mark.parametrize(
    ("gamma", "gamma_prime"), [(2.0, 0.0), (3.0, 0.0), (2.0, -0.5), (3.0, 1.2)]
)
def test_exponents_are_the_limits_of_the_closed_forms(gamma, gamma_prime):
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((20, 5)), rng.standard_normal(20)
    widths = np.array([1e12, 1e15])
    growth = early_growth(
        x,
        y,
        width=widths,
        gamma=gamma,
        gamma_prime=gamma_prime,
    )
    slope = np.diff(growth)[0] / np.log(1e3)
    assert slope == pytest.approx(condensation_time(gamma, gamma_prime), abs=1e-3)
    rd = early_measures(growth, widths**-gamma_prime, features=5).rd
    assert np.diff(np.log(rd))[0] / np.log(1e3) == pytest.approx(
        phase_slope(gamma, gamma_prime), abs=0.02
    )


def test_there_is_no_time_of_condensation_where_the_output_counts_at_once():
    np.testing.assert_array_equal(
        condensation_time([0.5, 1.5, 1.5], [0.0, 0.7, -0.7]), 0
    )


def test_patch_direction_by_loops():
    rng = np.random.default_rng(6)
    images, y, size = rng.standard_normal((4, 2, 5, 6)), rng.standard_normal(4), 3
    columns = []
    for u in range(5 - size + 1):
        for v in range(6 - size + 1):
            patch = [
                np.mean([y[i] * images[i, c, u + p, v + q] for i in range(4)])
                for c in range(2)
                for p in range(size)
                for q in range(size)
            ]
            columns.append([*patch, y.mean()])
    matrix = np.array(columns).T
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    direction, found = patch_direction(images, y, size=size)
    assert abs(direction @ vectors[:, -1]) == pytest.approx(1, abs=1e-10)
    assert direction[np.argmax(np.abs(direction))] > 0
    np.testing.assert_allclose(
        found[:5] ** 2,
        values[::-1][:5],
        rtol=1e-9,
    )

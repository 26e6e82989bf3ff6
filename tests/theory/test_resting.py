"""Resting angles of ReLU units: the field against a loop and against descent."""

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import residual_drive, resting_angles, resting_rank


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    x = np.column_stack([np.linspace(-1, 1, 9), np.ones(9)])
    return x, rng.standard_normal(9)


def slow_drive(u, x, e):
    pull = np.zeros(2)
    for sample, error in zip(x, e, strict=True):
        if u[0] * sample[0] + u[1] * sample[1] > 0:
            pull -= 2 * error * sample / len(e)
    return pull


def circle(angles):
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_the_drive_against_a_loop(data):
    x, e = data
    directions = circle(np.linspace(0, 6, 7))
    for u, pull in zip(
        directions,
        residual_drive(directions, x, e),
        strict=True,
    ):
        np.testing.assert_allclose(
            pull,
            slow_drive(u, x, e),
            atol=1e-14,
        )


def test_the_drive_is_the_descent_of_one_unit(data):
    x, e = data
    a, w = 0.7, np.array([0.4, 0.31])
    rest = e - a * np.maximum(x @ w, 0)

    def loss(moved):
        return np.mean((a * np.maximum(x @ moved, 0) + rest) ** 2)

    step = 1e-6
    slope = [
        (loss(w + step * axis) - loss(w - step * axis)) / (2 * step)
        for axis in np.eye(2)
    ]
    pull = residual_drive(w[None], x, e)[0]
    np.testing.assert_allclose(
        a * pull,
        -np.array(slope),
        rtol=1e-6,
    )


def slow_gap(angle, resting):
    gaps = []
    for target in resting:
        gap = math.fmod(abs(angle - target), 2 * math.pi)
        gaps.append(min(gap, 2 * math.pi - gap))
    return min(gaps)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_units_turn_to_the_resting_angles_and_stay(data, sign):
    x, e = data
    resting = resting_angles(x, e, sign)
    assert len(resting)
    here = np.linspace(0, 2 * np.pi, 50)
    for _ in range(6000):
        u = circle(here)
        tangent = np.column_stack([-u[:, 1], u[:, 0]])
        here += 0.01 * sign * np.sum(residual_drive(u, x, e) * tangent, axis=1)
    live = (circle(here) @ x.T > 1e-2).any(axis=1)
    assert live.sum() > 20
    assert all(slow_gap(angle, resting) < 0.03 for angle in here[live])


def test_ranks_are_uniform_by_chance_and_small_at_rest(data):
    x, e = data
    resting = resting_angles(x, e, 1.0)
    angles = np.linspace(
        0,
        2 * np.pi,
        400,
        endpoint=False,
    )
    live = [t for t in angles if (x @ circle([t])[0] > 0).any()]
    ranks = [resting_rank(t, x, resting) for t in live]
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.02)
    assert resting_rank(float(resting[0]), x, resting) < 0.02
    assert resting_rank(0.3, x, np.empty(0)) == 1


def test_a_rank_against_a_loop(data):
    x, e = data
    resting = resting_angles(x, e, 1.0)
    grid = np.arange(1440) * (2 * np.pi / 1440)
    gaps = [slow_gap(t, resting) for t in grid if (x @ circle([t])[0] > 0).any()]
    near = sum(gap <= slow_gap(0.77, resting) for gap in gaps)
    assert resting_rank(0.77, x, resting) == pytest.approx(near / len(gaps), abs=1e-3)


def test_without_a_residual_nothing_rests(data):
    x, e = data
    assert len(resting_angles(x, 0 * e, 1.0)) == 0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        (
            "directions, x, residual",
            lambda: residual_drive(
                np.ones((1, 2)),
                np.ones((3, 1)),
                np.ones(3),
            ),
        ),
        (
            "x",
            lambda: resting_rank(
                0.0,
                np.zeros((2, 2)),
                np.zeros(1),
            ),
        ),
    ],
)
def test_bad_input_is_refused_with_a_remedy(name, call):
    with pytest.raises(InvalidInputError, match=f"^{name}: given"):
        call()

"""The classical rule against a loop, a closed form and its order."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.engine import runge_kutta


def slow_rule(velocity, values, time, steps):
    h = time / steps
    for _ in range(steps):
        k1 = velocity(values)
        k2 = velocity([v + h / 2 * k for v, k in zip(values, k1, strict=True)])
        k3 = velocity([v + h / 2 * k for v, k in zip(values, k2, strict=True)])
        k4 = velocity([v + h * k for v, k in zip(values, k3, strict=True)])
        mean = [
            (a + 2 * b + 2 * c + d) / 6
            for a, b, c, d in zip(k1, k2, k3, k4, strict=True)
        ]
        values = [v + h * k for v, k in zip(values, mean, strict=True)]
    return values


def test_against_a_loop_over_numbers():
    def velocity(values):
        x, v = values
        return [v, -x - 0.3 * v * v * v]

    expected = slow_rule(velocity, [1.0, 0.2], 2.0, 17)
    tree = {"x": np.array(1.0), "v": np.array(0.2)}

    def of_tree(at):
        x, v = velocity([at["x"], at["v"]])
        return {"x": x, "v": v}

    end = runge_kutta(
        of_tree,
        tree,
        time=2.0,
        steps=17,
    )
    assert [float(end["x"]), float(end["v"])] == pytest.approx(expected, rel=1e-13)


def test_order_four_on_a_rotation():
    def turn(theta):
        return np.array([-theta[1], theta[0]])

    exact = np.array([np.cos(1.0), np.sin(1.0)])
    start = np.array([1.0, 0.0])
    errors = [
        np.abs(
            runge_kutta(
                turn,
                start,
                time=1.0,
                steps=n,
            )
            - exact
        ).max()
        for n in (10, 20)
    ]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)


def test_no_step_is_refused():
    with pytest.raises(InvalidInputError, match=r"^steps: given 0"):
        runge_kutta(
            np.negative,
            np.ones(1),
            time=1.0,
            steps=0,
        )

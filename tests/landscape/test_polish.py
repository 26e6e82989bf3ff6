"""Polishing: fits and saddles to the last digits."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.landscape import Problem, flatten, gradient, loss, polish
from condensery.models import mlp_normal


def problem(teacher, count=12):
    x = np.linspace(-1.0, 1.0, count)[:, None]
    (w, b), (a, c) = teacher
    return Problem(
        x,
        np.tanh(x @ w.T + b) @ a.T + c,
        "tanh",
    )


def test_a_fit_returns_to_its_teacher():
    teacher = mlp_normal(
        [1, 2, 1],
        seed=3,
        std=1.0,
    )
    task = problem(teacher)
    rng = np.random.default_rng(0)
    near = [(w + 1e-3 * rng.standard_normal(w.shape), b + 1e-3) for w, b in teacher]
    assert loss(near, task) > 1e-8
    polished = polish(near, task, target="fit")
    assert loss(polished, task) < 1e-28
    np.testing.assert_allclose(
        flatten(polished),
        flatten(teacher),
        atol=1e-9,
    )


def test_a_saddle_stays_a_saddle():
    # at w = a = 0 the gradient of a Σ tanh(w x) vanishes and nothing is fitted
    x = np.array([[-1.0], [0.5], [2.0]])
    task = Problem(
        x,
        x[:, 0],
        "tanh",
    )
    near = [(np.array([[1e-3]]), None), (np.array([[-2e-3]]), None)]
    polished = polish(near, task, target="gradient")
    assert np.abs(flatten(gradient(polished, task))).max() < 1e-14
    assert np.abs(flatten(polished)).max() < 1e-10
    assert loss(polished, task) == pytest.approx(np.mean(x**2))


def test_the_least_squares_of_one_number():
    x, y = np.array([[1.0], [2.0]]), np.array([1.0, 1.0])
    net = polish(
        [(np.array([[5.0]]), None)],
        Problem(x, y, "tanh"),
        target="fit",
    )
    assert net[0][0][0, 0] == pytest.approx(3 / 5, rel=1e-15)


def test_bad_input_is_refused_with_a_remedy():
    net = mlp_normal(
        [1, 2, 1],
        seed=3,
        std=1.0,
    )
    with pytest.raises(InvalidInputError, match=r"^target: given minimum"):
        polish(net, problem(net), target="minimum")
    with pytest.raises(InvalidInputError, match=r"^problem: given 3 residuals"):
        polish(
            net,
            problem(net, count=3),
            target="fit",
        )

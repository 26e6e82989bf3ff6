"""The linear stage: descent mode by mode against a loop of steps, and its lines."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import (
    explained_by_line,
    initial_directions,
    initial_lines,
    linear_descent,
    patch_matrix,
    unfitted,
)


def slow_matrix(images, y, size):
    count, channels, height, width = images.shape
    columns = []
    for u in range(height - size + 1):
        for v in range(width - size + 1):
            column = []
            for channel in range(channels):
                for p in range(size):
                    for q in range(size):
                        pixels = images[:, channel, u + p, v + q]
                        column.append(sum(y * pixels) / count)
            columns.append([*column, sum(y) / count])
    return np.array(columns).T


def test_the_matrix_against_a_loop():
    rng = np.random.default_rng(0)
    images, y = rng.standard_normal((5, 2, 4, 6)), rng.standard_normal(5)
    expected = slow_matrix(images, y, 3)
    np.testing.assert_allclose(
        patch_matrix(
            images,
            y,
            size=3,
        ),
        expected,
        atol=1e-14,
    )


@pytest.mark.parametrize(("entries", "positions"), [(4, 9), (9, 4), (3, 3)])
def test_the_modes_against_a_loop_of_steps(entries, positions):
    rng = np.random.default_rng(entries)
    w, a = rng.standard_normal((5, entries)), rng.standard_normal((5, positions))
    z = rng.standard_normal((entries, positions))
    rate = 0.05 / np.linalg.norm(z, 2)
    rows, output = w, a
    for _ in range(30):
        rows, output = rows + rate * output @ z.T, output + rate * rows @ z
    by_modes = linear_descent(
        w,
        a,
        z,
        relative_rate=0.05,
        steps=30,
    )
    np.testing.assert_allclose(by_modes[0], rows, rtol=1e-11)
    np.testing.assert_allclose(
        by_modes[1],
        output,
        rtol=1e-11,
    )


def test_closed_forms_of_the_linear_descent():
    w, a = np.array([[1.0, 2.0]]), np.array([[0.5]])
    start = linear_descent(
        w,
        a,
        np.array([[3.0], [0.0]]),
        relative_rate=0.1,
        steps=0,
    )
    np.testing.assert_allclose(start[0], w)
    np.testing.assert_allclose(start[1], a)
    # along (1, 0): (1 ± 0.1)^n of sum and difference; across it nothing moves
    end = linear_descent(
        w,
        a,
        np.array([[3.0], [0.0]]),
        relative_rate=0.1,
        steps=7,
    )
    grown, shrunk = 1.5 * 1.1**7, 0.5 * 0.9**7
    np.testing.assert_allclose(end[0], [[(grown + shrunk) / 2, 2.0]])
    np.testing.assert_allclose(end[1], [[(grown - shrunk) / 2]])
    still = linear_descent(
        w,
        a,
        np.zeros((2, 1)),
        relative_rate=0.1,
        steps=7,
    )
    np.testing.assert_allclose(still[0], w)


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.standard_normal((40, 5)), np.ones(40)])
    return x, np.sin(3 * x[:, 0]) + x[:, 1]


def test_there_is_no_line_without_a_theorem(cloud):
    x, y = cloud
    assert len(initial_lines(x, y, "xtanh")) == len(initial_lines(x, y, "relu")) == 0
    line = initial_lines(x, y, "tanh")
    pull = sum(
        target * row
        for target, row in zip(
            y,
            x,
            strict=True,
        )
    )
    np.testing.assert_allclose(np.abs(line @ pull), [np.linalg.norm(pull)])
    plane = np.column_stack([x[:, 0], np.ones(40)])
    expected = initial_directions(plane, -y, multiplicity=2)
    np.testing.assert_array_equal(initial_lines(plane, y, "xtanh"), expected)


def test_where_sigma_of_zero_counts_the_mean_does_not(cloud):
    x, y = cloud
    raised, plain = (initial_lines(x, rows, "sigmoid") for rows in (y + 7, y))
    np.testing.assert_allclose(raised, plain, atol=1e-12)
    assert unfitted(y, "sigmoid").mean() == pytest.approx(0, abs=1e-14)
    assert unfitted(y, "tanh") is y


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu"])
def test_what_a_line_explains_against_a_fit(cloud, name):
    x, y = cloud
    left, along = unfitted(y, name), x @ initial_lines(x, y, name)[0]
    if name == "sigmoid":
        along = along - along.mean()
    scale = sum(along * left) / sum(along**2)
    residual = sum((left - scale * along) ** 2) / sum(left**2)
    assert explained_by_line(x, y, name) == pytest.approx(1 - residual)


REFUSED = {
    "images, y, size: given": lambda: patch_matrix(
        np.ones((1, 1, 2, 2)), [1.0], size=3
    ),
    "w, a, z: given": lambda: linear_descent(
        np.ones((1, 2)), np.ones((1, 3)), np.ones((3, 2)), relative_rate=0.1, steps=1
    ),
    "w, a, steps: given": lambda: linear_descent(
        np.ones((1, 2)), np.ones((1, 3)), np.ones((2, 3)), relative_rate=0.1, steps=-1
    ),
    "activation: given relu": lambda: explained_by_line(
        np.ones((2, 2)), np.ones(2), "relu"
    ),
    "x, y: given": lambda: initial_lines(
        np.ones((2, 2)),
        np.ones(3),
        "tanh",
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_refused_with_a_remedy(message):
    with pytest.raises(InvalidInputError, match=message):
        REFUSED[message]()

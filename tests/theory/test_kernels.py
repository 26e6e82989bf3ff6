import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condensery._errors import InvalidInputError
from condensery.theory import ntk_two_layer_relu

LINE = np.linspace(-0.5, 0.5, 4)[:, None]
ROWS = hnp.arrays(
    np.float64, (3, 2), elements=st.floats(-10, 10).map(lambda v: round(v, 3))
)


def quadrature(u, v, nodes=200_000):
    """The expectations in the plane by polar coordinates: E r² = 2, the angle uniform,
    by the midpoint rule.
    """
    angle = (np.arange(nodes) + 0.5) * 2 * np.pi / nodes
    at_u, at_v = (
        u[0] * np.cos(angle) + u[1] * np.sin(angle),
        v[0] * np.cos(angle) + v[1] * np.sin(angle),
    )
    on = (at_u > 0) & (at_v > 0)
    return 2 * np.mean(at_u * at_v * on), np.mean(on) * (u @ v)


def test_against_quadrature():
    k_a, k_w = ntk_two_layer_relu(LINE)
    for i in range(4):
        for j in range(4):
            u, v = np.array([LINE[i, 0], 1.0]), np.array([LINE[j, 0], 1.0])
            assert (k_a[i, j], k_w[i, j]) == pytest.approx(
                quadrature(u, v),
                rel=3e-5,
            )


def test_against_monte_carlo_in_five_dimensions():
    rng = np.random.default_rng(0)
    x = rng.normal(
        size=(3, 5),
    )
    total_a, total_w, draws = np.zeros((3, 3)), np.zeros((3, 3)), 400_000
    for _ in range(4):
        z = np.column_stack([x, np.ones(3)]) @ rng.standard_normal((6, draws // 4))
        a = rng.standard_normal(draws // 4)
        total_a += np.maximum(z, 0) @ np.maximum(z, 0).T
        total_w += ((z > 0) * a) @ ((z > 0) * a).T * (x @ x.T + 1)
    k_a, k_w = ntk_two_layer_relu(x)
    scale = np.sqrt(np.outer(np.diag(k_a), np.diag(k_a)))
    assert np.abs(total_a / draws - k_a).max() < 0.02 * scale.max()
    assert np.abs(total_w / draws - k_w).max() < 0.02 * scale.max()


def test_closed_forms():
    k_a, k_w = ntk_two_layer_relu(
        np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [1.0, 1.0]]), bias=False
    )
    # orthogonal: ‖u‖‖v‖/(2π) and 0; opposite: both 0; 45°: (1/√2 + 3π/4/√2)√2/(2π) and
    # 3/8
    assert (k_a[0, 1], k_w[0, 1]) == pytest.approx(
        (1 / np.pi, 0.0),
        abs=1e-15,
    )
    assert (k_a[0, 2], k_w[0, 2]) == pytest.approx(
        (0.0, 0.0),
        abs=1e-15,
    )
    assert (k_a[0, 3], k_w[0, 3]) == pytest.approx(
        ((1 + 3 * np.pi / 4) / (2 * np.pi), 3 / 8)
    )
    assert np.diag(k_a) == pytest.approx([0.5, 2.0, 4.5, 1.0])
    assert np.diag(k_w) == pytest.approx([0.5, 2.0, 4.5, 1.0])


def test_conditions_of_the_four_points():
    k_a, k_w = ntk_two_layer_relu(LINE)
    assert [np.linalg.cond(k) for k in (k_a, k_w, k_a + k_w)] == pytest.approx(
        [2018, 54.9, 114.2], rel=1e-3
    )


def test_nearly_parallel_rows_keep_their_digits():
    for gap in (1e-5, 1e-9, 1e-12):
        k_w = ntk_two_layer_relu(
            np.array([[1.0, 0.0], [1.0, gap]]),
            bias=False,
        ).k_w
        assert 0.5 - k_w[0, 1] == pytest.approx(
            gap / (2 * np.pi),
            rel=2e-3,
        )


def test_a_row_of_zeros():
    k_a, k_w = ntk_two_layer_relu(
        np.array([[0.0], [1.0]]),
        bias=False,
    )
    assert k_a.tolist() == k_w.tolist() == [[0.0, 0.0], [0.0, 0.5]]


@given(ROWS)
def test_symmetric_positive_and_the_same_through_other(x):
    for kernel, crossed in zip(
        ntk_two_layer_relu(x),
        ntk_two_layer_relu(
            x,
            other=x,
        ),
        strict=True,
    ):
        assert np.array_equal(kernel, kernel.T)
        assert kernel == pytest.approx(
            crossed,
            abs=1e-12,
        )
        assert np.linalg.eigvalsh(kernel)[0] >= -1e-6 * max(1, np.abs(kernel).max())


@given(
    ROWS,
    st.floats(0, 6.28),
    st.floats(0.01, 100),
)
def test_rotation_and_scale(x, angle, scale):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plain, turned = (
        ntk_two_layer_relu(x, bias=False),
        ntk_two_layer_relu(
            scale * x @ turn,
            bias=False,
        ),
    )
    for before, after in zip(
        plain,
        turned,
        strict=True,
    ):
        assert after == pytest.approx(
            scale**2 * before,
            rel=1e-6,
            abs=1e-6 * scale**2 * max(1, np.abs(before).max()),
        )


def test_other_gives_the_rows_of_the_whole():
    x = np.random.default_rng(1).normal(
        size=(7, 3),
    )
    for whole, part in zip(
        ntk_two_layer_relu(x),
        ntk_two_layer_relu(
            x[:2],
            other=x[2:],
        ),
        strict=True,
    ):
        assert part == pytest.approx(
            whole[:2, 2:],
            rel=1e-12,
        )


@pytest.mark.parametrize(
    "x",
    [
        np.ones(3),
        np.ones((0, 2)),
        np.array([[np.nan]]),
        np.array([["a"]]),
        np.ones((1, 1, 1)),
    ],
)
def test_bad_samples_are_refused(x):
    with pytest.raises(InvalidInputError, match="x: given"):
        ntk_two_layer_relu(x)


def test_other_with_other_features_is_refused():
    with pytest.raises(
        InvalidInputError, match="other: given 2 features; allowed: as many as x has, 1"
    ):
        ntk_two_layer_relu(
            LINE,
            other=np.ones((2, 2)),
        )

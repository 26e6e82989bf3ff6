"""R1 against sums over all masks, written as loops, and the flattening against
derivatives taken by differences.
"""

from itertools import product

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.theory import (
    dropout_flattening,
    dropout_r1,
    dropout_r1_approximate,
    dropout_r1_bound,
)

RNG = np.random.default_rng(0)
F = RNG.standard_normal((4, 3))


def slow_excess(
    f,
    W,
    y,
    keep,
    *,
    factor=0.5,
    shared=True,
):
    """E over all masks of factor·mean_i ‖W(m_i f_i/p) − y_i‖², minus the same without
    masks: loops over everything.
    """
    n, m = f.shape
    bits = m if shared else n * m
    total = 0.0
    for kept in product((0, 1), repeat=bits):
        chance = 1.0
        for bit in kept:
            chance *= keep if bit else 1 - keep
        loss = 0.0
        for i in range(n):
            for o in range(len(W)):
                out = 0.0
                for j in range(m):
                    out += W[o][j] * f[i][j] * kept[j if shared else i * m + j] / keep
                loss += factor * (out - y[i][o]) ** 2 / n
        total += chance * loss
    plain = sum(
        factor * (sum(W[o][j] * f[i][j] for j in range(m)) - y[i][o]) ** 2 / n
        for i in range(n)
        for o in range(len(W))
    )
    return total - plain


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(("samples", "units", "shared"), [(4, 8, True), (2, 5, False)])
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_r1_is_what_all_masks_add(outputs, samples, units, shared, keep):
    f, W, y = (
        RNG.standard_normal(s)
        for s in ((samples, units), (outputs, units), (samples, outputs))
    )
    excess = slow_excess(
        f,
        W,
        y,
        keep,
        shared=shared,
    )
    assert dropout_r1(f, W, keep=keep) == pytest.approx(
        excess,
        abs=1e-12,
        rel=1e-12,
    )
    assert dropout_r1(
        f,
        W,
        keep=keep,
        loss="mse",
    ) == pytest.approx(
        excess * 2 / outputs,
        abs=1e-12,
        rel=1e-12,
    )


def test_r1_scales_with_the_odds_of_dropping():
    f, W = RNG.standard_normal((6, 9)), RNG.standard_normal((2, 9))
    unit = dropout_r1(f, W, keep=0.5)
    for keep in (0.1, 0.6, 0.99):
        assert dropout_r1(f, W, keep=keep) == pytest.approx(
            unit * (1 - keep) / keep, rel=1e-13
        )
    assert not dropout_r1(f, W, keep=1.0)
    assert dropout_r1(
        f,
        W[0],
        keep=0.5,
    ) == dropout_r1(
        f,
        W[:1],
        keep=0.5,
    )


def test_the_bound_holds_and_is_reached_by_copies_only():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        f, W = rng.standard_normal((5, 7)), rng.standard_normal((2, 7))
        assert dropout_r1(f, W, keep=0.8) > dropout_r1_bound(f, W, keep=0.8)
    copies = np.repeat(RNG.standard_normal((5, 1)), 7, axis=1)
    W = np.repeat(RNG.standard_normal((2, 1)), 7, axis=1)
    assert dropout_r1(copies, W, keep=0.8) == pytest.approx(
        dropout_r1_bound(copies, W, keep=0.8), rel=1e-12
    )
    # equal contributions of unequal parts reach it too
    scale = np.linspace(1, 2, 7)
    assert dropout_r1(copies * scale, W / scale, keep=0.8) == pytest.approx(
        dropout_r1_bound(copies, W, keep=0.8), rel=1e-12
    )


def test_two_vectors_of_given_sum():
    # Σ|o|² with o1 + o2 = o* is |o*|²/2 + 2|o1 − o*/2|²
    wanted = np.array([1.0, 0.4])
    for first in RNG.standard_normal((5, 2)):
        f, W = np.array([first, wanted - first]).T, np.ones(2)
        excess = 2 * np.sum((first - wanted / 2) ** 2)
        assert dropout_r1(f, W, keep=0.5) * 4 == pytest.approx(
            np.sum(wanted**2) / 2 + excess, rel=1e-12
        )


def test_the_approximation_is_exact_after_the_last_layer_and_before_a_linear_one():
    f, W2, W3, y = (RNG.standard_normal(s) for s in ((3, 5), (4, 5), (2, 4), (3, 2)))
    H = np.tile(np.eye(2), (3, 1, 1))
    last = dropout_r1_approximate(
        f,
        np.tile(W3 @ W2, (3, 1, 1)),
        H,
        keep=0.6,
    )
    assert last == pytest.approx(
        dropout_r1(
            f,
            W3 @ W2,
            keep=0.6,
        ),
        rel=1e-12,
    )
    assert last == pytest.approx(
        slow_excess(
            f,
            W3 @ W2,
            y,
            0.6,
        ),
        rel=1e-12,
    )


def test_the_approximation_takes_the_losses_curvature():
    # logistic-like curvature: H of each sample weighs its own Jacobian
    f, J = np.array([[2.0], [1.0]]), np.array([[[1.0], [2.0]], [[0.0], [1.0]]])
    H = np.array([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 5.0]]])
    by_hand = 4 * (2 + 2 * 2 * 1 + 4 * 3) + 1 * 5
    assert dropout_r1_approximate(
        f,
        J,
        H,
        keep=0.5,
    ) == pytest.approx(by_hand / 4, rel=1e-14)


def trace(a, w, x):
    """F_j of every unit, one derivative at a time."""
    found = np.zeros(len(a))
    for j in range(len(a)):
        for sample in x:
            z = float(w[j] @ sample)
            if z > 0:
                found[j] += z**2 + a[j] ** 2 * float(sample @ sample)
    return found


def slow_r1(a, w, x, keep):
    return (
        (1 - keep)
        / (2 * len(x) * keep)
        * sum(
            a[j] ** 2 * max(float(w[j] @ sample), 0) ** 2
            for sample in x
            for j in range(len(a))
        )
    )


def test_flattening_is_the_derivative_along_the_flow_of_r1():
    a, w, x, keep, h = (
        RNG.standard_normal(5),
        RNG.standard_normal((5, 3)),
        RNG.standard_normal((6, 3)),
        0.7,
        1e-5,
    )
    grad_a, grad_w = np.zeros(5), np.zeros((5, 3))
    for j in range(5):
        up, down = a.copy(), a.copy()
        up[j], down[j] = a[j] + h, a[j] - h
        grad_a[j] = (slow_r1(up, w, x, keep) - slow_r1(down, w, x, keep)) / (2 * h)
        for k in range(3):
            up, down = w.copy(), w.copy()
            up[j, k], down[j, k] = w[j, k] + h, w[j, k] - h
            grad_w[j, k] = (slow_r1(a, up, x, keep) - slow_r1(a, down, x, keep)) / (
                2 * h
            )
    ahead, behind = (
        trace(
            a - s * grad_a,
            w - s * grad_w,
            x,
        )
        for s in (h, -h)
    )
    found = dropout_flattening(
        a,
        w,
        x,
        keep=keep,
    )
    np.testing.assert_allclose(
        found,
        (ahead - behind) / (2 * h),
        rtol=1e-7,
        atol=1e-9,
    )
    assert (found <= 0).all()
    assert found.min() < 0


def test_a_unit_without_samples_does_not_flatten():
    w = np.array([[-1.0, -1.0], [1.0, 1.0]])
    found = dropout_flattening(
        np.ones(2), w, np.array([[1.0, 2.0], [0.5, 0.5]]), keep=0.5
    )
    assert found[0] == 0
    assert found[1] < 0


BAD = {
    "zero": lambda: dropout_r1(F, np.ones(3), keep=0.0),
    "above": lambda: dropout_r1_bound(F, np.ones(3), keep=1.1),
    "nan p": lambda: dropout_flattening(
        np.ones(1), np.ones((1, 2)), np.ones((1, 2)), keep=float("nan")
    ),
    "shape": lambda: dropout_r1(F, np.ones(4), keep=0.5),
    "empty": lambda: dropout_r1(
        np.ones((0, 3)),
        np.ones(3),
        keep=0.5,
    ),
    "not finite": lambda: dropout_r1(
        F * np.inf,
        np.ones(3),
        keep=0.5,
    ),
    "convention": lambda: dropout_r1(
        F,
        np.ones(3),
        keep=0.5,
        loss="sum",
    ),
    "jacobian": lambda: dropout_r1_approximate(
        F, np.ones((4, 2, 2)), np.ones((4, 2, 2)), keep=0.5
    ),
    "flattening": lambda: dropout_flattening(
        np.ones(2), np.ones((1, 2)), np.ones((1, 2)), keep=0.5
    ),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_bad_input(call):
    with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
        call()

from __future__ import annotations

import math

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import relative_distance


def slow(initial, final) -> float:
    moved = math.fsum(
        (float(y) - float(x)) ** 2
        for x, y in zip(
            initial,
            final,
            strict=True,
        )
    )
    return math.sqrt(moved) / math.sqrt(math.fsum(float(x) ** 2 for x in initial))


def test_equals_the_loop_for_w_for_a_and_for_both():
    rng = np.random.default_rng(0)
    a0, a1 = rng.standard_normal((2, 4, 9))
    w0, w1 = rng.standard_normal((2, 4, 9, 3))
    for_w, for_a = (
        relative_distance(
            w0,
            w1,
            member_axes=1,
        ),
        relative_distance(
            a0,
            a1,
            member_axes=1,
        ),
    )
    for_both = relative_distance(
        (a0, w0),
        [a1, w1],
        member_axes=1,
    )
    for k in range(4):
        assert for_w[k] == pytest.approx(slow(w0[k].ravel(), w1[k].ravel()), rel=1e-14)
        assert for_a[k] == pytest.approx(slow(a0[k], a1[k]), rel=1e-14)
        both = slow([*a0[k], *w0[k].ravel()], [*a1[k], *w1[k].ravel()])
        assert for_both[k] == pytest.approx(both, rel=1e-14)
        assert relative_distance(w0[k], w1[k]) == pytest.approx(for_w[k], rel=1e-15)
    assert relative_distance(
        w0[None],
        w1[None],
        member_axes=2,
    ).shape == (1, 4)


def test_closed_forms_and_degenerate_cases():
    w = np.array([[3.0, 4.0]])
    assert not relative_distance(w, w)
    assert relative_distance(w, -2.0 * w) == pytest.approx(3.0, rel=1e-15)
    assert relative_distance(1e-12 * w, 1e-12 * w + w) == pytest.approx(1e12)
    assert math.isinf(relative_distance(np.zeros(2), np.ones(2)))
    assert math.isnan(relative_distance(np.zeros(2), np.zeros(2)))
    assert math.isnan(relative_distance(w, w * math.nan))


def test_float32_is_measured_in_float64():
    w = np.full(
        10**5,
        1.0,
        dtype=np.float32,
    )
    moved = w.copy()
    moved[0] = np.float32(1.001)
    assert relative_distance(w, moved) == pytest.approx(
        (float(np.float32(1.001)) - 1) / math.sqrt(1e5), rel=1e-12
    )


def test_bad_input_is_named():
    with pytest.raises(InvalidInputError, match=r"^final"):
        relative_distance(np.ones(3), np.ones(4))
    with pytest.raises(InvalidInputError, match=r"^final"):
        relative_distance((np.ones(3),), (np.ones(3), np.ones(2)))
    with pytest.raises(InvalidInputError, match=r"^member_axes"):
        relative_distance(
            np.ones(3),
            np.ones(3),
            member_axes=2,
        )
    with pytest.raises(InvalidInputError, match=r"^member_axes"):
        relative_distance((), ())

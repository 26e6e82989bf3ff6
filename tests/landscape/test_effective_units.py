"""Units of the smallest net: against outputs on a grid, and by hand."""

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.landscape import effective_units

GRID = np.random.default_rng(0).standard_normal((50, 2))


def sign_of_copy(column, first):
    if np.allclose(column, first):
        return 1
    if np.allclose(column, -first):
        return -1
    return 0


def slow_units(net):
    """By outputs on a grid: copies are added up, and what is left is counted."""
    (W, b), (A, offset) = net
    columns = []
    totals = []
    constant = np.zeros(len(A))
    for unit in range(len(W)):
        z = GRID @ W[unit] + b[unit]
        column = np.tanh(z)
        if np.ptp(column) < 1e-9:
            constant += column[0] * A[:, unit]
            continue
        signs = [sign_of_copy(column, first) for first in columns]
        for total, sign in zip(
            totals,
            signs,
            strict=True,
        ):
            total += sign * A[:, unit]
        if not any(signs):
            columns.append(column)
            totals.append(A[:, unit].copy())
    if offset is None:
        totals.append(constant)
    return sum(np.abs(total).max() > 1e-9 for total in totals)


def disturbed(seed):
    """Random units with copies, mirrored copies, cancelled ones and constants."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((3, 3))
    chosen = rng.integers(0, 3, 8)
    signs = rng.choice([-1.0, 1.0], 8)
    hidden = signs[:, None] * rows[chosen]
    silent = rng.integers(0, 8)
    hidden[silent, :2] = 0
    W = hidden[:, :2]
    b = hidden[:, 2]
    weights = rng.integers(-1, 2, (2, 8))
    A = weights.astype(float)
    offset = None
    if seed % 2:
        offset = np.ones(2)
    return [(W, b), (A, offset)]


@pytest.mark.parametrize("seed", range(20))
def test_against_outputs_on_a_grid(seed):
    net = disturbed(seed)
    assert effective_units(net) == slow_units(net)


@pytest.mark.parametrize("offset", [None, np.ones(1)])
def test_constants_count_once_unless_a_bias_can_stand_for_them(offset):
    W = np.array([[0.0], [0.0], [1.0]])
    b = np.array([2.0, 3.0, 1.0])
    top = np.ones((1, 3))
    net = [(W, b), (top, offset)]
    expected = 2 if offset is None else 1
    assert effective_units(net) == expected


def test_the_thresholds():
    W = np.array([[1.0], [1.01]])
    A = np.array([[1.0, 1e-3]])
    net = [(W, None), (A, None)]
    assert effective_units(net) == 2
    assert effective_units(net, parallel=0.02) == 1
    assert effective_units(net, silent=0.01) == 1


def test_a_deep_net_is_refused():
    W = np.ones((1, 1))
    deep = [(W, None)] * 3
    with pytest.raises(
        InvalidInputError,
        match="two layers",
    ):
        effective_units(deep)

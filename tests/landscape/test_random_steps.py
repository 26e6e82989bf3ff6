"""Random steps: the formula, unit by unit, and where the steps lie."""

import numpy as np
import pytest

from condensery.landscape import forward, random_steps

UNITS = 4


def test_a_net_is_a_sum_of_steps():
    net = random_steps(
        UNITS,
        np.random.default_rng(7),
        reach=3.0,
    )
    again = np.random.default_rng(7)
    slopes = again.standard_normal(UNITS)
    middles = again.uniform(
        -3.0,
        3.0,
        UNITS,
    )
    amplitudes = again.standard_normal(UNITS)
    points = np.linspace(-3.0, 3.0, 7)
    expected = np.zeros(7)
    for unit in range(UNITS):
        distance = points - middles[unit]
        step = np.tanh(slopes[unit] * distance)
        expected += 2 * amplitudes[unit] * step
    inputs = points[:, None]
    computed = forward(net, inputs, "tanh")
    assert computed.ravel() == pytest.approx(expected)


def test_the_reach_is_that_of_the_three_steps():
    source = np.random.default_rng(0)
    hidden, _ = random_steps(5000, source)
    slopes, biases = hidden
    middles = -biases / slopes.ravel()
    farthest = np.abs(middles).max()
    assert farthest == pytest.approx(
        15.0,
        rel=1e-3,
    )

"""The loss along a line: against loops and closed forms."""

import math

import numpy as np
import pytest

from condensery import landscape
from condensery._errors import InvalidInputError
from condensery.landscape import Problem, loss_along, random_direction


def random_net(rng, *, biased=True):
    layers = []
    for shape in ((3, 2), (2, 3)):
        W = rng.standard_normal(shape)
        b = None
        if biased:
            b = rng.standard_normal(len(W))
        layers.append((W, b))
    return layers


def slow_layer(layer, along, stride, values):
    W, b = layer
    along_W, along_b = along
    sums = []
    for unit in range(len(W)):
        z = b[unit] + stride * along_b[unit]
        for k, value in enumerate(values):
            weight = W[unit, k] + stride * along_W[unit, k]
            z += weight * value
        sums.append(z)
    return sums


def slow_loss(net, direction, stride, problem):
    first, second = net
    along_first, along_second = direction
    total = 0.0
    for x, y in zip(problem.x, problem.y, strict=True):
        sums = slow_layer(first, along_first, stride, x)
        hidden = [math.tanh(z) for z in sums]
        output = slow_layer(second, along_second, stride, hidden)
        for value, target in zip(output, y, strict=True):
            total += (value - target) ** 2
    return problem.factor * total / problem.y.size


def drawn(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, 2))
    y = rng.standard_normal((4, 2))
    problem = Problem(
        x,
        y,
        "tanh",
        factor=0.5,
    )
    return problem, random_net(rng), random_net(rng)


def test_against_loops():
    problem, net, direction = drawn(0)
    strides = np.array([-1.0, 0.0, 0.3])
    expected = [slow_loss(net, direction, stride, problem) for stride in strides]
    losses = loss_along(net, direction, problem, strides)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


def test_the_ends_of_a_line_between_two_nets():
    problem, first, second = drawn(1)
    difference = landscape.flatten(second) - landscape.flatten(first)
    direction = landscape.unflatten(difference, first)
    ends = np.array([0.0, 1.0])
    losses = loss_along(first, direction, problem, ends)
    start = landscape.loss(first, problem)
    end = landscape.loss(second, problem)
    np.testing.assert_allclose(losses, [start, end], rtol=1e-12)


def test_the_loss_is_a_parabola_in_the_output_weights():
    """R(θ + s d) = R(θ) + s ∇R·d + s² |σ(z)V|²/2n for d in the output layer alone."""
    problem, net, _ = drawn(2)
    (W, b), (A, c) = net
    still = (0 * W, 0 * b)
    direction = [still, (A, 0 * c)]
    strides = np.arange(-2.0, 3.0)
    losses = loss_along(net, direction, problem, strides)
    third = np.diff(losses, 3)
    np.testing.assert_allclose(third, 0, atol=1e-12)
    hidden = np.tanh(problem.x @ W.T + b)
    output = hidden @ A.T
    curvature = np.mean(output**2)
    second = np.diff(losses, 2)
    np.testing.assert_allclose(second, curvature, rtol=1e-10)


def test_each_layer_of_a_direction_is_as_long_as_the_layer():
    _, net, _ = drawn(3)
    W, b = net[0]
    net[0] = (W, 0 * b)
    rng = np.random.default_rng(0)
    direction = random_direction(net, rng)
    for layer, along in zip(net, direction, strict=True):
        whole = np.column_stack(layer)
        drawn_whole = np.column_stack(along)
        length = np.linalg.norm(whole)
        assert np.linalg.norm(drawn_whole) == pytest.approx(length)
    (_, first), (_, second) = direction
    assert not first.any()
    assert second.any()


def test_a_net_without_biases():
    problem, _, _ = drawn(4)
    rng = np.random.default_rng(4)
    net = random_net(rng, biased=False)
    direction = random_direction(net, rng)
    assert [b for _, b in direction] == [None, None]
    (start,) = loss_along(
        net,
        direction,
        problem,
        np.zeros(1),
    )
    expected = landscape.loss(net, problem)
    assert start == pytest.approx(expected)


def test_a_direction_of_other_shapes_is_refused():
    problem, net, _ = drawn(5)
    short = [(np.ones((2, 2)), None)]
    with pytest.raises(InvalidInputError, match="direction"):
        loss_along(
            net,
            short,
            problem,
            np.zeros(1),
        )

"""Output, gradient, Jacobian and Hessian against loops and differences; what is
refused.
"""

import numpy as np
import pytest

from condensery import landscape
from condensery._errors import InvalidInputError
from condensery.landscape import Problem, flatten, unflatten

SIGMA = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "hardtanh": lambda z: np.clip(z, -1.0, 1.0),
}

CASES = [
    ((2, 3, 1), "tanh", True),
    ((1, 2, 3, 2), "softplus", False),
    ((3, 2, 2, 2, 1), "hardtanh", True),
]


def by_loops(net, x, sigma):
    rows = []
    for one in x:
        f = list(one)
        for index, (W, b) in enumerate(net):
            z = [
                sum(W[k, j] * f[j] for j in range(len(f)))
                + (0.0 if b is None else b[k])
                for k in range(len(W))
            ]
            f = (
                z
                if index == len(net) - 1
                else [float(sigma(np.float64(one))) for one in z]
            )
        rows.append(f)
    return np.array(rows)


@pytest.mark.parametrize(("sizes", "name", "output_bias"), CASES)
def test_output_and_loss_by_loops(make, sizes, name, output_bias):
    net, problem = make(
        1,
        sizes,
        name,
        output_bias=output_bias,
        factor=0.5,
    )
    expected = by_loops(net, problem.x, SIGMA[name])
    np.testing.assert_allclose(
        landscape.forward(net, problem.x, name), expected, rtol=1e-12, atol=1e-14
    )
    assert landscape.loss(net, problem) == pytest.approx(
        0.5 * np.mean((expected - problem.y) ** 2), rel=1e-13
    )


@pytest.mark.parametrize(("sizes", "name", "output_bias"), CASES)
def test_derivatives_by_differences(make, sizes, name, output_bias):
    net, problem = make(
        2,
        sizes,
        name,
        output_bias=output_bias,
    )
    theta, step = flatten(net), 1e-5

    def along(function):
        rows = []
        for k in range(theta.size):
            ahead, back = theta.copy(), theta.copy()
            ahead[k], back[k] = theta[k] + step, theta[k] - step
            rows.append(
                (function(unflatten(ahead, net)) - function(unflatten(back, net)))
                / (2 * step)
            )
        return np.stack(rows, axis=-1)

    slope = flatten(landscape.gradient(net, problem))
    np.testing.assert_allclose(
        slope, along(lambda p: landscape.loss(p, problem)), atol=1e-8
    )
    jacobian = landscape.jacobian(net, problem.x, name)
    np.testing.assert_allclose(
        jacobian, along(lambda p: landscape.forward(p, problem.x, name)), atol=1e-8
    )
    errors = landscape.output_errors(net, problem)
    np.testing.assert_allclose(
        np.einsum("nop,no->p", jacobian, errors) / len(errors), slope, atol=1e-12
    )
    H = landscape.hessian(net, problem)
    np.testing.assert_allclose(
        H, along(lambda p: flatten(landscape.gradient(p, problem))), atol=1e-7
    )
    assert (H == H.T).all()


def test_flatten_and_back(make):
    net, _ = make(3, (2, 3, 2), output_bias=False)
    again = unflatten(flatten(net), net)
    assert again[1][1] is None
    for (W, b), (V, c) in zip(net, again, strict=True):
        assert (W == V).all()
        assert b is c or (b == c).all()
    assert landscape.parameter_count(net) == flatten(net).size == 3 * 2 + 3 + 2 * 3
    assert landscape.widths(net) == (2, 3, 2)


def test_features_begin_with_the_input(make):
    net, problem = make(4, (2, 3, 2, 1))
    found = landscape.features(net, problem.x, "tanh")
    assert [one.shape[1] for one in found] == [2, 3, 2]
    z = landscape.preactivations(net, problem.x, "tanh")
    np.testing.assert_allclose(
        found[2],
        np.tanh(z[1]),
        rtol=1e-14,
    )


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ([], "parameters: given no layer"),
        ([(np.ones(3), None)], r"layer 1: given W of shape \(3,\)"),
        ([(np.ones((2, 1)), np.ones(3))], r"layer 1: .* b of \(3,\)"),
        (
            [(np.ones((2, 1)), None), (np.ones((1, 3)), None)],
            r"layer 2: given W of shape \(1, 3\)",
        ),
        ([(np.array([[np.nan]]), None)], "layer 1: given a value that is not finite"),
    ],
)
def test_parameters_that_are_none(parameters, match):
    with pytest.raises(InvalidInputError, match=match):
        landscape.check_parameters(parameters)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((np.ones((2, 1)), np.ones(3)), "data: given inputs of shape"),
        ((np.ones((0, 1)), np.ones(0)), "data: given inputs of shape"),
        (
            (np.full((2, 1), np.inf), np.ones(2)),
            "data: given a value that is not finite",
        ),
        ((np.ones((2, 1)), np.ones(2), "rleu"), "activation: given rleu"),
        ((np.ones((2, 1)), np.ones(2), "relu", 0.0), "factor: given 0.0"),
    ],
)
def test_problems_that_are_none(arguments, match):
    with pytest.raises(InvalidInputError, match=match):
        Problem(*arguments)


def test_targets_make_any_net_critical(make):
    net, problem = make(
        8,
        (2, 3, 2),
        "sigmoid",
        samples=40,
    )
    made = landscape.made_critical(
        net,
        problem.x,
        "sigmoid",
        seed=1,
        size=3.0,
    )
    assert np.abs(flatten(landscape.gradient(net, made))).max() < 1e-14
    assert landscape.loss(net, made) > 1
    with pytest.raises(
        InvalidInputError,
        match="x: given 3 samples of 2 outputs; allowed: more than 17 in all",
    ):
        landscape.made_critical(net, problem.x[:3], "sigmoid")

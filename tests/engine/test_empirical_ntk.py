"""The empirical kernel against a loop of finite differences and in closed form."""

import jax
import numpy as np
import pytest

from condensery.engine import empirical_ntk
from condensery.models import Network, mlp_normal, two_layer_normal

X = np.random.default_rng(1).standard_normal((4, 2))


def slow_kernel(network, x):
    """Central differences, parameter by parameter."""
    leaves = {name: np.array(leaf) for name, leaf in network.leaves().items()}
    kernel = 0.0
    step = 1e-5
    for leaf in leaves.values():
        for index in np.ndindex(leaf.shape):
            value = leaf[index]
            ends = []
            for moved in (value + step, value - step):
                leaf[index] = moved
                at = Network.of(leaves, network.activation, scale=network.scale)
                ends.append(at.forward(x).ravel())
            leaf[index] = value
            slope = (ends[0] - ends[1]) / (2 * step)
            kernel = kernel + np.outer(slope, slope)
    return kernel


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus"])
def test_against_a_loop_of_differences(name):
    two_layer = two_layer_normal(
        5,
        features=3,
        seed=0,
        std_a=1.0,
        std_w=1.0,
    )
    network = Network.of(two_layer, name, scale=0.7)
    kernel = empirical_ntk(network, X)
    np.testing.assert_allclose(
        kernel,
        slow_kernel(network, X),
        rtol=1e-7,
        atol=1e-8,
    )
    deep = Network.of(
        mlp_normal(
            [2, 4, 3, 2],
            seed=1,
            std=0.8,
        ),
        name,
    )
    kernel = empirical_ntk(deep, X)
    assert kernel.shape == (4, 2, 4, 2)
    expected = slow_kernel(deep, X)
    np.testing.assert_allclose(
        kernel.reshape(8, 8),
        expected,
        rtol=1e-7,
        atol=1e-8,
    )


def test_a_linear_net_in_closed_form():
    # f = aᵀ W x: K = x·x' |a|² + (W x)·(W x')
    rng = np.random.default_rng(2)
    w, a = rng.standard_normal((3, 2)), rng.standard_normal(3)
    network = Network.of({"a": a, "w": w}, "linear", scale=2.0)
    expected = (X @ X.T) * (a @ a) + (X @ w.T) @ (X @ w.T).T
    kernel = empirical_ntk(network, X)
    np.testing.assert_allclose(kernel, 4.0 * expected, rtol=1e-13)
    np.testing.assert_array_equal(kernel, kernel.T)
    part = empirical_ntk(network, X, X[1:3])
    np.testing.assert_allclose(part, kernel[:, 1:3], rtol=1e-13)


def test_the_kernel_of_an_ensemble_is_that_of_its_members():
    members = [
        Network.of(
            mlp_normal(
                [2, 3, 1],
                seed=seed,
                std=1.0,
            ),
            "tanh",
        )
        for seed in range(2)
    ]
    ensemble = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    kernels = empirical_ntk(ensemble, X)
    assert kernels.shape == (2, 4, 1, 4, 1)
    for index, member in enumerate(members):
        np.testing.assert_array_equal(kernels[index], empirical_ntk(member, X))


def test_it_is_positive_semidefinite():
    network = Network.of(
        mlp_normal(
            [2, 8, 1],
            seed=3,
            std=1.0,
        ),
        "relu",
    )
    kernel = empirical_ntk(network, X)[:, 0, :, 0]
    assert np.linalg.eigvalsh(kernel).min() > -1e-12

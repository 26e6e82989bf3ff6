"""`Network`: forward passes against loops, its forms, its member axis, its names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.models import (
    ACTIVATIONS,
    BatchNormMlp,
    Network,
    TwoLayer,
    activation,
    leaf_names,
    mlp,
    mlp_normal,
    numpy_activation,
    two_layer_normal,
    with_bias,
)

X = np.random.default_rng(0).standard_normal((7, 3))


def two_layer(seed=0):
    return two_layer_normal(
        5,
        features=4,
        seed=seed,
        std_a=0.8,
        std_w=0.7,
    )


def layered(seed=0, *, bias=True):
    return mlp_normal(
        [3, 6, 4, 2],
        seed=seed,
        std=0.6,
        bias=bias,
    )


def slow_forward(layers, sample, sigma):
    """One sample through (W, b), entry by entry."""
    values = list(sample)
    for number, (weight, bias) in enumerate(layers):
        sums = []
        for row, weights in enumerate(weight):
            total = 0.0 if bias is None else float(bias[row])
            for value, entry in zip(
                values,
                weights,
                strict=True,
            ):
                total += value * float(entry)
            sums.append(total)
        last = number == len(layers) - 1
        values = sums if last else [float(sigma(np.array(z))) for z in sums]
    return values


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_forward_against_a_loop(name):
    network = Network.of(layered(), name)
    sigma = numpy_activation(name)
    expected = [slow_forward(network.layers, sample, sigma) for sample in X]
    np.testing.assert_allclose(
        network.forward(X),
        expected,
        rtol=1e-12,
    )
    narrow = Network.of(
        two_layer(),
        name,
        scale=0.3,
    )
    single = [
        slow_forward(
            narrow.pairs(),
            sample,
            sigma,
        )[0]
        for sample in X
    ]
    np.testing.assert_allclose(
        narrow.forward(X),
        0.3 * np.array(single),
        rtol=1e-12,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numpy_and_jax_agree(name):
    z = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(
        numpy_activation(name)(z), activation(name).sigma(jnp.asarray(z)), atol=1e-14
    )
    assert numpy_activation(name)(z.astype(np.float32)).dtype == np.float32
    on_host = Network.of(layered(), name)
    on_device = jax.tree.map(jnp.asarray, on_host)
    assert isinstance(on_device, Network)
    assert isinstance(on_device.forward(X), jax.Array)
    assert isinstance(on_host.forward(X), np.ndarray)
    np.testing.assert_allclose(
        on_device.forward(X),
        on_host.forward(X),
        atol=1e-14,
    )


def test_it_computes_what_the_models_compute():
    parameters = two_layer()
    model = TwoLayer("tanh", scale=0.5)
    network = Network.of(
        parameters,
        "tanh",
        scale=0.5,
    )
    full = jnp.asarray(with_bias(X))
    np.testing.assert_allclose(
        network.forward(X),
        model(parameters, full),
        rtol=1e-13,
    )
    # with the constant feature or without it, bit for bit the same
    np.testing.assert_array_equal(network.forward(with_bias(X)), network.forward(X))
    layers = layered()
    np.testing.assert_allclose(
        Network.of(layers, "relu").forward(X), mlp(layers, X, "relu"), rtol=1e-13
    )


def test_a_hat_by_hand():
    hat = [(np.array([[1.0], [-1.0]]), None), (np.array([[1.0, 1.0]]), np.array([0.5]))]
    network = Network.of(hat, "relu")
    x = np.array([[-2.0], [3.0]])
    assert network.forward(x).tolist() == [[2.5], [3.5]]
    assert network.features(x)[0].tolist() == [[0.0, 2.0], [3.0, 0.0]]
    assert Network.of([(np.array([[2.0, 0.0]]), None)], "tanh").features(X[:, :2]) == []


def test_features_are_what_goes_into_the_next_layer():
    network = Network.of(layered(), "tanh")
    first, second = network.features(X)
    (w1, b1), (w2, b2), (w3, b3) = network.layers
    np.testing.assert_array_equal(first, np.tanh(X @ w1.T + b1))
    np.testing.assert_array_equal(second, np.tanh(first @ w2.T + b2))
    np.testing.assert_array_equal(network.forward(X), second @ w3.T + b3)


def test_round_trips_bit_for_bit():
    for parameters in (
        two_layer(),
        layered(),
        layered(
            bias=False,
        ),
    ):
        network = Network.of(parameters, "tanh")
        again = Network.of(network.leaves(), "tanh")
        assert again.names == network.names
        np.testing.assert_array_equal(again.forward(X), network.forward(X))
    parameters = two_layer()
    pairs = Network.of(parameters, "tanh").pairs()
    assert [weight.shape for weight, _ in pairs] == [(5, 3), (1, 5)]
    back = Network.of(pairs, "tanh").two_layer()
    for name, array in parameters.items():
        np.testing.assert_array_equal(back[name], array)
    joined = Network.of(parameters, "tanh").pairs(bias=False)
    assert joined[0][0] is parameters["w"]


def test_names_of_leaves():
    assert Network.of(two_layer(), "tanh").names == ("a", "w")
    assert Network.of(layered(), "tanh").names == ("W1", "b1", "W2", "b2", "W3", "b3")
    assert Network.of(
        layered(
            bias=False,
        ),
        "tanh",
    ).names == ("W1", "W2", "W3", "b3")
    ones = np.ones(2)
    normalised = [(np.ones((2, 1)), ones, ones), (np.ones((1, 2)), np.ones(1))]
    assert BatchNormMlp("tanh")(normalised, X[:, :1]).shape == (7, 1)
    names = [
        name
        for name, _ in leaf_names(
            {
                "net": normalised,
                "draw": ones,
            }
        )
    ]
    assert names == ["draw", "net.W1", "net.gamma1", "net.beta1", "net.W2", "net.b2"]
    assert leaf_names(ones)[0][0] == ""


@pytest.mark.parametrize("draw", [two_layer, layered])
def test_an_ensemble_is_its_members_bit_for_bit(draw):
    members = [Network.of(draw(seed), "tanh") for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    snapshot = Network.of(stacked.leaves(), "tanh")
    assert (members[0].members, snapshot.members) == (None, 3)
    outputs, hidden = snapshot.forward(X), snapshot.features(X)
    for index, member in enumerate(members):
        np.testing.assert_array_equal(outputs[index], member.forward(X))
        alone = snapshot.member(index)
        assert alone.names == member.names
        for layers, layer in zip(
            hidden,
            alone.features(X),
            strict=True,
        ):
            np.testing.assert_array_equal(layers[index], layer)


def test_it_is_differentiable():
    network = jax.tree.map(jnp.asarray, Network.of(two_layer(), "tanh"))
    slope = jax.grad(lambda at: jnp.sum(at.forward(X)))(network)
    expected = np.tanh(with_bias(X) @ network.leaves()["w"].T).sum(
        axis=0,
    )
    np.testing.assert_allclose(
        slope.leaves()["a"],
        expected,
        rtol=1e-12,
    )


def test_conversion():
    narrow = Network.of(
        two_layer(),
        "tanh",
        dtype=np.float32,
    )
    assert {leaf.dtype for leaf in narrow.leaves().values()} == {np.dtype("float32")}


REFUSED = {
    "activation: given elu": lambda: Network.of(two_layer(), "elu"),
    "parameters: given leaves a": lambda: Network.of({"a": np.ones(2)}, "tanh"),
    "parameters: given leaves W2": lambda: Network.of({"W2": np.eye(2)}, "tanh"),
    "parameters: given no layer": lambda: Network.of([], "tanh"),
    "layer 2: given W of shape": lambda: Network.of(
        [(np.eye(2), None), (np.eye(3), None)], "tanh"
    ),
    "layer 1: given W of shape": lambda: Network.of([(np.eye(2), np.ones(3))], "tanh"),
    "x: given 5 features": lambda: Network.of(layered(), "tanh").forward(
        np.ones((1, 5))
    ),
    "x: given 2 features": lambda: Network.of(layered(), "tanh").forward(
        np.ones((1, 2))
    ),
    "member: given 0; allowed: none": lambda: Network.of(layered(), "tanh").member(0),
    "network: given leaves W1": lambda: Network.of(layered(), "tanh").two_layer(),
}


@pytest.mark.parametrize("message", REFUSED)
def test_bad_input_is_refused_with_a_remedy(message):
    with pytest.raises(InvalidInputError, match=message):
        REFUSED[message]()

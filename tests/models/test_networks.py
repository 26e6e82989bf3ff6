"""Networks against loops over samples and units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.models import (
    Mlp,
    TwoLayer,
    mlp,
    mlp_normal,
    two_layer_normal,
    with_bias,
)


def test_two_layer_by_loops():
    rng = np.random.default_rng(0)
    a, w, x = (
        rng.standard_normal(5),
        rng.standard_normal((5, 3)),
        rng.standard_normal((4, 2)),
    )
    expected = [
        0.7
        * sum(
            a[k] * max(w[k, 0] * x[i, 0] + w[k, 1] * x[i, 1] + w[k, 2], 0.0)
            for k in range(5)
        )
        for i in range(4)
    ]
    found = TwoLayer("relu", scale=0.7)(
        {"a": jnp.array(a), "w": jnp.array(w)}, with_bias(jnp.array(x))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_unit_of_zeros_adds_nothing():
    a, w, x = (
        jnp.array([1.0, 0.0]),
        jnp.array([[0.3, -0.2], [0.0, 0.0]]),
        with_bias(jnp.array([0.5, -2.0])),
    )
    both = TwoLayer("sigmoid")({"a": a, "w": w}, x)
    np.testing.assert_array_equal(
        both, TwoLayer("sigmoid")({"a": a[:1], "w": w[:1]}, x)
    )


def test_with_bias_keeps_host_arrays_on_the_host():
    assert isinstance(with_bias(np.ones((2, 3))), np.ndarray)
    assert isinstance(with_bias(jnp.ones((2, 3))), jax.Array)
    assert with_bias(np.ones((2, 3), np.float32)).dtype == np.float32
    np.testing.assert_array_equal(with_bias(np.array([5.0])), [[5.0, 1.0]])


def test_mlp_by_loops():
    layers = mlp_normal(
        [2, 4, 3, 2],
        seed=3,
        std=[0.5, 0.7, 0.9],
        output_bias=False,
    )
    x = np.random.default_rng(1).standard_normal((5, 2))
    expected = []
    for row in x:
        h = list(row)
        for index, (weight, bias) in enumerate(layers):
            z = [
                sum(weight[j, i] * h[i] for i in range(len(h)))
                for j in range(len(weight))
            ]
            z = (
                z
                if bias is None
                else [value + shift for value, shift in zip(z, bias, strict=True)]
            )
            h = z if index == len(layers) - 1 else [np.tanh(value) for value in z]
        expected.append(h)
    np.testing.assert_allclose(mlp(layers, jnp.array(x), "tanh"), expected, rtol=1e-13)
    np.testing.assert_array_equal(
        Mlp("tanh")(layers, jnp.array(x)), mlp(layers, jnp.array(x), "tanh")
    )


def test_two_layer_is_an_mlp():
    drawn = two_layer_normal(
        6,
        features=2,
        seed=4,
        std_a=1.0,
        std_w=1.0,
    )
    layers = [(drawn["w"][:, :1], drawn["w"][:, 1]), (drawn["a"][None], None)]
    x = jnp.linspace(-1, 1, 7)
    np.testing.assert_allclose(
        TwoLayer("softplus")(drawn, with_bias(x)),
        mlp(layers, x[:, None], "softplus")[:, 0],
        rtol=1e-13,
    )


@pytest.mark.parametrize("model", [TwoLayer, Mlp])
def test_unknown_activations_are_refused_at_once(model):
    with pytest.raises(InvalidInputError, match="activation: given rleu"):
        model("rleu")


def test_a_draw_depends_on_nothing_but_seed_and_shape():
    first = two_layer_normal(
        50,
        features=3,
        seed=11,
        std_a=0.1,
        std_w=2.0,
    )
    two_layer_normal(
        7,
        features=2,
        seed=5,
        std_a=1.0,
        std_w=1.0,
    )
    np.random.default_rng(0).random(3)
    again = two_layer_normal(
        50,
        features=3,
        seed=11,
        std_a=0.1,
        std_w=2.0,
    )
    for name in ("a", "w"):
        np.testing.assert_array_equal(first[name], again[name])
    other = two_layer_normal(
        50,
        features=3,
        seed=12,
        std_a=0.1,
        std_w=2.0,
    )
    assert not np.isclose(first["w"], other["w"]).any()


def test_narrow_networks_are_the_first_units_of_wide_ones():
    wide = two_layer_normal(
        1000,
        features=2,
        seed=1,
        std_a=1.0,
        std_w=1.0,
    )
    narrow = two_layer_normal(
        10,
        features=2,
        seed=1,
        std_a=0.5,
        std_w=1.0,
    )
    np.testing.assert_array_equal(narrow["a"], 0.5 * wide["a"][:10])
    np.testing.assert_array_equal(narrow["w"], wide["w"][:10])


def test_drawn_numbers_are_normal_and_independent():
    drawn = two_layer_normal(
        20_000,
        features=2,
        seed=0,
        std_a=0.3,
        std_w=2.0,
    )
    columns = np.stack([drawn["a"] / 0.3, drawn["w"][:, 0] / 2, drawn["w"][:, 1] / 2])
    # five standard errors of means, variances, fourth moments and correlations of
    # 20,000 numbers
    error = 5 / np.sqrt(20_000)
    np.testing.assert_allclose(columns.mean(axis=1), 0, atol=error)
    np.testing.assert_allclose(np.mean(columns**4, axis=1), 3, atol=error * np.sqrt(96))
    np.testing.assert_allclose(np.cov(columns), np.eye(3), atol=error * np.sqrt(2))


def test_layers_of_an_mlp_do_not_share_their_numbers():
    (first, bias), (second, _) = mlp_normal(
        [3, 3, 3],
        seed=0,
        std=1.0,
    )
    assert not np.isclose(first, second).any()
    assert not np.isclose(first[:, 0], bias).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: two_layer_normal(
                0,
                features=2,
                seed=0,
                std_a=1.0,
                std_w=1.0,
            ),
            "width: given 0",
        ),
        (
            lambda: two_layer_normal(
                3,
                features=2,
                seed=-1,
                std_a=1.0,
                std_w=1.0,
            ),
            "seed: given -1",
        ),
        (lambda: mlp_normal([3], seed=0, std=1.0), "sizes: given"),
        (lambda: mlp_normal([3, 0, 1], seed=0, std=1.0), "width: given 0"),
        (lambda: mlp_normal([3, 2, 1], seed=0, std=[1.0]), "std: given"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()

"""Networks of several activations and of kernels, against loops."""

import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.models import (
    Cnn,
    LayeredMlp,
    TwoLayerConv,
    activation,
    cnn_normal,
    mlp,
    mlp_normal,
    two_layer_conv_normal,
)

NAMES = ("x2tanh", "sigmoid", "tanh")


def test_layered_mlp_by_loops():
    layers = mlp_normal(
        [2, 4, 4, 4, 1],
        seed=1,
        std=0.8,
    )
    x = np.random.default_rng(0).standard_normal((5, 2))
    functions = {
        "x2tanh": lambda z: z * z * np.tanh(z),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
    }
    for residual in (True, False):
        expected = []
        for row in x:
            h = list(row)
            for index, name in enumerate(NAMES):
                weight, bias = layers[index]
                new = [
                    functions[name](
                        sum(weight[j, i] * h[i] for i in range(len(h))) + bias[j]
                    )
                    for j in range(4)
                ]
                h = (
                    [n + o for n, o in zip(new, h, strict=True)]
                    if residual and index
                    else new
                )
            expected.append(
                [sum(layers[-1][0][0, j] * h[j] for j in range(4)) + layers[-1][1][0]]
            )
        found = LayeredMlp(NAMES, residual=residual)(layers, jnp.array(x))
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_without_residuals_and_with_one_activation_it_is_an_mlp():
    layers = mlp_normal(
        [3, 5, 5, 2],
        seed=2,
        std=0.5,
    )
    x = jnp.array(np.random.default_rng(1).standard_normal((6, 3)))
    np.testing.assert_allclose(
        LayeredMlp(("tanh",) * 2, residual=False)(layers, x),
        mlp(layers, x, "tanh"),
        rtol=1e-13,
    )


def test_the_inputs_of_the_layers():
    layers = mlp_normal(
        [2, 4, 4, 4, 1],
        seed=1,
        std=0.8,
    )
    x = jnp.array(np.random.default_rng(0).standard_normal((5, 2)))
    inputs = LayeredMlp(NAMES).hidden(layers, x)
    assert [h.shape[1] for h in inputs] == [2, 4, 4, 4]
    np.testing.assert_array_equal(inputs[0], x)
    output = inputs[-1] @ layers[-1][0].T + layers[-1][1]
    np.testing.assert_allclose(LayeredMlp(NAMES)(layers, x), output, rtol=1e-13)


def convolved(images, w, b):
    """By six loops: (sample, kernel, up, across)."""
    count, channels, height, width = images.shape
    kernels, _, size, _ = w.shape
    found = np.zeros((count, kernels, height - size + 1, width - size + 1))
    for n, k, u, v in np.ndindex(*found.shape):
        found[n, k, u, v] = b[k] + sum(
            w[k, c, p, q] * images[n, c, u + p, v + q]
            for c in range(channels)
            for p in range(size)
            for q in range(size)
        )
    return found


def test_two_layer_conv_by_loops():
    shape = (2, 4, 5)
    drawn = two_layer_conv_normal(
        3,
        shape=shape,
        size=2,
        seed=4,
        std=0.7,
    )
    x = np.random.default_rng(2).standard_normal((3, 40))
    z = np.tanh(convolved(x.reshape(3, *shape), drawn["w"], drawn["b"]))
    expected = [
        sum(z[n][index] * drawn["a"][index] for index in np.ndindex(*drawn["a"].shape))
        for n in range(3)
    ]
    np.testing.assert_allclose(
        TwoLayerConv("tanh", shape)(drawn, jnp.array(x)), expected, rtol=1e-12
    )


def test_cnn_by_loops():
    shape = (1, 4, 4)
    layers = cnn_normal(
        2, shape=shape, size=3, dense=[5, 3], seed=4, std=[0.5, 0.6, 0.7]
    )
    x = np.random.default_rng(3).standard_normal((3, 16))
    h = np.tanh(convolved(x.reshape(3, *shape), *layers[0])).reshape(3, -1)
    h = np.tanh(h @ layers[1][0].T + layers[1][1])
    np.testing.assert_allclose(
        Cnn("tanh", shape)(layers, jnp.array(x)),
        h @ layers[2][0].T + layers[2][1],
        rtol=1e-12,
    )


def test_draws_of_kernels():
    layers = cnn_normal(
        400, shape=(1, 6, 6), size=3, dense=[20, 10], seed=0, std=[1.0, 0.5, 2.0]
    )
    for (weight, bias), std in zip(layers, [1.0, 0.5, 2.0], strict=True):
        assert weight.std() == pytest.approx(std, rel=0.2)
        assert bias.std() == pytest.approx(std, rel=0.5)
    again = cnn_normal(
        400,
        shape=(1, 6, 6),
        size=3,
        dense=[20, 10],
        seed=0,
        std=1.0,
    )
    np.testing.assert_array_equal(again[0][0], layers[0][0])
    drawn = two_layer_conv_normal(
        5,
        shape=(1, 6, 6),
        size=3,
        seed=1,
        std=1.0,
    )
    assert not np.isclose(drawn["a"].ravel()[:45], drawn["w"].ravel()).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LayeredMlp(("tahn",)), "activation: given tahn"),
        (lambda: Cnn("tahn", (1, 2, 2)), "activation: given tahn"),
        (lambda: TwoLayerConv("tahn", (1, 2, 2)), "activation: given tahn"),
        (
            lambda: LayeredMlp(("tanh",))(
                mlp_normal(
                    [1, 2],
                    seed=0,
                    std=1.0,
                ),
                jnp.ones((1, 1)),
            ),
            "parameters: given 1",
        ),
        (
            lambda: two_layer_conv_normal(
                2,
                shape=(1, 4, 4),
                size=5,
                seed=0,
                std=1.0,
            ),
            "size: given 5",
        ),
        (
            lambda: cnn_normal(
                2,
                shape=(1, 4, 4),
                size=0,
                dense=[2],
                seed=0,
                std=1.0,
            ),
            "size: given 0",
        ),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()


def test_every_name_of_the_registry_can_be_a_layer():
    assert LayeredMlp(NAMES).activations == NAMES
    assert all(activation(name).name == name for name in NAMES)

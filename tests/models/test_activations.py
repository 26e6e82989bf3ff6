"""Activations against Python's math, number by number, and their derivatives against
autodiff and the closed facts.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.models import ACTIVATIONS, activation
from condensery.theory import ACTIVATION_NAMES, activation_facts

REFERENCE = {
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "tanh": math.tanh,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "softplus": lambda z: math.log1p(math.exp(z)),
    "sin": math.sin,
    "xtanh": lambda z: z * math.tanh(z),
    "x2tanh": lambda z: z**2 * math.tanh(z),
    "gelu": lambda z: z * 0.5 * (1 + math.erf(z / math.sqrt(2))),
    "hardtanh": lambda z: min(max(z, -1.0), 1.0),
    "linear": lambda z: z,
}
POINTS = [-3.7, -1.5, -1.0001, -0.9, -0.3, -1e-4, 2e-4, 0.25, 0.8, 1.2, 2.9, 11.0]
KINKS = {
    "relu": {0.0: 0.0},
    "leaky_relu": {0.0: 0.01},
    "hardtanh": {
        1.0: 0.0,
        -1.0: 0.0,
    },
}


def test_every_activation_has_a_reference():
    assert set(REFERENCE) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values(name):
    found = activation(name).sigma(jnp.array([*POINTS, 0.0]))
    np.testing.assert_allclose(
        found, [REFERENCE[name](z) for z in [*POINTS, 0.0]], rtol=1e-14, atol=1e-16
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_by_central_differences(name):
    h = 1e-5
    slopes = [
        (REFERENCE[name](z + h) - REFERENCE[name](z - h)) / (2 * h) for z in POINTS
    ]
    np.testing.assert_allclose(
        activation(name).sigma_prime(jnp.array(POINTS)), slopes, rtol=1e-8, atol=1e-9
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_one_of_autodiff_everywhere(name):
    pair = activation(name)
    z = jnp.array([*POINTS, 0.0, 1.0, -1.0])
    np.testing.assert_allclose(
        jax.vmap(jax.grad(pair.sigma))(z), pair.sigma_prime(z), rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name):
    for z, slope in KINKS[name].items():
        np.testing.assert_array_equal(activation(name).sigma_prime(jnp.array(z)), slope)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dtype_is_kept(name):
    z = jnp.array(
        [-0.5, 2.0],
        dtype=jnp.float32,
    )
    assert activation(name).sigma(z).dtype == jnp.float32
    assert activation(name).sigma_prime(z).dtype == jnp.float32


@pytest.mark.parametrize("name", sorted(set(ACTIVATION_NAMES) & set(ACTIVATIONS)))
def test_functions_agree_with_the_facts_of_the_theory(name):
    facts, sigma, z = activation_facts(name), activation(name).sigma, jnp.array(POINTS)
    sign = {
        "even": 1,
        "odd": -1,
        "none": None,
    }[facts.parity]
    if sign is not None:
        np.testing.assert_allclose(
            sigma(-z),
            sign * sigma(z),
            rtol=1e-14,
        )
    if facts.homogeneity is not None:
        np.testing.assert_allclose(
            sigma(3 * z), 3.0**facts.homogeneity * sigma(z), rtol=1e-14
        )
    assert float(sigma(jnp.array(0.0))) == pytest.approx(
        facts.value_at_zero,
        abs=1e-15,
    )
    if facts.multiplicity is not None:
        derivative = sigma
        for order in range(1, facts.multiplicity + 1):
            derivative = jax.grad(derivative)
            expected = facts.leading_derivative if order == facts.multiplicity else 0.0
            assert float(derivative(0.0)) == pytest.approx(expected, abs=1e-14)


def test_theory_and_models_name_the_same_activations():
    assert set(ACTIVATION_NAMES) == set(ACTIVATIONS)


def test_the_same_name_is_the_same_object():
    assert activation("tanh") is activation("tanh")


def test_unknown_name():
    with pytest.raises(
        InvalidInputError,
        match=r"activation: given swish; allowed: relu, .*linear; choose one",
    ):
        activation("swish")

import itertools
import math

import numpy as np
import pytest
from scipy.special import erf

from condensery._errors import InvalidInputError
from condensery.theory import ACTIVATION_NAMES, activation_facts

# σ written with numpy, apart from the library's own functions.
SIGMA = {
    "relu": lambda z: z * (z > 0),
    "leaky_relu": lambda z: np.where(
        z > 0,
        z,
        0.01 * z,
    ),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0),
    "sin": np.sin,
    "xtanh": lambda z: z * np.tanh(z),
    "x2tanh": lambda z: z * z * np.tanh(z),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "hardtanh": lambda z: np.minimum(np.maximum(z, -1), 1),
    "linear": lambda z: z,
}
Z = np.concatenate(
    [
        np.linspace(-6, 6, 241),
        np.random.default_rng(0).normal(
            size=50,
        ),
    ]
)
NAMES = pytest.mark.parametrize("name", ACTIVATION_NAMES)


def test_the_names():
    assert list(ACTIVATION_NAMES) == list(SIGMA)


@NAMES
def test_models_know_the_same_functions(name):
    import jax

    from condensery.models import ACTIVATIONS, activation

    assert set(ACTIVATIONS) == set(ACTIVATION_NAMES)
    with jax.enable_x64(new_val=True):
        assert np.asarray(
            activation(name).sigma(jax.numpy.asarray(Z))
        ) == pytest.approx(
            SIGMA[name](Z),
            abs=1e-12,
        )


@NAMES
def test_value_at_zero(name):
    assert activation_facts(name).value_at_zero == pytest.approx(
        float(SIGMA[name](np.array(0.0))), abs=1e-15
    )


@NAMES
def test_reflection_and_parity(name):
    facts, sigma = activation_facts(name), SIGMA[name]
    mirror = facts.reflection
    assert mirror.sign * sigma(Z) + mirror.constant + mirror.slope * Z == pytest.approx(
        sigma(-Z), abs=1e-12
    )
    even, odd = np.allclose(sigma(-Z), sigma(Z)), np.allclose(sigma(-Z), -sigma(Z))
    assert facts.parity == ("even" if even else "odd" if odd else "none")


@NAMES
def test_homogeneity(name):
    """A positive homogeneous function has z σ'(z) = kσ(z); the degree is read off at z
    = ±1 and tried elsewhere.
    """
    degree, sigma = activation_facts(name).homogeneity, SIGMA[name]
    one = np.array([1.0])
    found = round(math.log2(abs(sigma(2 * one)[0] / sigma(one)[0])))
    holds = all(np.allclose(sigma(c * Z), c**found * sigma(Z)) for c in (0.3, 2.0, 7.0))
    assert degree == (found if holds else None)


@NAMES
def test_affine_pieces_are_affine_and_the_largest(name):
    facts, sigma = activation_facts(name), SIGMA[name]
    straight = np.zeros(len(Z), dtype=bool)
    for piece in facts.affine_pieces:
        inside = (piece.lower <= Z) & (piece.upper >= Z)
        assert sigma(Z[inside]) == pytest.approx(
            piece.slope * Z[inside] + piece.intercept, abs=1e-15
        )
        straight |= inside
        for end, outward in ((piece.lower, -0.1), (piece.upper, 0.1)):
            if math.isfinite(end):
                beyond = np.array(end + outward)
                assert (
                    abs(sigma(beyond) - (piece.slope * beyond + piece.intercept)) > 1e-3
                )
    if facts.affine_pieces:
        assert straight.all()
        ends = [(piece.lower, piece.upper) for piece in facts.affine_pieces]
        assert ends[0][0] == -math.inf
        assert ends[-1][1] == math.inf
        assert all(left[1] == right[0] for left, right in itertools.pairwise(ends))
    else:
        near = np.linspace(-4, 4, 81)
        bent = np.abs(sigma(near + 0.05) - 2 * sigma(near) + sigma(near - 0.05))
        assert (np.maximum(bent[:-1], bent[1:]) > 1e-7).all()


@NAMES
def test_multiplicity(name):
    """Derivatives at 0 from a fit of a polynomial to σ on a small interval; a kink
    shows as two different sides.
    """
    facts, sigma, radius = activation_facts(name), SIGMA[name], 0.2
    grid = radius * np.cos(np.pi * (np.arange(40) + 0.5) / 40)
    fit = np.polynomial.Polynomial.fit(
        grid,
        sigma(grid),
        9,
    ).convert()
    smooth = np.abs(fit(grid) - sigma(grid)).max() < 1e-9
    if not smooth:
        assert (facts.multiplicity, facts.leading_derivative) == (None, None)
        return
    derivatives = [math.factorial(order) * fit.coef[order] for order in range(1, 5)]
    order = next(
        k
        for k, value in enumerate(
            derivatives,
            start=1,
        )
        if abs(value) > 1e-4
    )
    assert facts.multiplicity == order
    assert facts.leading_derivative == pytest.approx(
        derivatives[order - 1],
        rel=1e-5,
    )


def test_facts_are_frozen():
    with pytest.raises(AttributeError):
        activation_facts("relu").parity = "odd"


def test_an_unknown_activation_is_refused_with_a_hint():
    with pytest.raises(
        InvalidInputError,
        match=r"activation: given leakyrelu; .*did you mean leaky_relu\?",
    ):
        activation_facts("leakyrelu")

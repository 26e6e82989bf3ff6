import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condensery._errors import InvalidInputError
from condensery.theory import (
    SCHEMES,
    Coordinates,
    coordinates,
    finite_width_slope,
    kappas,
)

# Table 1 of 2007.07497, written as the table prints κ and κ', not through α, β1 and β2.
TABLE_1 = {
    "ntk": (0.5, 0.0, lambda m, d: m**-0.5, lambda m, d: 1.0),
    "mean-field": (1.0, 0.0, lambda m, d: 1 / m, lambda m, d: 1.0),
    "lecun": (
        0.5,
        0.5,
        lambda m, d: 1 / math.sqrt(m * d),
        lambda m, d: math.sqrt(d / m),
    ),
    "he": (
        0.5,
        0.5,
        lambda m, d: math.sqrt(4 / (m * d)),
        lambda m, d: math.sqrt(d / m),
    ),
    "xavier": (
        1.0,
        0.0,
        lambda m, d: math.sqrt(4 / ((m + 1) * (m + d))),
        lambda m, d: math.sqrt((m + d) / (m + 1)),
    ),
}
REGIMES = {
    "ntk": "linear",
    "mean-field": "critical",
    "lecun": "linear",
    "he": "linear",
    "xavier": "critical",
}


@pytest.mark.parametrize("scheme", TABLE_1)
@pytest.mark.parametrize(("m", "d"), [(2, 1), (1000, 1), (10**6, 784)])
def test_table_1(scheme, m, d):
    gamma, gamma_prime, kappa, kappa_prime = TABLE_1[scheme]
    point = coordinates(
        scheme,
        width=m,
        input_dimension=d,
    )
    assert (point.gamma, point.gamma_prime, point.width, point.regime) == (
        gamma,
        gamma_prime,
        m,
        REGIMES[scheme],
    )
    assert point.kappa == pytest.approx(kappa(m, d), rel=1e-14)
    assert point.kappa_prime == pytest.approx(kappa_prime(m, d), rel=1e-14)
    assert m**-point.gamma_at_width == pytest.approx(point.kappa, rel=1e-12)
    assert m**-point.gamma_prime_at_width == pytest.approx(point.kappa_prime, rel=1e-12)


def test_every_scheme_is_in_the_table():
    assert set(SCHEMES) == {*TABLE_1, "e-et-al"}


def test_without_a_width_there_are_only_limits():
    assert coordinates("xavier") == Coordinates("xavier", 1.0, 0.0)


@pytest.mark.parametrize("scheme", TABLE_1)
@pytest.mark.parametrize("d", [1, 2, 784])
def test_measured_slopes_are_within_a_hundredth_of_the_limits(scheme, d):
    slopes = finite_width_slope(scheme, input_dimension=d)
    assert slopes == pytest.approx(
        (coordinates(scheme).gamma, coordinates(scheme).gamma_prime), abs=0.01
    )
    kappa = TABLE_1[scheme][2]
    assert slopes[0] == pytest.approx(
        -math.log(kappa(10**6, d) / kappa(10**4, d)) / math.log(100), abs=1e-12
    )


def test_slopes_at_small_width_are_not_the_limit():
    assert (
        abs(
            finite_width_slope(
                "xavier",
                widths=(10, 100),
                input_dimension=784,
            )[0]
            - 1
        )
        > 0.1
    )


@given(
    exponent=st.floats(-3, 3),
    width=st.integers(2, 10**6),
)
def test_e_et_al_lies_on_the_diagonal_and_in_the_linear_regime(exponent, width):
    point = coordinates(
        "e-et-al",
        exponent=exponent,
        width=width,
    )
    assert (point.gamma, point.gamma_prime, point.regime) == (
        exponent,
        exponent,
        "linear",
    )
    assert point.kappa == point.kappa_prime == pytest.approx(width**-exponent)
    again = coordinates(
        "e-et-al",
        beta=point.kappa,
        width=width,
    )
    assert again.gamma == pytest.approx(exponent, abs=1e-12)
    assert again.gamma_at_width == again.gamma
    assert finite_width_slope("e", exponent=exponent) == pytest.approx(
        (exponent, exponent), abs=1e-12
    )


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("NTK", "ntk"),
        ("Mean field", "mean-field"),
        ("mean_field", "mean-field"),
        ("MF", "mean-field"),
        ("LeCun", "lecun"),
        ("Kaiming", "he"),
        ("Glorot", "xavier"),
        (" Xavier ", "xavier"),
    ],
)
def test_aliases(alias, name):
    assert coordinates(alias) == coordinates(name)


def test_a_float_that_is_whole_is_a_width():
    assert coordinates("ntk", width=1e4) == coordinates("ntk", width=np.int64(10_000))


def test_kappas_of_a_model_broadcast():
    alpha, beta1, beta2 = np.array([1.0, 10.0]), 0.3, np.array([[0.5], [2.0], [4.0]])
    kappa, kappa_prime = kappas(alpha, beta1, beta2)
    assert kappa.shape == (3, 2)
    assert kappa_prime.shape == (3, 1)
    for row in range(3):
        for column in range(2):
            assert kappas(alpha[column], beta1, beta2[row, 0]) == (
                kappa[row, column],
                kappa_prime[row, 0],
            )
    assert kappa[2, 1] == pytest.approx(0.3 * 4 / 10)
    assert kappa_prime[2, 0] == pytest.approx(0.3 / 4)


def test_the_notebooks_scales_are_2g_0():
    m, g = 1000, 0.5
    kappa, kappa_prime = kappas(1.0, m**-g, m**-g)
    assert -math.log(kappa) / math.log(m) == pytest.approx(2 * g)
    assert kappa_prime == 1


@pytest.mark.parametrize(
    ("scheme", "options", "words"),
    [
        ("xaveir", {}, "did you mean xavier?"),
        ("", {}, "kappas"),
        ("ntk", {"width": 1}, ">= 2"),
        ("ntk", {"width": 10.5}, "whole number"),
        ("ntk", {"width": True}, "whole number"),
        ("ntk", {"width": math.nan}, "whole number"),
        ("ntk", {"width": math.inf}, "whole number"),
        ("he", {"input_dimension": 0}, "input_dimension"),
        ("he", {"beta": 0.1, "width": 10}, "only with e-et-al"),
        ("e", {}, "neither"),
        (
            "e",
            {
                "exponent": 1.0,
                "beta": 0.1,
                "width": 10,
            },
            "both",
        ),
        ("e", {"exponent": math.nan}, "finite"),
        ("e", {"exponent": 500.0, "width": 1000}, "leave width out"),
        ("e", {"exponent": -500.0, "width": 1000}, "leave width out"),
        ("e", {"beta": 0.1}, "add width"),
        ("e", {"beta": -1.0, "width": 10}, "beta: given -1.0"),
    ],
)
def test_bad_schemes_are_refused_in_one_line(scheme, options, words):
    with pytest.raises(InvalidInputError) as caught:
        coordinates(scheme, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "scales",
    [(0, 1, 1), (1, -1, 1), (1, 1, np.nan), (1, np.inf, 1), (1, 1e-300, 1e-300)],
)
def test_bad_scales_are_refused(scales):
    with pytest.raises(InvalidInputError):
        kappas(*scales)


def test_equal_widths_have_no_slope():
    with pytest.raises(InvalidInputError, match="two different widths"):
        finite_width_slope("ntk", widths=(100, 100))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condensery._errors import InvalidInputError
from condensery.theory import boundary, phase_slope, regime

COORDINATE = st.floats(-3, 3)

# S_w as printed in Fig. 4 of 2007.07497 (one row for each γ'), nan where the colour is
# saturated.
GAMMAS = [0.6, 0.7, 0.8, 1.1, 1.2, 1.3, 1.4]
FIGURE_4 = {
    0.4: [np.nan, np.nan, np.nan, np.nan, -0.303, -0.107, 0.002],
    0.2: [np.nan, np.nan, np.nan, -0.119, -0.018, 0.080, 0.127],
    0.0: [-0.408, -0.318, -0.201, 0.084, 0.143, 0.178, 0.213],
    -0.2: [-0.412, -0.318, -0.252, 0.146, 0.217, 0.279, 0.326],
    -0.4: [-0.424, -0.330, -0.275, 0.123, 0.252, 0.369, 0.428],
}


def reference_regime(gamma, gamma_prime):
    """The conditions of Theorems 6 and 8, word for word."""
    if gamma < 1 or gamma_prime > gamma - 1:
        return "linear"
    if gamma > 1 and gamma_prime < gamma - 1:
        return "condensed"
    return "critical"


def reference_slope(gamma, gamma_prime):
    """Exponents from the final sizes of the weights: balance of capacity against what
    the output needs.
    """
    if (
        gamma < 1
    ):  # the kernel stands still; the larger of K^a/κ' and κ'K^w carries the fit
        carried = max(gamma_prime, -gamma_prime)  # exponent of that kernel
        return (-gamma_prime) + (-gamma) - (carried + 1 - 2 * gamma)
    # A final |a| of m^p and ‖w‖ of m^q with 1 − γ + p + q = 0, joined by κ'²a² − ‖w‖² =
    # const of order max(κ'², 1).
    need = gamma - 1
    for_a, for_w = need, 0.0  # a alone
    if for_a - gamma_prime > 0:  # κ'|a| outgrows ‖w⁰‖: both must move, ‖w‖ = κ'|a|
        for_a, for_w = (need + gamma_prime) / 2, (need - gamma_prime) / 2
    if for_a < 0:  # then |a| ≈ |a⁰| and w alone grows
        for_a, for_w = 0.0, need
    return (
        for_w
        if for_w > 0
        else 2 * (for_a - gamma_prime)
        if gamma_prime > need
        else for_w
    )


@given(COORDINATE, COORDINATE)
def test_regime_is_that_of_the_theorems(gamma, gamma_prime):
    expected = reference_regime(gamma, gamma_prime)
    if abs(gamma - max(1, 1 + gamma_prime)) > 1e-8:
        assert regime(gamma, gamma_prime) == expected
    assert regime(boundary(gamma_prime), gamma_prime) == "critical"


@pytest.mark.parametrize(
    ("gamma", "gamma_prime", "expected"),
    [
        (1.0, 0.0, "critical"),
        (1.0, -5.0, "critical"),
        (1.4, 0.4, "critical"),
        (1 + 0.1 * 3, 0.1 * 3, "critical"),
        (1.4, 0.5, "linear"),
        (1.4, 0.3, "condensed"),
        (0.999, -5.0, "linear"),
    ],
)
def test_regime_at_points(gamma, gamma_prime, expected):
    assert regime(gamma, gamma_prime) == expected


def test_tolerance_widens_the_critical_strip():
    assert regime(1.05, 0.0) == "condensed"
    assert regime(1.05, 0.0, tolerance=0.1) == "critical"


def test_arrays_agree_with_numbers():
    gammas, primes = (
        np.linspace(0.4, 1.8, 15)[None, :],
        np.linspace(-0.7, 0.7, 15)[:, None],
    )
    words, slopes = regime(gammas, primes), phase_slope(gammas, primes)
    assert words.shape == slopes.shape == (15, 15)
    for row, prime in enumerate(primes[:, 0]):
        assert boundary(primes)[row, 0] == boundary(prime)
        for column, gamma in enumerate(gammas[0]):
            assert words[row, column] == regime(gamma, prime)
            assert slopes[row, column] == phase_slope(gamma, prime)


@given(COORDINATE, COORDINATE)
def test_slope_against_the_scaling_argument(gamma, gamma_prime):
    assert phase_slope(gamma, gamma_prime) == pytest.approx(
        reference_slope(gamma, gamma_prime), abs=1e-12
    )


@given(COORDINATE, COORDINATE)
def test_the_slopes_sign_is_the_regime(gamma, gamma_prime):
    slope = phase_slope(gamma, gamma_prime)
    if abs(gamma - max(1, 1 + gamma_prime)) > 1e-8:
        assert (
            np.sign(slope) == {"linear": -1, "condensed": 1}[regime(gamma, gamma_prime)]
        )
    assert phase_slope(boundary(gamma_prime), gamma_prime) == pytest.approx(
        0, abs=1e-12
    )


@given(
    COORDINATE,
    COORDINATE,
    st.floats(-1e-3, 1e-3),
    st.floats(-1e-3, 1e-3),
    st.sampled_from(["w", "a", "theta"]),
)
def test_slopes_are_continuous(gamma, gamma_prime, right, up, of):
    moved = phase_slope(gamma + right, gamma_prime + up, of=of) - phase_slope(
        gamma, gamma_prime, of=of
    )
    assert abs(moved) <= 2 * abs(right) + 2 * abs(up) + 1e-12


@given(COORDINATE, COORDINATE)
def test_exchanging_the_layers_inverts_kappa_prime(gamma, gamma_prime):
    w, a = phase_slope(gamma, gamma_prime), phase_slope(gamma, gamma_prime, of="a")
    assert a == phase_slope(gamma, -gamma_prime)
    assert phase_slope(gamma, gamma_prime, of="theta") == max(w, a)
    if abs(gamma - 1) > 1e-9:  # the boundary of θ is γ = 1 for every γ'
        assert np.sign(max(w, a)) == np.sign(gamma - 1)


def test_slopes_against_the_printed_figure():
    cells = [
        (g, gp, s)
        for gp, row in FIGURE_4.items()
        for g, s in zip(GAMMAS, row, strict=True)
        if np.isfinite(s)
    ]
    off = np.array(
        [
            measured - phase_slope(gamma, gamma_prime)
            for gamma, gamma_prime, measured in cells
        ]
    )
    assert len(off) == 28
    assert np.sqrt(np.mean(off**2)) <= 0.05
    assert np.abs(off).max() <= 0.105
    # (γ − 1 − γ')/2 everywhere in the condensed regime would not do: at (1.1, −0.4) it
    # is off by more than that.
    assert abs(FIGURE_4[-0.4][3] - (1.1 - 1 + 0.4) / 2) > 0.12


@pytest.mark.parametrize(
    ("gamma", "gamma_prime"), [(0.6, 0.0), (0.7, -0.4), (1.4, -0.4), (1.75, 0.0)]
)
def test_slopes_against_a_gradient_flow(gamma, gamma_prime, distances):
    x = np.linspace(-0.5, 0.5, 4)[:, None]
    runs = {
        width: [
            distances(
                x,
                x[:, 0] ** 2,
                gamma,
                gamma_prime,
                width,
                asi=True,
                seed=seed,
            )[1]
            for seed in range(2)
        ]
        for width in (1000, 10_000)
    }
    measured = np.mean(np.log10(runs[10_000])) - np.mean(np.log10(runs[1000]))
    assert measured == pytest.approx(phase_slope(gamma, gamma_prime), abs=0.05)


def test_nan_is_handed_on_by_slopes_and_refused_by_regime():
    assert np.isnan(phase_slope(np.nan, 0.0))
    assert np.isnan(phase_slope(2.0, np.nan))
    assert np.isnan(boundary(np.nan))
    with pytest.raises(InvalidInputError, match="not finite"):
        regime([1.0, np.nan], 0.0)


def test_bad_options():
    with pytest.raises(InvalidInputError, match="of: given b; allowed: w, a, theta"):
        phase_slope(1.0, 0.0, of="b")
    with pytest.raises(InvalidInputError, match="tolerance"):
        regime(1.0, 0.0, tolerance=-1.0)
    with pytest.raises(InvalidInputError, match="broadcasts"):
        regime([1.0, 2.0], [0.0, 1.0, 2.0])

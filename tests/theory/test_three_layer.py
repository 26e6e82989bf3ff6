"""The exponents of three layers: continuity, the lines where they vanish, and the
balance they come from.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condensery.theory import phase_slope, three_layer_boundaries, three_layer_slopes

PLACE = st.floats(-2, 2), st.floats(0.5, 4)


def balanced(gamma2, gamma3):
    """Exponents of C, B, A from the need of the output and the conserved quantities,
    searched on a fine grid.

    The time is that in which all layers together have grown by s, from nothing: A = B =
    m^s and C = m^(s − γ₂) where a layer outgrows √m; the output needs −γ₃ + Σ max(½,
    exponent) = 0.
    """
    for s in np.arange(-6, 6, 1e-3):
        if -gamma3 + 2 * max(0.5, s) + max(0.5, s - gamma2) >= 0:
            return s
    raise AssertionError


@given(*PLACE)
def test_where_all_layers_grow_their_sizes_meet_the_need(gamma2, gamma3):
    first, second = three_layer_slopes(gamma2, gamma3)
    s = balanced(gamma2, gamma3)
    if (
        gamma3
        > 1.5
        + max(
            2 * gamma2,
            -gamma2,
            0,
        )
        + 0.01
    ):
        # RD1 = C/√m with C = m^(s − γ₂), RD2 = B/m with B = m^s
        assert first == pytest.approx(s - gamma2 - 0.5, abs=2e-3)
        assert second == pytest.approx(s - 1, abs=2e-3)
    elif gamma3 > 1.51 and gamma2 > 0:
        # W₁ stands: B as before; C = κ₂²A²/√m
        assert second == pytest.approx(s - 1, abs=2e-3)
        assert first == pytest.approx(2 * (s - gamma2) - 1, abs=4e-3)


@given(*PLACE)
def test_the_kernel_regime_from_the_kernels_of_the_layers(gamma2, gamma3):
    if gamma3 < 1.5:
        mobility = np.array([-4 / 3, 2 / 3]) * gamma2  # exponents of M₁ and M₂ = M₃
        # every layer's J has norm κ₃m; Δθ_l = M_l J_l/(J D Jᵀ)
        change = mobility - max(mobility) - (1 - gamma3)
        np.testing.assert_allclose(
            three_layer_slopes(gamma2, gamma3), change - [0.5, 1.0], atol=1e-12
        )


@given(
    st.floats(-2, 2),
    st.floats(0.5, 4),
    st.sampled_from([(1e-7, 0.0), (0.0, 1e-7)]),
)
def test_continuous_everywhere(gamma2, gamma3, shift):
    here = np.array(three_layer_slopes(gamma2, gamma3))
    there = np.array(three_layer_slopes(gamma2 + shift[0], gamma3 + shift[1]))
    assert np.abs(here - there).max() < 1e-6


@given(st.floats(-2, 2))
def test_slopes_vanish_on_their_boundaries_and_change_sign_there(gamma2):
    for layer, at in enumerate(three_layer_boundaries(gamma2)):
        below, on, above = (
            float(three_layer_slopes(gamma2, at + step)[layer])
            for step in (-0.01, 0.0, 0.01)
        )
        assert below < 0 < above
        assert on == pytest.approx(0.0, abs=1e-9)


def test_four_regions():
    gamma2, gamma3 = np.meshgrid(np.linspace(-1, 1.5, 26), np.linspace(0.5, 4, 36))
    first, second = three_layer_slopes(gamma2, gamma3)
    assert (
        len(
            {
                (a, b)
                for a, b in zip(
                    first.ravel() > 0.01, second.ravel() > 0.01, strict=True
                )
            }
        )
        == 4
    )


def test_two_layers_are_the_model():
    # With the outer layers as one, γ₂ > 0 slows the first layer as γ' does in two: −2γ₂
    # in the kernel regime
    assert three_layer_slopes(0.3, 1.0).first - three_layer_slopes(
        0.0, 1.0
    ).first == pytest.approx(float(phase_slope(0.5, 0.3) - phase_slope(0.5, 0.0)))

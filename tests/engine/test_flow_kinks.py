"""How a step follows a unit through the kink of its activation: against a simulation of
one unit in tiny steps.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from condensery.engine import Ensemble, flow
from condensery.engine._flow_kernel import _through_kink
from condensery.models import ACTIVATIONS, activation

TINY = 200_000


def walked(
    z,
    slopes,
    others,
    push,
    steps=TINY,
):
    """Mean σ' and mean σ of one unit on one sample while z' = others + σ'(z)·push, by
    Euler's rule over [0, 1].
    """
    slope_sum = s_sum = 0.0
    for _ in range(steps):
        slope = slopes[1] if z > 0 else slopes[0]
        slope_sum += slope
        s_sum += slope * z
        z += (others + slope * push) / steps
    return slope_sum / steps, s_sum / steps, z


def followed(name, z0, others, push):
    """The same by the engine: one unit with a = 1 and one sample x = 1."""
    act = activation(name)
    predicted = z0 + others + act.slopes[z0 > 0] * push
    start, end = ((jnp.ones(1), jnp.array([[z]])) for z in (z0, predicted))
    factors = _through_kink(
        act, act.slopes, jnp.ones((1, 1)), start, end, jnp.array([push])
    )
    return float(factors.slope[0, 0]), float(factors.s[0, 0])


CASES = {
    "stays above": (0.9, -0.3, 0.1),
    "stays below": (-0.9, 0.3, 0.1),
    "leaves": (0.4, -0.5, -0.3),
    "enters and gains": (-0.4, 1.0, 0.6),
    "enters and is held back": (-0.2, 0.5, -0.3),
    "slides from above": (0.1, 0.4, -1.2),
    "slides from below": (-0.1, 0.4, -1.2),
    "slides all along": (0.0, 0.3, -0.9),
}


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
@pytest.mark.parametrize("case", CASES)
def test_mean_slope_and_mean_value_are_those_of_a_walk_in_tiny_steps(name, case):
    z0, others, push = CASES[case]
    slope, s, _ = walked(z0, activation(name).slopes, others, push)
    found_slope, found_s = followed(name, z0, others, push)
    assert found_slope == pytest.approx(slope, abs=2e-4)
    assert found_s == pytest.approx(s, abs=2e-4)


def test_a_sliding_unit_has_the_slope_for_which_z_stands_still():
    # 0.3 + φ·(−0.9) = 0
    assert followed("relu", 0.0, 0.3, -0.9)[0] == pytest.approx(1 / 3, abs=1e-12)


def test_only_activations_with_one_kink_at_zero_have_slopes():
    z = jnp.array([-1.5, -0.5, 0.5, 1.5])
    for name in ACTIVATIONS:
        act = activation(name)
        linear_on_both_sides = np.allclose(
            act.sigma(z),
            np.where(
                z > 0,
                act.sigma(jnp.array(1.0)),
                -act.sigma(jnp.array(-1.0)),
            )
            * z,
        )
        if act.slopes is None:
            assert not linear_on_both_sides or name == "linear"
        else:
            assert (
                np.asarray(act.sigma_prime(z)).tolist()
                == np.repeat(act.slopes, 2).tolist()
            )


def test_condensed_cells_with_a_fast_inner_layer_converge():
    """Units slide in numbers here.

    The secant alone is 2 % off at this step parameter (mean over these networks).
    """
    members = Ensemble.grid(
        widths=[1000], gammas=[1.02, 1.1], gamma_primes=[-0.4], seeds=[0, 1, 2]
    )
    x = np.linspace(-0.5, 0.5, 4)[:, None]
    coarse, fine = (
        flow(
            members,
            x,
            x[:, 0] ** 2,
            eta=eta,
        ).rd
        for eta in (0.05, 0.003)
    )
    assert np.mean(np.abs(coarse / fine - 1)) < 0.015

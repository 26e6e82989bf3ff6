"""How a step follows a unit through the kink of its activation: against a simulation of
one unit in tiny steps.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from condensery.engine import Ensemble, flow
from condensery.engine._flow_pieces import NOT_HELD
from condensery.engine._flow_walk import mean_along, slopes_at
from condensery.models import ACTIVATIONS, activation
from condensery.models._activations import LEAKY_SLOPE
from condensery.records import Status

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


def followed(
    name,
    z0,
    others,
    push,
):
    """The same by the engine: one unit with a = 1 and one sample x = 1, and another
    sample, far above its kink, that pushes it all along.
    """
    along = mean_along(
        activation(name),
        jnp.array([[z0], [1e6]]),
        jnp.array([[push], [others]]),
        jnp.array([[1.0, 0.0], [1.0, 1.0]]),
    )
    return float(along.slope[0, 0]), float(along.value[0, 0])


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
    assert followed("relu", 0.0, 0.3, -0.9)[0] == pytest.approx(
        1 / 3,
        abs=1e-12,
    )


VALUES = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: np.where(
        z > 0,
        z,
        LEAKY_SLOPE * z,
    ),
    "hardtanh": lambda z: np.clip(z, -1.0, 1.0),
}


def walked_units(
    act,
    z,
    push,
    K,
    steps=20_000,
):
    """The same of many units on many samples."""
    slope_sum, value_sum = np.zeros_like(z), np.zeros_like(z)
    edges, slopes = np.array(act.kinks), np.array(act.slopes)
    for _ in range(steps):
        slope = slopes[np.searchsorted(edges, z)]
        slope_sum += slope
        value_sum += VALUES[act.name](z)
        z = z + K @ (push * slope) / steps
    return slope_sum / steps, value_sum / steps, z


CLOSE = np.array([[-0.9, 1.0], [-0.8, 1.0], [0.1, 1.0], [0.4, 1.0]])
EQUAL = CLOSE[[0, 1, 1, 3]]
ACROSS = np.array(
    [
        [-0.9, 0.2, 1.0],
        [-0.8, -0.4, 1.0],
        [0.1, 0.9, 1.0],
        [0.4, -0.7, 1.0],
    ]
)


@pytest.mark.parametrize(
    "x",
    [CLOSE, EQUAL, ACROSS],
    ids=["close", "equal", "across"],
)
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hardtanh"])
def test_units_that_meet_several_kinks_are_where_tiny_steps_take_them(name, x):
    """Of samples that are close together a unit leaves one and is held at the next;
    with three features it can be held at two at once.
    """
    rng = np.random.default_rng(5)
    act, units = activation(name), 100
    z = x @ rng.standard_normal((x.shape[1], units))
    push = np.array([[-0.3], [0.5], [0.3], [-0.8]]) * rng.standard_normal(units)
    along = mean_along(act, *map(jnp.asarray, (z, push, x)))
    slope, value, end = walked_units(
        act,
        z,
        push,
        x @ x.T,
    )
    pieces = np.searchsorted(act.kinks, [z, end])
    met = np.any(pieces[0] != pieces[1], axis=0)
    assert met.sum() > 10
    reached = z + x @ x.T @ (push * np.asarray(along.slope))
    np.testing.assert_allclose(
        reached,
        end,
        atol=3e-3,
    )
    np.testing.assert_allclose(
        along.value,
        value,
        atol=3e-3,
    )
    held = np.asarray(along.held) != NOT_HELD
    off = np.abs(reached[..., None] - act.kinks).min(axis=-1)
    assert np.all(off[held] < 1e-8)
    free = ~np.any(held, axis=0)
    np.testing.assert_allclose(
        along.slope[:, free],
        slope[:, free],
        atol=3e-3,
    )
    assert 0 < np.sum(~free) < units


def test_a_unit_is_held_at_two_kinks_at_once():
    """From z = (.1, .2) with unit features the slopes for which both stand still."""
    x = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.5, 0.5, 1.0]])
    z = np.array([[0.1], [0.2], [1e6]])
    push = np.array([[-2.0], [-3.0], [1.4]])
    along = mean_along(activation("relu"), *map(jnp.asarray, (z, push, x)))
    gram = x @ x.T
    stand = np.linalg.solve(gram[:2, :2] * push[:2, 0], -gram[:2, 2] * push[2])
    assert np.all((stand > 0) & (stand < 1))
    np.testing.assert_allclose(
        along.held[:2, 0],
        stand,
        atol=1e-8,
    )
    reached = z + gram @ (push * along.slope)
    np.testing.assert_allclose(
        reached[:2],
        0.0,
        atol=1e-8,
    )


def test_a_unit_of_no_weight_that_two_samples_hold_stays():
    """All four kinks meet at w = 0; rounding decides on which side of them it is."""
    x = np.column_stack([np.linspace(-0.5, 0.5, 4), np.ones(4)])
    z = np.array([[-2.5e-19], [3.7e-19], [9.9e-19], [1.6e-18]])
    push = np.array([[-0.01766], [0.01691], [0.01670], [-0.01772]])
    along = mean_along(activation("relu"), *map(jnp.asarray, (z, push, x)))
    np.testing.assert_allclose(
        x @ x.T @ (push * along.slope),
        0.0,
        atol=1e-10,
    )


def test_a_unit_held_on_its_kink_keeps_its_mixture():
    act = activation("relu")
    held = jnp.array([[0.25], [NOT_HELD], [0.25]])
    z = jnp.array([[1e-9], [-1e-9], [0.5]])
    assert slopes_at(act, z, held)[:, 0].tolist() == [0.25, 0.0, 1.0]
    assert slopes_at(act, z, None)[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_a_unit_that_leaves_one_sample_and_is_held_at_the_next():
    """Set 11 of the battery. A closed form for each kink by itself drove units through
    the second, to another end: at rest at loss 0.5, RD 3.21.
    """
    x = np.array([[-0.36432603], [-0.88713996], [-0.12057943], [-0.95776863]])
    y = np.array([-0.43560865, 1.17577399, 0.32465531, -0.75999278])
    members = Ensemble.grid(
        widths=[59],
        gammas=[1.930625389901644],
        seeds=[11],
    )
    target = 1e-6 * np.mean(y**2)
    result = flow(
        members,
        x,
        y,
        target_loss=target,
    )
    assert Status(result.status[0]) is Status.CONVERGED
    # small steps in float64 that share no code: 6.9708
    assert result.rd[0] == pytest.approx(6.9708, rel=0.01)


def test_only_activations_with_kinks_have_slopes():
    for name in ACTIVATIONS:
        act = activation(name)
        assert (act.slopes is None) == (act.kinks == ())
        if act.slopes is None:
            continue
        edges = np.array([-3.0, *act.kinks, 3.0])
        middles = 0.5 * (edges[1:] + edges[:-1])
        slopes = np.asarray(act.sigma_prime(middles)).tolist()
        assert slopes == list(act.slopes)


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

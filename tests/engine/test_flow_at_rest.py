"""The flow on data that no tuning was done on: it starts, its loss never rises, and it
says where it has come to rest.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from condensery.engine import (
    Ensemble,
    ThreeLayerEnsemble,
    flow,
    three_layer_flow,
)
from condensery.engine._function_space import spectrum_of
from condensery.records import Status

EIGHT = np.linspace(-0.5, 0.5, 8)[:, None]
MANY = np.linspace(-1.0, 1.0, 41)[:, None]
TWICE = np.array([[-0.5], [0.3], [0.3], [0.3], [0.8]])
DIFFERENT = np.array([0.2, 1.0, 0.0, 0.5, -0.4])


def waves(x):
    t = np.pi * x[:, 0]
    return np.sin(t) + 0.7 * np.sin(2 * t) + 0.5 * np.sin(3 * t)


def losses(run, ladder):
    """Losses at growing numbers of steps, each run from where the last one stopped."""
    state, found = None, []
    for steps in ladder:
        result = run(
            max_steps=steps,
            state=state,
        )
        state = result.state
        found.append(result.loss)
    return np.array(found), result


def test_a_critical_point_is_no_convergence():
    """Small steps in float64 rest there too; with a Jacobian in single precision the
    flow was pushed off it and reported convergence at RD 3.68.
    """
    members = Ensemble.grid(
        widths=[300],
        gammas=[1.4],
        seeds=[0, 1, 2],
    )
    result = flow(members, EIGHT, 0.3 * np.sin(6.0 * EIGHT[:, 0]))
    assert result.status.tolist() == [Status.AT_REST] * 3
    np.testing.assert_allclose(result.loss, 1.8543e-4, rtol=1e-4)
    assert np.all(result.gradient <= result.noise)
    assert np.all(result.steps < 500)
    # at eta from 0.05 to 0.005; without the walk 3.210 at 0.05, 3.1679 at 0.005
    assert result.rd[0] == pytest.approx(3.1679, rel=0.001)


def test_the_loss_falls_and_time_advances_on_an_ill_conditioned_target():
    members = Ensemble.grid(
        widths=[400],
        gammas=[2.0],
        seeds=[0],
    )

    def run(**options):
        return flow(
            members, MANY, waves(MANY), activation_name="tanh", asi=False, **options
        )

    fallen, result = losses(run, (1, 3, 10, 30, 100, 300, 600, 900))
    assert np.all(np.diff(fallen, axis=0) < 0)
    assert fallen[-1] < 0.5 * fallen[0]
    assert result.time[0] > 1e8


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_data_whose_gram_matrix_is_singular_in_float_64_start(name):
    rng = np.random.default_rng(3)
    x = rng.uniform(-1.0, 1.0, (21, 1))
    y = rng.standard_normal(21)
    members = Ensemble.grid(
        widths=[100],
        gammas=[1.0],
    )
    result = flow(
        members,
        x,
        y,
        activation_name=name,
        max_steps=60,
    )
    assert result.time[0] > 1.0
    assert result.loss[0] < 0.9 * np.mean(y**2)


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("kind", ["two", "three"])
def test_data_that_no_network_fits_end_at_rest(kind, name):
    if kind == "two":
        run, members = (
            flow,
            Ensemble.grid(
                widths=[60],
                gammas=[1.0],
            ),
        )
    else:
        run = three_layer_flow
        members = ThreeLayerEnsemble.grid(
            widths=[20],
            gamma3s=[1.4],
        )
    result = run(members, TWICE, DIFFERENT, activation_name=name)
    least = np.sum((DIFFERENT[1:4] - DIFFERENT[1:4].mean()) ** 2) / 5
    assert result.status.tolist() == [Status.AT_REST]
    assert result.loss[0] == pytest.approx(least, rel=1e-6)
    assert result.steps[0] < 400
    assert result.gradient[0] <= result.noise[0]
    assert "at rest" in result.message(0)
    assert "gradient" in result.message(0)


def test_a_step_that_raises_the_loss_is_halved():
    members = Ensemble.grid(
        widths=[24],
        gammas=[1.0],
    )
    y = EIGHT[:, 0] ** 2

    def run(**options):
        return flow(
            members,
            EIGHT,
            y,
            method="gram",
            activation_name="tanh",
            eta=40.0,
            **options,
        )

    fallen, result = losses(run, (1, 2, 4, 8, 16, 32, 64, 128, 256))
    assert np.all(np.diff(fallen, axis=0) <= 0)
    assert fallen[-1] < 0.1 * np.mean(y**2)
    assert result.status[0] != Status.DIVERGED


def test_a_member_that_cannot_go_on_says_why():
    members = Ensemble.grid(
        widths=[24],
        gammas=[1.0],
    )
    y = EIGHT[:, 0] ** 2
    result = flow(
        members,
        EIGHT,
        y,
        method="gram",
        eta=1e300,
    )
    assert result.status.tolist() == [Status.DIVERGED]
    assert "not a finite number" in result.message(0)
    assert Status.DIVERGED.remedy in result.message(0)


def test_a_member_that_converged_has_nothing_to_change():
    members = Ensemble.grid(
        widths=[24],
        gammas=[1.0],
    )
    result = flow(members, EIGHT, EIGHT[:, 0] ** 2, target_loss=1e-3)
    assert result.message(0).startswith("member 0: converged at loss 0.000933")
    assert ": " not in result.message(0).removeprefix("member 0: ")


def test_eigenvalues_below_the_noise_floor_are_not_resolved():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    values = np.array([-1e-17, 1e-17, 1e-9, 1e-3, 1.0])
    spectrum = spectrum_of(jnp.asarray((basis * values) @ basis.T))
    assert spectrum.resolved.tolist() == [False, False, True, True, True]
    assert spectrum.rates[:2].tolist() == [0.0, 0.0]
    e = rng.standard_normal(5)
    moved = spectrum.drive(jnp.array(1e30), jnp.asarray(e))
    exact = basis[:, 2:] @ ((basis[:, 2:].T @ e) / values[2:])
    np.testing.assert_allclose(moved, exact, rtol=1e-4)


def test_what_ends_is_told_from_what_was_cut_short():
    assert [status for status in Status if status.is_end] == [
        Status.CONVERGED,
        Status.AT_REST,
    ]
    codes = np.array([0, 1, 2, 3, 4, 5, 9])
    assert Status.ends(codes).tolist() == [code in {1, 5} for code in codes]

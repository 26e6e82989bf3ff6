"""What every flow does, whatever the data and the network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condensery.engine import Ensemble, flow
from condensery.records import Status

few = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def problems(draw):
    """Four samples of one feature and three networks of twelve units: one shape,
    compiled once.
    """
    rng = np.random.default_rng(draw(seeds))
    members = Ensemble(
        np.full(3, 12),
        rng.integers(0, 1000, 3),
        np.round(rng.uniform(0.4, 1.4, 3), 2),
        np.round(rng.uniform(-0.4, 0.4, 3), 2),
    )
    return members, rng.uniform(-1, 1, (4, 1)), rng.uniform(-1, 1, 4)


@few
@given(problems())
def test_the_loss_falls_and_nothing_diverges(problem):
    losses = []
    for steps in (1, 4, 16, 64):
        result = flow(
            *problem,
            activation_name="tanh",
            eta=0.02,
            max_steps=steps,
            target_loss=1e-4,
        )
        assert not np.any(result.status == Status.DIVERGED)
        losses.append(result.loss)
    start = np.mean(problem[2] ** 2)  # antisymmetric initialisation starts at zero
    assert np.all(np.diff([np.full(3, start), *losses], axis=0) <= 1e-12 * start)


def corrected_step_problem():
    """A narrow ReLU network whose samples are hardly reached: a mode of the Gram matrix
    all but dies within a step.
    """
    rng = np.random.default_rng(7)
    members = Ensemble(
        np.full(3, 12),
        rng.integers(0, 1000, 3),
        np.round(rng.uniform(0.4, 1.4, 3), 2),
        np.round(rng.uniform(-0.4, 0.4, 3), 2),
    )
    return members, rng.uniform(-1, 1, (4, 1)), rng.uniform(-1, 1, 4)


def test_no_step_moves_much_further_than_eta_says():
    eta, state, before = 0.005, None, np.zeros(3)
    for steps in range(1, 120):
        result = flow(
            *corrected_step_problem(),
            eta=eta,
            max_steps=steps,
            state=state,
            target_loss=1e-5,
        )
        assert np.all(np.abs(result.rd - before) <= 3 * eta * (1 + before)), steps
        state, before = result.state, result.rd


@few
@given(problems(), st.integers(1, 40), st.integers(1, 40))
def test_two_calls_are_one(problem, first, more):
    half = flow(*problem, max_steps=first)
    whole, direct = (
        flow(
            *problem,
            max_steps=first + more,
            state=half.state,
        ),
        flow(*problem, max_steps=first + more),
    )
    for name in ("rd", "loss", "time", "steps", "status"):
        assert np.array_equal(getattr(whole, name), getattr(direct, name))


@few
@given(problems(), seeds)
def test_the_order_of_members_changes_no_bit(problem, seed):
    members, x, y = problem
    order = np.random.default_rng(seed).permutation(3)
    straight, mixed = (
        flow(members, x, y, max_steps=30),
        flow(members.subset(order), x, y, max_steps=30),
    )
    assert np.array_equal(straight.rd[order], mixed.rd)
    assert np.array_equal(straight.loss[order], mixed.loss)


@few
@given(problems(), seeds)
def test_the_order_of_samples_does_not_matter(problem, seed):
    members, x, y = problem
    order = np.random.default_rng(seed).permutation(4)
    options = {
        "activation_name": "tanh",
        "max_time": 20.0,
        "eta": 0.02,
    }
    straight, mixed = (
        flow(members, x, y, **options),
        flow(members, x[order], y[order], **options),
    )
    np.testing.assert_allclose(mixed.rd, straight.rd, rtol=1e-4)


@few
@given(problems(), st.floats(0.1, 200.0))
def test_the_time_limit_is_met_exactly(problem, time):
    result = flow(*problem, max_time=time)
    out = result.status == Status.OUT_OF_TIME
    assert np.all(result.time[out] == time)
    assert np.all(result.time <= time)


@few
@given(problems())
def test_rd_is_a_distance_of_the_parameters(problem):
    result = flow(*problem, max_steps=20)
    for k in range(3):
        start, end = (
            result.parameters(k, initial=True)["w"][:12],
            result.parameters(k)["w"][:12],
        )
        assert result.rd[k] == pytest.approx(
            np.linalg.norm(end - start) / np.linalg.norm(start), rel=1e-9
        )

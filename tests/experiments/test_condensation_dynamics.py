"""The dynamics of condensed groups: the contract, its measures against loops, and
claims that can fail.
"""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.data import load as load_data
from condensery.experiments.condensation_dynamics import Config, condensation_dynamics
from condensery.experiments.condensation_dynamics._config import TARGETS
from condensery.experiments.condensation_dynamics._measures import (
    distance_to,
    drive,
    falling_frames,
    near,
    rank_of_gap,
    resting_angles,
)
from condensery.records import Table
from condensery.testing import ExperimentContract


class TestCondensationDynamicsContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return condensation_dynamics

    @pytest.fixture
    def overrides(self):
        return {
            "targets": ["demo-c", "waves"],
            "width": 12,
            "steps": 60,
            "seeds": 2,
            "per_decade": 8,
        }


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    x = np.column_stack([np.linspace(-1, 1, 9), np.ones(9)])
    return x, rng.standard_normal(9)


def slow_drive(u, x, e):
    pull = np.zeros(2)
    for sample, error in zip(x, e, strict=True):
        if u[0] * sample[0] + u[1] * sample[1] > 0:
            pull -= 2 * error * sample / len(e)
    return pull


def test_the_drive_against_a_loop_and_against_descent(data):
    x, e = data
    angles = np.linspace(0, 6, 7)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    for u, found in zip(directions, drive(directions, x, e), strict=True):
        np.testing.assert_allclose(found, slow_drive(u, x, e), atol=1e-14)
    # ẇ = a V: the derivative of the mean square by one unit's w, by differences
    a, w, rest = (
        0.7,
        np.array([0.4, 0.31]),
        e - 0.7 * np.maximum(x @ np.array([0.4, 0.31]), 0),
    )

    def loss(w):
        return np.mean((a * np.maximum(x @ w, 0) + rest) ** 2)

    step = 1e-6
    slope = [
        (loss(w + step * axis) - loss(w - step * axis)) / (2 * step)
        for axis in np.eye(2)
    ]
    np.testing.assert_allclose(a * slow_drive(w, x, e), -np.array(slope), rtol=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_units_turn_to_the_resting_angles_and_stay(data, sign):
    x, e = data
    resting = resting_angles(x, e, sign)
    assert len(resting)
    here = np.linspace(0, 2 * np.pi, 50)
    for _ in range(6000):
        u = np.column_stack([np.cos(here), np.sin(here)])
        here += (
            0.01
            * sign
            * np.sum(drive(u, x, e) * np.column_stack([-u[:, 1], u[:, 0]]), axis=1)
        )
    live = (np.column_stack([np.cos(here), np.sin(here)]) @ x.T > 1e-2).any(axis=1)
    assert live.sum() > 20
    assert np.all(distance_to(here[live], resting) < 0.03)


def test_ranks_are_uniform_by_chance_and_small_at_rest(data):
    x, e = data
    resting = resting_angles(x, e, 1.0)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    live = [t for t in angles if (x @ np.array([math.cos(t), math.sin(t)]) > 0).any()]
    assert np.mean([rank_of_gap(t, x, resting) for t in live]) == pytest.approx(
        0.5, abs=0.02
    )
    assert rank_of_gap(float(resting[0]), x, resting) < 0.02
    assert distance_to(np.array([0.1, 6.2]), np.array([2 * np.pi])).round(
        6
    ).tolist() == [0.1, 0.083185]
    assert distance_to(np.array([1.0]), np.empty(0)).tolist() == [np.pi]


def test_falls_of_a_power_law_and_of_a_plateau():
    step = np.concatenate([[0], np.unique(np.round(np.logspace(0, 4, 60)).astype(int))])
    t = np.maximum(step, 1.0)
    loss = np.where(t < 100, 1.0, (t / 100) ** -0.3)
    found = falling_frames(step, loss, 0.2)
    assert not found[step < 60].any()
    assert found[step > 150].all()
    assert not falling_frames(step, loss, 0.4).any()
    assert near(step, found, 0.2)[step > 150].all()
    assert near(step, np.zeros(len(step), bool), 1.0).tolist() == [False] * len(step)


def test_targets_by_hand():
    x = np.linspace(-1, 1, 11)
    for name, source, scale in (("demo-c", "demo-c", 1), ("two-kinks", "demo-a", 5)):
        np.testing.assert_allclose(
            TARGETS[name].function(x), scale * load_data(source).target(x), atol=1e-15
        )
    assert TARGETS["waves"].function(np.array([0.5]))[0] == pytest.approx(
        math.sin(1.5) + 0.5 * math.sin(3)
    )


@pytest.fixture(scope="module")
def two_kinks():
    experiment = condensation_dynamics
    config = Config(targets=("two-kinks",), seeds=1, steps=5000)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, shards, dict(experiment.tables(config, shards))


def test_two_kinks_gather_in_one_group_and_end_in_two(two_kinks):
    _, _, tables = two_kinks
    members, events = tables["members"], tables["events"]
    assert members["groups_collapse"].tolist() == [1]
    assert members["groups_end"].tolist() == [2]
    # the target's orientations: kinks at ±1/3
    ends = tables["paths"].select(step=5000)["angle"]
    assert sorted(np.abs(np.tan(ends))) == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    born = events["kind"] != "merge"
    assert born.sum() == members["births"][0]
    assert np.all(events["cosine"][born] > 0.9)
    curves = tables["curves"]
    assert curves["groups"][-1] == 2
    assert curves["loss"][-1] < 1e-3 * curves["loss"][0]


def judged(config, tables):
    return {claim.id: claim for claim in condensation_dynamics.claims(config, tables)}


def test_claims_can_fail_and_open_questions_stay_open(two_kinks):
    config, _, tables = two_kinks
    reference = config.model_copy(update={"steps": 100_000})
    claims = judged(reference, tables)
    assert claims["grows"].passed is True
    members = tables["members"]
    fewer = Table(
        columns={
            **members.columns,
            "groups_end": members["groups_collapse"],
            "covered": members["covered"] * 50,
        }
    )
    claims = judged(reference, {**tables, "members": fewer})
    assert (claims["grows"].passed, claims["near-falls"].passed) == (False, False)
    assert {
        claims[name].passed
        for name in ("monotone", "collapse", "splits", "aligned", "at-rest")
    } == {None}
    assert {claim.passed for claim in judged(config, tables).values()} == {None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": []},
        {"targets": ["demo-z"]},
        {"targets": ["waves", "waves"]},
        {"width": 1},
        {"steps": 2},
        {"threshold": 1.0},
        {"per_decade": 1},
        {"seeds": 0},
        {"falling": 0},
        {"gamma": float("nan")},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        Config.model_validate(wrong)

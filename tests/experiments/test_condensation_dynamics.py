"""The dynamics of condensed groups: the contract, and claims that can fail."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.data import load as load_data
from condensery.experiments.condensation_dynamics import Config, condensation_dynamics
from condensery.experiments.condensation_dynamics._config import TARGETS
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
        }
    )
    claims = judged(reference, {**tables, "members": fewer})
    assert claims["grows"].passed is False
    # One run has no interval.
    assert claims["near-falls"].passed is None
    assert {
        claims[name].passed
        for name in ("monotone", "collapse", "splits", "aligned", "at-rest")
    } == {None}
    assert {claim.passed for claim in judged(config, tables).values()} == {None}


@pytest.mark.parametrize(
    ("near", "passed"),
    [((4, 4, 3), True), ((4, 0, 2), False)],
)
def test_births_near_falls_are_judged_run_by_run(two_kinks, near, passed):
    # Four births a run, half of them near a fall by chance.
    config, _, tables = two_kinks
    reference = config.model_copy(update={"steps": 100_000})
    runs, births = np.arange(3), 4
    members = {
        **{name: np.repeat(col, 3) for name, col in tables["members"].columns.items()},
        "seed": runs,
        "covered": np.full(3, 0.5),
        "births": np.full(3, births),
    }
    events = {
        "target": np.repeat("two-kinks", 3 * births),
        "seed": np.repeat(runs, births),
        "kind": np.repeat("split", 3 * births),
        "near_fall": np.concatenate([np.arange(births) < count for count in near]),
        **{name: np.ones(3 * births) for name in ("cosine", "parent_cosine", "rank")},
    }
    made = {"members": Table(columns=members), "events": Table(columns=events)}
    claim = judged(reference, tables | made)["near-falls"]
    assert claim.passed is passed


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
        {"exponent": float("nan")},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        Config.model_validate(wrong)

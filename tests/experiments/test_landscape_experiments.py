"""embedding-depth, manifold-dimension and reduction: their contracts, and numbers that
are known in advance.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.embedding_depth import Config as DepthConfig
from condensery.experiments.embedding_depth import embedding_depth
from condensery.experiments.embedding_depth._claims import inertia, saddle
from condensery.experiments.embedding_depth._lifts import lifted
from condensery.experiments.embedding_depth._training import plateau
from condensery.experiments.manifold_dimension import (
    Config,
    copies,
    dimensions,
    example,
    manifold_dimension,
)
from condensery.experiments.reduction import (
    recorded_steps,
    reduction,
    resting,
    slowest,
)
from condensery.records import Table
from condensery.testing import ExperimentContract

SMALL = {
    "points": 1,
    "starts": 4,
    "lift_widths": [2],
    "samples": [4, 6],
    "width": 3,
    "steps": 30,
    "seeds": 1,
    "retrain": 3,
}


def quiet(*_):
    return None


@pytest.fixture(scope="module")
def depth():
    config = DepthConfig.model_validate(SMALL)
    tasks = embedding_depth.tasks(config)
    return config, [
        load(task.function)(task.parameters, task.seed, quiet) for task in tasks
    ]


class TestReductionContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return reduction

    @pytest.fixture
    def overrides(self):
        return {
            "samples": 30,
            "held_out": 20,
            "width": 12,
            "steps": 30,
            "rate": 0.003,
            "seeds": 1,
            "retrain": 3,
        }


class TestEmbeddingDepthContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return embedding_depth

    @pytest.fixture
    def overrides(self):
        return SMALL

    @pytest.fixture
    def shards(self, depth):
        return depth[1]


class TestManifoldDimensionContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return manifold_dimension

    @pytest.fixture
    def overrides(self):
        return {
            "hidden": [1],
            "most_copies": 1,
            "seeds": 1,
        }


def test_the_count_of_two_layers_by_hand():
    """K = (1, 2): 1 + 2 shares and 1·2 coefficients; the derivative of the embedding
    has just this rank.
    """
    config = Config(
        most_copies=2,
        seeds=1,
    )
    assert copies(2, 2) == [[1, 1], [2, 2], [1, 2], [2, 1]]
    run = dimensions.function(
        config,
        0,
        quiet,
        hidden=2,
        outputs=1,
    )
    assert run["added"].tolist() == [2, 4, 3, 3]
    assert run["counted"].tolist() == run["tangent"].tolist() == [3, 8, 5, 5]
    decided = run["decided"] == 1
    assert decided.any()
    gained = run["wide_zero"] - run["narrow_zero"]
    assert (gained[decided] >= run["counted"][decided]).all()


def test_the_drawn_split_is_one():
    picture = example.function(Config(), 0, quiet, alpha=0.25)
    side, layer, kind = picture["side"], picture["layer"], picture["kind"]
    unit, before, weight = picture["unit"], picture["before"], picture["weight"]
    assert picture["widths"].tolist() == [[2, 3, 2, 1], [2, 4, 2, 1]]
    assert float(picture["change"]) < 1e-15
    out = (side == 1) & (layer == 2) & (kind == 2)
    shares = {source: weight[out & (before == source)] for source in (0, 3)}
    whole = weight[(side == 0) & (layer == 2) & (before == 0)]
    np.testing.assert_allclose(shares[0], 0.75 * whole)
    np.testing.assert_allclose(shares[3], 0.25 * whole)
    copied = (side == 1) & (kind == 1)
    assert set(unit[copied].tolist()) == {0.0, 3.0}


def test_lifts_of_relu_add_zeros_only():
    config = DepthConfig(
        points=2,
        starts=10,
        lift_widths=(2,),
    )
    rows = lifted.function(config, 0, quiet, activation="relu")["lifts"]
    assert len(rows) >= 2
    assert rows[:, 14].max() < 1e-12
    decided = rows[rows[:, 13] == 1]
    assert len(decided)
    np.testing.assert_array_equal(
        decided[:, 10:13], decided[:, 4:7] + np.outer(decided[:, 3], [0, 1, 0])
    )


def test_the_plateau_of_a_made_up_curve():
    steps = np.unique(np.round(np.logspace(0, 4, 41)).astype(int))
    loss = np.where(steps < 30, 1.0, np.where(steps < 3000, 0.3, 0.01)) * steps**-0.01
    assert 30 <= steps[plateau(steps, loss)] < 3000
    falling = 1 / steps
    assert plateau(steps, falling) >= 0


def test_where_a_condensed_net_is_merged():
    steps = recorded_steps(1000)
    assert steps[0] == 1
    assert steps[-1] == 1000
    # 0.1 is the net at zero, 0.09 the constant output, then a shoulder that is less
    # flat, then the descent
    level = np.select([steps < 5, steps < 300, steps < 600], [0.1, 0.09, 0.06], 0.02)
    loss = level * np.where(steps < 300, steps**-0.001, steps**-0.05)
    assert 300 <= steps[slowest(steps, loss)] < 600
    assert slowest(steps, np.full(len(steps), 0.1)) == len(steps) - 1
    middle, end = resting(steps, loss)
    assert steps[middle] == pytest.approx(39, rel=0.2)
    assert steps[end] == steps[steps < 300][-1]
    assert resting(steps, np.full(len(steps), 0.1)) is None
    assert resting(steps, 0.1 / steps) is None


def test_claims_can_fail():
    config = reduction.Config(seeds=1)
    members = {
        "seed": [0],
        "step": [10],
        "loss": [0.1],
        "width": [200],
        "agreement": [0.9],
        "accuracy_wide": [0.9],
        "accuracy_narrow": [0.9],
        "change": [0.1],
        "left_apart": [0],
        "slope": [0.3],
        "departure": [0.06],
        "departure_wide": [0.4],
        "rest_width": [1],
        "rest_departure": [0.06],
    }
    tables = {"members": Table(columns=members)}
    claims = {claim.id: claim for claim in reduction.claims(config, tables)}
    failing = (
        "width",
        "agreement",
        "at-rest",
        "stagnates",
        "stagnates-on-plateau",
    )
    assert [claims[name].passed for name in failing] == [False] * 5
    assert claims["paper-width"].passed is None
    members["rest_width"] = [0]
    without = reduction.claims(config, {"members": Table(columns=members)})
    assert without[4].passed is None
    narrower = reduction.claims(reduction.Config(width=100), tables)
    assert {claim.passed for claim in narrower} == {None}
    table = {
        "hidden": [1, 1],
        "outputs": [1, 1],
        "seed": [0, 0],
        "added": [2, 2],
        "counted": [2, 2],
        "tangent": [2, 1],
        "narrow_zero": [0, 0],
        "wide_zero": [1, 5],
        "decided": [1, 0],
    }
    judged = manifold_dimension.claims(Config(), {"dimensions": Table(columns=table)})
    assert [claim.value for claim in judged] == [-1.0, 0.5, 0.0]
    assert [claim.passed for claim in judged] == [False, False, None]


def test_a_lift_with_a_new_negative_eigenvalue_would_be_seen(depth):
    config, shards = depth
    tables = embedding_depth.tables(config, shards)
    lifts = dict(tables["lifts"].columns)
    lifts["before_negative"] = 0 * lifts["before_negative"]
    lifts["after_negative"] = 0 * lifts["after_negative"] + 1
    lifts["decided"] = 0 * lifts["decided"] + 1
    altered = {**tables, "lifts": Table(columns=lifts)}
    assert inertia(config, altered).value < 1
    assert saddle(config, altered).value == len(lifts["decided"])


def depth_tables():
    """Two plain nets and one with batch normalisation, at three steps; 40 and 5
    samples.
    """
    nets = [
        # samples, batch norm, seed, losses, scores
        (40, 0, 0, (0.3, 0.03, 1e-5), (1.0, 0.99, 0.91)),
        (40, 0, 1, (0.3, 0.02, 1e-5), (1.0, 0.99, 0.92)),
        (40, 1, 0, (0.3, 0.03, 1e-5), (0.98, 0.97, 0.96)),
        (5, 0, 0, (0.3, 0.03, 1e-5), (1.0, 0.99, 0.95)),
    ]
    names = ("samples", "batch_norm", "seed")
    repeated = {
        name: np.repeat([net[index] for net in nets], 3)
        for index, name in enumerate(names)
    }
    least = {
        **repeated,
        "step": np.tile([1, 10, 100], len(nets)),
        "loss": np.concatenate([net[3] for net in nets]),
        "score": np.concatenate([net[4] for net in nets]),
    }
    pruned = {
        "hidden": np.array([1, 2, 3, 3]),
        "samples": np.full(4, 40),
        "removed": np.array([0, 1, 2, 2]),
        "plateau_loss": np.array([0.032, 0.031, 0.03, 0.03]),
        "pruned_loss": np.array([0.032, 0.031, 0.0306, 0.0309]),
        "retrained_narrow": np.array([0.03, 0.03, 0.01, 0.01]),
    }
    tables = {"least_scores": Table(columns=least), "pruned": Table(columns=pruned)}
    levels = embedding_depth.derives["plateau_levels"]
    return {**tables, "plateau_levels": levels(DEPTH, tables)}


DEPTH = DepthConfig.model_validate({"samples": [5, 40], "steps": 100})


def depth_claim(name, tables):
    (judged,) = (
        claim for claim in embedding_depth.judges if claim.statement.id == name
    )
    return judged.judge(DEPTH, tables)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pruning", 1.03),
        ("batch-norm", -0.02),
        ("data", -0.035),
        ("shared-plateau", 0.0625),
    ],
)
def test_nets_in_depth_by_hand(name, value):
    claim = depth_claim(name, depth_tables())
    assert claim.value == pytest.approx(value)
    assert claim.passed is True


@pytest.mark.parametrize(
    ("name", "table", "column", "values"),
    [
        # retraining to a lower loss does not make up for a jump
        ("pruning", "pruned", "pruned_loss", [0.032, 0.031, 0.0306, 0.04]),
        ("shared-plateau", "pruned", "plateau_loss", [0.04, 0.031, 0.03, 0.03]),
        ("batch-norm", "least_scores", "score", [*[0.9] * 6, *[0.95] * 3, *[0.9] * 3]),
        ("data", "least_scores", "score", [*[0.96] * 9, *[0.95] * 3]),
    ],
)
def test_claims_on_nets_in_depth_can_fail(name, table, column, values):
    tables = depth_tables()
    columns = {**tables[table].columns, column: np.array(values)}
    claim = depth_claim(name, {**tables, table: Table(columns=columns)})
    assert claim.passed is False


@pytest.mark.parametrize(
    ("experiment", "override"),
    [
        (reduction, {"cosine": 1.0}),
        (reduction, {"data": "cifar"}),
        (embedding_depth, {"samples": [5]}),
        (embedding_depth, {"steps": 3}),
        (manifold_dimension, {"hidden": []}),
        (manifold_dimension, {"narow": 2}),
    ],
)
def test_bad_parameters_are_refused(experiment, override):
    with pytest.raises(ValidationError):
        experiment.Config(**override)

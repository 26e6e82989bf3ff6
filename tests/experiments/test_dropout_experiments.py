"""The experiments on dropout: their contract, what their claims need to fail, and
settings without a prediction.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.dropout_features import dropout_features
from condensery.experiments.dropout_features._config import DEEP_REFERENCE, PREDICTED
from condensery.experiments.dropout_features._config import (
    target_output as features_target,
)
from condensery.experiments.dropout_features._smoothness import (
    smooth,
    smoothness,
    target_smoothness,
)
from condensery.experiments.dropout_features._vectors import (
    alike,
    together,
    train_vectors,
    vector_data,
)
from condensery.experiments.dropout_regulariser import dropout_regulariser
from condensery.experiments.dropout_stall import dropout_stall
from condensery.records import Table
from condensery.testing import ExperimentContract

REGULARISER = {"nets": 1, "masks": 400, "keeps": [0.5, 0.9], "picture_steps": 400}
FEATURES = {
    "targets": ["tanh"],
    "width": 12,
    "deep_width": 6,
    "steps": 20,
    "deep_steps": 10,
    "switch_steps": [10, 10],
    "vector_steps": 9,
    "vector_width": 6,
    "vector_samples": 5,
}
STALL = {"width": 12, "steps": 30, "seeds": 2}


class TestRegulariserContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return dropout_regulariser

    @pytest.fixture
    def overrides(self):
        return REGULARISER


class TestFeaturesContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return dropout_features

    @pytest.fixture
    def overrides(self):
        return FEATURES


class TestStallContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return dropout_stall

    @pytest.fixture
    def overrides(self):
        return STALL


def ran(experiment, **overrides):
    config = experiment.Config.model_validate(
        {**experiment.presets["quick"], **overrides}
    )
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(experiment, config, tables):
    return {claim.id: claim for claim in experiment.claims(config, tables)}


def altered(tables, name, **columns):
    return {**tables, name: Table(columns={**tables[name].columns, **columns})}


@pytest.fixture(scope="module")
def regulariser():
    return ran(
        dropout_regulariser,
        **{**REGULARISER, "nets": 2, "masks": 2000, "picture_steps": 12_000},
    )


def test_the_regulariser_is_what_the_source_says(regulariser):
    claims = judged(dropout_regulariser, *regulariser)
    assert {name: claim.passed for name, claim in claims.items()} == dict.fromkeys(
        claims, True
    )
    assert len(claims) == len(dropout_regulariser.statements)


def test_claims_of_the_regulariser_can_fail(regulariser):
    experiment, (config, tables) = dropout_regulariser, regulariser
    nets, drawn, orders, flat = (
        tables[name] for name in ("nets", "drawn", "orders", "flattening")
    )
    wrong = nets["r1"] * (1 + 1e-9 * (nets["keep"] > 0.6))
    claims = judged(experiment, config, altered(tables, "nets", r1=wrong))
    assert (claims["lemma-1"].passed, claims["odds"].passed) == (False, False)
    claims = judged(
        experiment, config, altered(tables, "nets", bound=nets["r1"] * 1.01)
    )
    assert claims["bound"].passed is False
    claims = judged(
        experiment,
        config,
        altered(
            tables,
            "drawn",
            r1=drawn["r1"] * 1.5,
            r2=np.ones(len(drawn)) * drawn["keep"] * np.where(drawn["shared"], 1, 2),
        ),
    )
    assert (claims["monte-carlo"].passed, claims["r2-sharing"].passed) == (False, False)
    claims = judged(
        experiment,
        config,
        altered(tables, "orders", modified=orders["plain"], plain=orders["modified"]),
    )
    assert (claims["order-modified"].passed, claims["order-plain"].passed) == (
        False,
        False,
    )
    claims = judged(
        experiment, config, altered(tables, "flattening", measured=-flat["measured"])
    )
    assert (claims["flatter"].passed, claims["flatter-by"].passed) == (False, False)
    vectors = tables["vectors"]
    swapped = np.where(
        vectors["loss"] == "plain",
        "expected",
        np.where(vectors["loss"] == "expected", "plain", "dropped"),
    )
    claims = judged(experiment, config, altered(tables, "vectors", loss=swapped))
    assert [claims[name].passed for name in ("parallel", "equal", "plain-stays")] == [
        False
    ] * 3


def test_paths_end_where_the_closed_form_says(regulariser):
    config, tables = regulariser
    half = 1 / (2 + (1 - config.keep) / config.keep)
    paths = tables["paths"]
    last = paths.select(step=int(paths["step"].max()))
    np.testing.assert_allclose(last.select(loss="expected")["first"], half, atol=1e-3)
    # R_S stops in its valley, dropout goes to the middle of it
    plain = last.select(loss="plain")
    np.testing.assert_allclose(plain["first"] + plain["second"], 1, atol=1e-6)
    assert np.abs(plain["first"] - 0.5).min() > 0.2
    np.testing.assert_allclose(last.select(loss="dropped")["first"], half, atol=0.1)


def test_nothing_is_predicted_without_dropout():
    claims = judged(
        dropout_regulariser, *ran(dropout_regulariser, **REGULARISER, keep=1.0)
    )
    assert [claims[name].passed for name in ("parallel", "equal", "plain-stays")] == [
        None
    ] * 3
    assert claims["lemma-1"].passed is True


def test_orientations_of_the_targets():
    assert PREDICTED["relu"] == pytest.approx([-0.32175, -2.81984], abs=5e-6)
    assert sorted(PREDICTED["tanh"]) == pytest.approx(
        [-1.7359, -1.4056, 1.4056, 1.7359], abs=1e-4
    )
    x = np.array([-1.0, 0.0, 1.0])
    assert features_target("relu", x).tolist() == pytest.approx([1 / 3, 0, 1 / 3])
    assert features_target("tanh", x)[1] == 0


def fits(near_of_dropout, count_of_dropout):
    """A table of fits at the reference setting whose nets with dropout have the given
    features; they are as many times smoother as they have fewer orientations.
    """
    rows = [
        (
            name,
            layers,
            kind,
            seed,
            60.0,
            count_of_dropout if kind == "dropout" else 58.0,
            near_of_dropout,
        )
        for name in ("tanh", "relu")
        for layers in (2, 3)
        for kind in ("plain", "dropout")
        for seed in (0, 1)
    ] + [("tanh", 2, "batches", 0, 60.0, 59.0, 0.1)]
    names = (
        "target",
        "layers",
        "kind",
        "seed",
        "initial_orientations",
        "effective_orientations",
        "near",
    )
    columns = {
        name: np.array(column)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    dropped = columns["kind"] == "dropout"
    bent = columns["effective_orientations"] // 4
    return Table(
        columns={
            **columns,
            "off": np.where(dropped, 0.05, 9.0),
            "changes": bent,
            "variation": 1.0 + bent,
            "loss": np.full(len(rows), 1e-4),
        }
    )


def switch_tables(after):
    rows = [
        (branch, step, 1e-4, 10.0 if branch in ("first", "plain") else after, 60.0)
        for branch, step in (
            ("first", 1),
            ("plain", 2),
            ("dropout", 2),
            ("expected", 2),
        )
    ]
    columns = dict(
        zip(
            ("branch", "step", "loss", "r1", "effective_orientations"),
            map(np.array, zip(*rows, strict=True)),
            strict=True,
        )
    )
    outputs = {
        "branch": np.repeat(["plain", "dropout", "expected"], 3),
        "final": np.tile([1.0, 2.0, 3.0], 3),
    }
    return Table(columns=columns), Table(columns=outputs)


def vectors(least, mean):
    """A table of the fit of vectors: with dropout the given values, without it the mean
    cosine `mean`.
    """
    return Table(
        columns={
            "kind": ["plain", "dropout"],
            "live": [100, 100],
            "loss": [1e-6, 1e-4],
            "least_cosine": [0.0, least],
            "mean_cosine": [mean, least],
            "initial_mean_cosine": [0.25, 0.25],
            "signs": [2, 2],
            "together": [mean, least],
        }
    )


@pytest.mark.parametrize(
    ("near", "count", "verdict"), [(0.99, 4.0, True), (0.2, 58.0, False)]
)
def test_claims_on_features_judge_both_ways(near, count, verdict):
    quick = dropout_features.presets["quick"]
    config = dropout_features.Config.model_validate({**quick, "seeds": 1})
    assert DEEP_REFERENCE(config)
    switch, outputs = switch_tables(0.01 if verdict else 9.0)
    distance = np.tile([-0.5, 0.0, 0.5], 4)
    kinds = np.repeat(["plain", "dropout"], 6)
    profiles = Table(
        columns={
            "target": np.tile(np.repeat(["tanh", "relu"], 3), 2),
            "layers": np.full(12, 2),
            "kind": kinds,
            "distance": distance,
            "loss": np.where((kinds == "plain") == verdict, 10.0, 1.0)
            * np.abs(distance),
        }
    )
    tables = {
        "fits": fits(near, count),
        "switch": switch,
        "switch_outputs": outputs,
        "profiles": profiles,
        "vectors": vectors(0.97, 0.25) if verdict else vectors(0.94, 0.51),
    }
    tables["smooth"] = smooth(config, tables)
    if not verdict:
        # more orientations, fewer changes
        count = np.arange(len(tables["smooth"]))
        tables = altered(tables, "smooth", orientations=count, changes=-count)
    claims = judged(dropout_features, config, tables)
    for name in (
        "condenses-tanh",
        "condenses-relu",
        "condenses-tanh-3",
        "condenses-relu-3",
        "on-target-tanh",
        "on-target-relu",
        "switch-r1",
        "flatter",
        "blocks",
        "adds-up",
        "no-blocks",
        "bends-less-tanh",
        "bends-less-relu",
        "bends-less-tanh-3",
        "bends-less-relu-3",
        "varies-less-tanh",
        "varies-less-relu",
        "varies-less-tanh-3",
        "varies-less-relu-3",
        "fewer-together",
    ):
        assert claims[name].passed is verdict, claims[name]
    for name in (
        "overshoot",
        "fits",
        "stays-without",
        "noise-is-not-enough",
        "switch-agree",
    ):
        assert claims[name].passed is True, claims[name]


def test_how_alike_units_are():
    rng = np.random.default_rng(0)
    x, w, a = (
        rng.uniform(-1, 1, (7, 3)),
        rng.standard_normal((5, 4)),
        np.array([1.0, -2.0, 0.5, 1.0, 1e-6]),
    )
    found = alike(x, a, w)
    # the last unit contributes next to nothing; the rest pair by pair
    cosines = [
        abs(sum(w[i, k] * w[j, k] for k in range(4)))
        / (sum(w[i] ** 2) * sum(w[j] ** 2)) ** 0.5
        for i in range(4)
        for j in range(i)
    ]
    assert found["live"] == 4
    assert found["least_cosine"] == pytest.approx(min(cosines), rel=1e-12)
    assert found["mean_cosine"] == pytest.approx(sum(cosines) / 6, rel=1e-12)
    one = np.array([0.3, -0.2, 0.9, 0.1])
    blocks = alike(x, np.ones(4), np.outer([1.0, -2.0, 3.0, -0.5], one))
    assert (blocks["live"], blocks["signs"]) == (4, 2)
    assert blocks["least_cosine"] == pytest.approx(1)
    assert alike(x, np.ones(2), np.outer([1.0, 2.0], one))["signs"] == 1
    assert alike(x, np.ones(1), one[None])["least_cosine"] == 1


def test_how_far_units_add_up():
    rng = np.random.default_rng(1)
    x, w, a = (
        rng.uniform(-1, 1, (7, 3)),
        rng.standard_normal((5, 4)),
        rng.standard_normal(5),
    )
    lengths, total = 0.0, [0.0] * 7
    for k in range(5):
        unit = [
            a[k] * np.tanh(sum(w[k, i] * row[i] for i in range(3)) + w[k, 3])
            for row in x
        ]
        lengths += sum(value**2 for value in unit) ** 0.5
        total = [sum(pair) for pair in zip(total, unit, strict=True)]
    expected = sum(value**2 for value in total) ** 0.5 / lengths
    assert together(x, a, w) == pytest.approx(expected, rel=1e-12)
    # copies add up, a unit and its opposite cancel; tanh is odd
    row = np.array([0.3, -0.2, 0.9, 0.1])
    assert together(x, np.ones(3), np.tile(row, (3, 1))) == pytest.approx(1)
    assert together(x, np.ones(2), np.array([row, -row])) == pytest.approx(0)
    assert together(x, -np.ones(2), np.array([row, row])) == pytest.approx(1)
    assert together(x, np.zeros(2), np.array([row, row])) == 0


def test_how_smooth_a_net_is():
    # x^2 like: |x| has no change of convexity, and goes down and up by 1.5
    w, b = np.array([[1.0], [-1.0]]), np.zeros(2)
    valley = [(w, b), (np.ones((1, 2)), np.zeros(1))]
    target = features_target("relu", np.linspace(-1.5, 1.5, 4801))
    changes, variation = smoothness("relu", valley)
    assert changes == 0
    assert variation == pytest.approx(3 / np.abs(np.diff(target)).sum())
    # a unit that is off on the samples changes nothing; a third kink does
    kinked = [
        (np.array([[1.0], [-1.0], [1.0]]), np.array([0.0, 0.0, -0.5])),
        (np.array([[1.0, 1.0, -0.5]]), np.zeros(1)),
    ]
    assert smoothness("relu", kinked)[0] == 1
    deep = [(w, b), (np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    assert smoothness("relu", deep) == pytest.approx((changes, variation))
    lost = [(w * np.nan, b), (np.ones((1, 2)), np.zeros(1))]
    assert np.isnan(smoothness("relu", lost)).all()
    assert (target_smoothness("tanh"), target_smoothness("relu")) == (3, 0)


def test_vectors_end_where_descend_ends():
    x, y = vector_data(10, 30)
    assert (x.shape, np.abs(x).max() <= 1) == ((30, 10), True)
    np.testing.assert_allclose(y, np.tanh([sum(row) for row in x]))
    setting = {"vector_width": 8, "vector_steps": 600, "rate": 1e-2}

    def trained(seeds):
        config = dropout_features.Config(**setting, seeds=seeds)
        return train_vectors.function(config, 0, lambda *_: None, kind="plain")

    found = trained(seeds=2)
    outputs = [
        np.tanh(x @ w[:, :-1].T + w[:, -1]) @ a
        for a, w in zip(found["a"][-1], found["w"][-1], strict=True)
    ]
    np.testing.assert_allclose(
        found["loss"],
        [np.mean((f - y) ** 2) / 2 for f in outputs],
        rtol=1e-3,
        atol=1e-9,
    )
    assert found["loss"].max() < 1e-3
    alone = trained(seeds=1)
    np.testing.assert_array_equal(alone["w"], found["w"][:, :1])


def test_other_settings_have_no_prediction():
    config, tables = ran(dropout_features, **FEATURES)
    claims = judged(dropout_features, config, tables)
    assert {claim.passed for claim in claims.values()} == {None}
    assert claims["overshoot"].value is not None
    assert claims["condenses-relu"].value is None
    config, tables = ran(dropout_stall, **STALL)
    assert {
        claim.passed for claim in judged(dropout_stall, config, tables).values()
    } == {None}


def test_results_do_not_depend_on_the_number_of_seeds():
    small = {**STALL, "steps": 20}
    _, one = ran(dropout_stall, **{**small, "seeds": 1})
    _, two = ran(dropout_stall, **{**small, "seeds": 2})
    np.testing.assert_array_equal(
        one["curves"]["loss"], two["curves"].select(seed=0)["loss"]
    )


def test_claims_on_the_stall_can_fail():
    config = dropout_stall.Config.model_validate(dropout_stall.presets["quick"])
    step = np.tile([0, 2000, 100_000, 150_000], 3)
    way = np.repeat(["descent", "adam", "dropout"], 4)
    resting = np.array([1.0, 0.087, 0.087, 0.087])

    def claims(descent, dropout):
        curves = Table(
            columns={
                "way": way,
                "seed": np.zeros(12, dtype=int),
                "step": step,
                "loss": np.concatenate([descent, resting, dropout]),
                "orientations": np.full(12, 5.0),
            }
        )
        found = judged(dropout_stall, config, {"curves": curves})
        return [
            found[name].passed
            for name in ("stalls-descent", "stalls-adam", "escapes", "ends-lower")
        ]

    assert claims(resting, np.array([100.0, 1e-3, 1e-4, 1e-4])) == [True] * 4
    assert claims(
        np.array([1.0, 0.087, 1e-3, 1e-4]), np.array([100.0, 1.0, 1.0, 1e-4])
    ) == [False, True, False, False]


@pytest.mark.parametrize(
    "experiment", [dropout_regulariser, dropout_features, dropout_stall]
)
@pytest.mark.parametrize("keep", [0.0, 1.01, -0.5, float("nan")])
def test_a_keep_probability_outside_its_range_is_refused(experiment, keep):
    with pytest.raises(ValidationError):
        experiment.Config.model_validate({"keep": keep})
    assert experiment.Config.model_validate({"keep": 1}).keep == 1

"""Architectures: the contract, the measure against a loop, and claims that can fail."""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery.experiments.architectures import (
    KINDS,
    LAYERS,
    Config,
    architectures,
)
from condensery.experiments.architectures._work import measure_layer
from condensery.models import ImageNet
from condensery.records import Table
from condensery.testing import ExperimentContract


class TestArchitecturesContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return architectures

    @pytest.fixture
    def overrides(self):
        return {
            "kinds": ["mlp", "transformer"],
            "exponents": [0.5, 1.0],
            "keeps": [0.8],
            "decays": [0.0],
            "steps": 3,
            "samples": 20,
            "batch_size": 10,
        }


def test_the_layers_are_those_of_the_networks():
    for kind in KINDS:
        net = ImageNet(kind)
        assert (
            tuple(
                net.rows(
                    net.draw(
                        seed=0,
                        exponent=0.5,
                    )
                )
            )
            == LAYERS[kind]
        )


def slow_ratio(rows, threshold):
    lengths = [np.linalg.norm(row) for row in rows]
    pairs = sorted(
        zip(rows, lengths, strict=True),
        key=lambda pair: -pair[1],
    )
    least = 0.05 * max(lengths)
    left = [row / length for row, length in pairs if length > least]
    active, count = len(left), 0
    while left:
        count += 1
        left = [row for row in left if row @ left[0] < threshold]
    return count / active


def test_ratios_against_a_loop_and_for_known_rows():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20, 4))
    measures = measure_layer(rows, rows, seed=0)
    assert measures["ratio_70"] == pytest.approx(slow_ratio(rows, 0.7))
    assert measures["ratio_95"] == pytest.approx(slow_ratio(rows, 0.95))
    assert measures["initial_70"] == measures["ratio_70"]
    # all in one direction, one of them dead: 1 direction of 9 active units; shuffled
    # they are apart
    parallel = np.outer(np.linspace(1, 2, 10), rng.standard_normal(40))
    parallel[3] *= 1e-6
    measures = measure_layer(parallel, rows, seed=0)
    assert measures["ratio_70"] == pytest.approx(1 / 9)
    assert measures["active"] == pytest.approx(0.9)
    assert measures["null_70"] > 0.9


def columns_of(rows, names):
    columns = map(np.array, zip(*rows, strict=True))
    return dict(zip(names, columns, strict=True))


def tables(config, *, ratio):
    """Every layer's ratio and every accuracy by a formula of its setting; with dropout
    three seeds scatter by .02.
    """
    names = ("kind", "exponent", "keep", "decay", "seed")
    cells = [
        (kind, *setting, seed)
        for kind in config.kinds
        for setting in config.settings
        for seed in range(config.seeds)
    ]
    members = columns_of(cells, names)
    members["accuracy"] = 1 - 0.1 * members["exponent"]
    rows = [(*cell, layer) for cell in cells for layer in LAYERS[cell[0]]]
    layers = columns_of(rows, (*names, "layer"))
    settings = [layers[name] for name in ("exponent", "keep", "decay")]
    # Zero in the mean over three seeds.
    scatter = 0.02 * (layers["seed"] - 1) * (layers["keep"] < 1)
    layers["ratio_70"] = ratio(*settings) + (config.seeds == 3) * scatter
    layers["null_70"] = np.ones(len(rows))
    return {"members": Table(columns=members), "layers": Table(columns=layers)}


def judged(config, made):
    return {claim.id: claim for claim in architectures.claims(config, made)}


def verdicts(claims, *names):
    return [claims[name].passed for name in names]


def falling(exponent, keep, decay):
    return 1.5 - exponent - 0.5 * (1 - keep) - 0.1 * decay


def rising(exponent, keep, decay):
    return 0.5 * exponent + 0.5 * (1 - keep) + decay


def test_claims_of_one_seed_judge_what_needs_no_interval():
    config = Config()
    claims = judged(config, tables(config, ratio=falling))
    assert claims["small-scale"].value == pytest.approx(0.5)
    assert claims["layers"].value == pytest.approx(1.0)
    assert claims["heads"].value == pytest.approx(0.5)
    judged_ones = ("small-scale", "layers", "heads")
    assert verdicts(claims, *judged_ones) == [True] * 3
    open_ones = ("dropout", "decay", "accuracy")
    assert verdicts(claims, *open_ones) == [None] * 3
    assert "mlp +0.10" in claims["dropout"].note
    claims = judged(config, tables(config, ratio=rising))
    assert claims["small-scale"].passed is False
    # A fall that is there, but too small for the sentence.
    slight = tables(config, ratio=lambda g, p, d: 1 - 0.08 * g)
    claims = judged(config, slight)
    assert verdicts(claims, *judged_ones) == [False] * 3
    assert "mlp first 0.92 of 1.00" in claims["layers"].note


def test_claims_with_seeds_are_judged_by_their_intervals():
    config = Config(
        steps=20_000,
        seeds=3,
    )
    claims = judged(config, tables(config, ratio=falling))
    # Falls of .08, .10, .12; t = 4.3027 of two degrees of freedom.
    lowest = 0.1 - 4.3027 * 0.02 / np.sqrt(3)
    assert claims["dropout"].value == pytest.approx(lowest, abs=1e-5)
    assert claims["decay"].value == pytest.approx(0.03)
    assert claims["accuracy"].value == pytest.approx(-0.05)
    open_ones = ("dropout", "decay", "accuracy")
    assert verdicts(claims, *open_ones) == [True, True, False]
    # A fall of the mean within its own scatter is none.
    slight = tables(config, ratio=lambda g, p, d: 0.1 * p + 0 * g)
    claims = judged(config, slight)
    assert "mlp +0.02" in claims["dropout"].note
    assert claims["dropout"].passed is False
    claims = judged(config, tables(config, ratio=rising))
    assert verdicts(claims, "dropout", "decay") == [False, False]


def test_dropout_is_not_judged_before_it_had_time():
    for steps, passed in ((19_999, None), (20_000, True)):
        config = Config(
            steps=steps,
            seeds=3,
        )
        made = tables(config, ratio=lambda g, p, d: p)
        assert judged(config, made)["dropout"].passed is passed


def test_nothing_is_judged_where_there_is_nothing_to_compare():
    single = Config(
        exponents=(0.5,),
        keeps=(1.0,),
        decays=(0.0,),
        seeds=2,
    )
    claims = judged(single, tables(single, ratio=falling))
    assert {claim.passed for claim in claims.values()} == {None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": []},
        {"kinds": ["rnn"]},
        {"kinds": ["mlp", "mlp"]},
        {"keeps": [0.0]},
        {"keeps": [1.1]},
        {"decays": [-0.1]},
        {"exponents": [6.0]},
        {"exponents": [0.5, 0.5]},
        {"samples": 5},
        {"steps": 0},
        {"rate": 0},
        {"samples": 20, "batch_size": 30},
        {"seeds": 0},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        Config.model_validate(wrong)

"""Architectures: the contract, the measure against a loop, and claims that can fail."""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery.experiments.architectures import (
    KINDS,
    LAYERS,
    Architectures,
    Config,
    _measured,
)
from condensery.models import ImageNet
from condensery.records import Table
from condensery.testing import ExperimentContract


class TestArchitecturesContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return Architectures()

    @pytest.fixture
    def overrides(self):
        return {
            "kinds": ["mlp", "transformer"],
            "gammas": [0.5, 1.0],
            "keeps": [0.8],
            "decays": [0.0],
            "steps": 3,
            "samples": 20,
            "batch_size": 10,
        }


def test_the_layers_are_those_of_the_networks():
    for kind in KINDS:
        net = ImageNet(kind)
        assert tuple(net.rows(net.draw(seed=0, gamma=0.5))) == LAYERS[kind]


def slow_ratio(rows, threshold):
    lengths = [np.linalg.norm(row) for row in rows]
    left = [
        row / length
        for row, length in sorted(
            zip(rows, lengths, strict=True), key=lambda one: -one[1]
        )
        if length > 0.05 * max(lengths)
    ]
    active, count = len(left), 0
    while left:
        count += 1
        left = [row for row in left if row @ left[0] < threshold]
    return count / active


def test_ratios_against_a_loop_and_for_known_rows():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20, 4))
    found = _measured(rows, rows, seed=0)
    assert found["ratio_70"] == pytest.approx(slow_ratio(rows, 0.7))
    assert found["ratio_95"] == pytest.approx(slow_ratio(rows, 0.95))
    assert found["initial_70"] == found["ratio_70"]
    # all in one direction, one of them dead: 1 direction of 9 active units; shuffled
    # they are apart
    one = np.outer(np.linspace(1, 2, 10), rng.standard_normal(40))
    one[3] *= 1e-6
    found = _measured(one, rows, seed=0)
    assert found["ratio_70"] == pytest.approx(1 / 9)
    assert found["active"] == pytest.approx(0.9)
    assert found["null_70"] > 0.9


def tables(config, *, ratio):
    """Every layer's ratio and every accuracy by a formula of its setting."""
    cells = [
        (k, p, g, d)
        for k in config.kinds
        for p in config.keeps
        for g in config.gammas
        for d in config.decays
    ]
    kind, keep, gamma, decay = (np.array(column) for column in zip(*cells, strict=True))
    members = {
        "kind": kind,
        "keep": keep,
        "gamma": gamma,
        "decay": decay,
        "accuracy": 1 - 0.1 * gamma,
    }
    rows = [(*cell, layer) for cell in cells for layer in LAYERS[cell[0]]]
    kind, keep, gamma, decay, layer = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    columns = {
        "kind": kind,
        "keep": keep,
        "gamma": gamma,
        "decay": decay,
        "layer": layer,
    }
    columns |= {"ratio_70": ratio(gamma, keep, decay), "null_70": np.ones(len(rows))}
    return {"members": Table(columns=members), "layers": Table(columns=columns)}


def judged(config, made):
    return {claim.id: claim for claim in Architectures().claims(config, made)}


def test_claims_measure_what_they_say_and_can_fail():
    config = Config()
    claims = judged(
        config, tables(config, ratio=lambda g, p, d: 1.5 - g - 0.5 * (1 - p) - 0.1 * d)
    )
    assert claims["small-scale"].value == pytest.approx(0.5)
    assert claims["dropout"].value == pytest.approx(0.1)
    assert claims["decay"].value == pytest.approx(0.03)
    assert claims["layers"].value == pytest.approx(1.0)
    assert claims["heads"].value == pytest.approx(0.5)
    assert claims["accuracy"].value == pytest.approx(-0.05)
    assert (claims["small-scale"].passed, claims["dropout"].passed) == (True, True)
    assert {
        claims[name].passed for name in ("decay", "layers", "heads", "accuracy")
    } == {None}
    claims = judged(
        config, tables(config, ratio=lambda g, p, d: 0.5 * g + 0.5 * (1 - p))
    )
    assert (claims["small-scale"].passed, claims["dropout"].passed) == (False, False)
    one = Config(gammas=(0.5,), keeps=(1.0,))
    claims = judged(one, tables(one, ratio=lambda g, p, d: g))
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
        {"gammas": [6.0]},
        {"gammas": [0.5, 0.5]},
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

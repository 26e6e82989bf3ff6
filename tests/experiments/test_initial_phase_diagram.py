"""The phase diagram of initial condensation: the contract, trained networks against the
closed forms, and refusals.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.initial_phase_diagram import initial_phase_diagram
from condensery.experiments.initial_phase_diagram._work import (
    FOLLOWED,
    data,
    rates,
    train,
)
from condensery.records import Status, Table
from condensery.testing import ExperimentContract

SMALL = {
    "gammas": [1.0, 2.5],
    "gamma_primes": [0.0],
    "widths": [10, 20],
    "row_widths": [10, 20],
    "row_seeds": 1,
}


class TestInitialPhaseDiagramContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return initial_phase_diagram

    @pytest.fixture
    def overrides(self):
        return SMALL


def ran(**overrides):
    experiment = initial_phase_diagram
    config = experiment.Config.model_validate(
        {**experiment.presets["quick"], **overrides}
    )
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in initial_phase_diagram.claims(config, tables)}


def altered(tables, name, **columns):
    return {**tables, name: Table(columns={**tables[name].columns, **columns})}


@pytest.fixture(scope="module")
def trained():
    return ran(
        gammas=[1.0, 2.0],
        gamma_primes=[-0.5, 0.5],
        widths=[100, 1000],
        row_widths=[100, 1000],
        row_seeds=2,
    )


def test_trained_networks_follow_the_closed_forms(trained):
    config, tables = trained
    claims = judged(config, tables)
    names = (
        "rd-condensed",
        "alignment-condensed",
        "rd-linear",
        "time",
        "rd-closed",
        "alignment-closed",
        "time-closed",
    )
    for name in names:
        assert claims[name].passed is True, claims[name]
    assert (tables["members"]["status"] == Status.CONVERGED).all()
    assert (
        (tables["members"]["loss"] <= 0.9) & (tables["members"]["loss"] > 0.85)
    ).all()


def test_claims_can_fail(trained):
    config, tables = trained
    members, row = tables["members"], tables["row_slopes"]
    worse = altered(
        tables, "members", rd=1.3 * members["rd"], growth=members["growth"] + 0.3
    )
    claims = judged(config, worse)
    assert (claims["rd-closed"].passed, claims["time-closed"].passed) == (False, False)
    claims = judged(
        config,
        altered(
            tables,
            "row_slopes",
            slope=row["slope"] + 0.1,
            time_slope=row["time_slope"] + 0.1,
        ),
    )
    assert (
        claims["rd-condensed"].passed,
        claims["time"].passed,
        claims["slope-closed"].passed,
    ) == (False,) * 3
    worse = altered(
        tables, "members", alignment=members["alignment"] - 0.1, rd=members["rd"] + 0.02
    )
    claims = judged(config, worse)
    assert (
        claims["alignment-condensed"].passed
        is claims["alignment-closed"].passed
        is claims["rd-linear"].passed
        is False
    )
    turned = altered(tables, "slopes", slope=-tables["slopes"]["slope"])
    assert judged(config, turned)["sign"].passed is False


def test_a_member_by_a_slow_loop():
    """Gradient descent in NumPy from the same start and at the same rate: RD, alignment
    and the number of steps.
    """
    from condensery.engine import Ensemble

    cell, width = (2.0, 0.5), 30
    arguments = {
        "sweep": "row",
        "cells": [list(cell)],
        "widths": [width],
        "seeds": 1,
    }
    call = {"config": {"max_steps": 5000}, "arguments": arguments}
    shard = train(call, 4, lambda *_: None)
    x, y = data()
    ensemble = Ensemble(
        np.array([width]), np.array([4]), np.array([cell[0]]), np.array([cell[1]])
    )
    net, rate = ensemble.draw(features=5)[0], rates(ensemble, x, y, 0.1)[0]
    a, w = net["a"].copy(), net["w"].copy()
    first, steps = np.mean((np.tanh(x @ w.T) @ a - y) ** 2), 0
    while np.mean((np.tanh(x @ w.T) @ a - y) ** 2) > 0.9 * first:
        hidden = np.tanh(x @ w.T)
        error = (hidden @ a - y) / len(y)
        slope = (error[:, None] * (1 - hidden**2) * a).T @ x
        a, w, steps = a - rate * (error @ hidden), w - rate * slope, steps + 1
    assert int(shard["steps"][0]) == steps
    assert shard["rd"][0] == pytest.approx(
        np.linalg.norm(w - net["w"]) / np.linalg.norm(net["w"]), rel=1e-9
    )
    z = y @ x
    assert shard["alignment"][0] == pytest.approx(
        np.linalg.norm(w @ z) / np.linalg.norm(z) / np.linalg.norm(w), rel=1e-9
    )


def test_an_activation_without_the_theorem_is_run_and_not_judged():
    config, tables = ran(
        **SMALL,
        activation="sigmoid",
    )
    assert {claim.passed for claim in judged(config, tables).values()} == {None}
    assert np.isfinite(tables["members"]["rd"]).all()


def test_a_drop_that_no_line_brings_has_no_time():
    config, tables = ran(
        **SMALL,
        drop=0.95,
        max_steps=30,
    )
    assert np.isnan(tables["members"]["growth_closed"]).all()
    assert Status.OUT_OF_STEPS in tables["members"]["status"]
    assert "did not get so far" in judged(config, tables)["sign"].note


def test_the_cells_that_are_followed():
    assert len(FOLLOWED) == len(set(FOLLOWED)) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"gammas": []},
        {"gammas": [0.5]},
        {"gammas": [2.0, 2.0]},
        {"gamma_primes": [9.0]},
        {"widths": [100]},
        {"widths": [1, 10]},
        {"activation": "tahn"},
        {"drop": 1.0},
        {"drop": 0.0},
        {"seeds": 0},
        {"gama": 1},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        initial_phase_diagram.Config.model_validate(wrong)

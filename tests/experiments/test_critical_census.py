"""critical-census: the contract, classes and edges by hand, and claims that can
fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.critical_census import critical_census
from condensery.landscape import effective_units
from condensery.plots import census_lattice
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {
    "starts": 48,
    "widths": [1, 2],
    "steps": 150,
    "train_seeds": 2,
    "train_steps": 300,
}


class TestCriticalCensusContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return critical_census

    @pytest.fixture
    def overrides(self):
        return TINY


@pytest.fixture(scope="module")
def ran():
    experiment = critical_census
    config = experiment.Config.model_validate(TINY)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in critical_census.claims(config, tables)}


def net(rows, out):
    rows = np.array([row.split() for row in rows], dtype=float)
    hidden = (rows[:, :1], rows[:, 1])
    output = np.array([out.split()], dtype=float)
    return [hidden, (output, None)]


@pytest.mark.parametrize(
    ("rows", "out", "units"),
    [
        (["1 2", "3 4"], "1 1", 2),
        (["1 2", "1 2"], "1 1", 1),
        (["1 2", "-1 -2"], "1 1", 0),
        (["1 2", "-1 -2"], "1 2", 1),
        (["1 2", "3 4"], "1 0", 1),
        (["0 2", "0 3"], "1 1", 1),
        (["0 2", "1 1"], "1 1", 2),
    ],
)
def test_the_smallest_net_with_the_same_function(rows, out, units):
    assert effective_units(net(rows, out)) == units


def test_the_published_levels_and_the_root(ran):
    config, tables = ran
    claims = judged(config, tables)
    assert claims["loss-1"].passed is True
    assert claims["loss-2"].passed is True
    assert claims["never-fewer"].passed is not False
    assert claims["new-2"].passed is None
    root = tables["classes"].select(width=0)
    assert root["loss"].tolist() == [pytest.approx(5.14533, abs=1e-5)]
    assert tables["classes"].select(width=1, new=True)["loss"].tolist() == [
        pytest.approx(0.10902, abs=1e-5)
    ]
    # every search is counted once
    assert tables["searches"].select(width=2)["count"].sum() == 48


def test_an_edge_joins_the_same_loss(ran):
    _, tables = ran
    classes, edges = tables["classes"], tables["edges"]
    for number, width, other in zip(
        edges["class"], edges["width"], edges["embedded"], strict=True
    ):
        assert width > classes["width"][number]
        if other >= 0:
            assert classes["width"][other] == width
            assert classes["loss"][other] == pytest.approx(
                classes["loss"][number], rel=1e-6
            )
            assert not classes["new"][other]


def test_claims_can_fail(ran):
    config, tables = ran
    classes = tables["classes"]
    higher = {
        **tables,
        "classes": Table(columns={**classes.columns, "loss": classes["loss"] + 0.001}),
    }
    assert not judged(config, higher)["loss-1"].passed
    by_hand = {
        **tables,
        "classes": Table(
            columns={
                "width": [1, 2],
                "loss": [0.5, 0.5],
                "new": [True, False],
                "units": [1, 1],
                "decided": [True, True],
                "negative": [1, 0],
                "most_negative": [1, 0],
                "starts": [1, 1],
            }
        ),
        "edges": Table(
            columns={"class": [0], "width": [2], "embedded": [1], "found": [True]}
        ),
    }
    assert judged(config, by_hand)["never-fewer"].passed is False


def test_the_lattice_shows_the_tables(ran):
    _, tables = ran
    data = census_lattice.figure_data(tables)
    assert data.width.tolist() == tables["classes"]["width"].tolist()
    assert data.shares.sum(axis=1) == pytest.approx(1)
    assert len(data.lines) == len(tables["edges"])
    assert len(census_lattice.draw(data).axes) == 2


@pytest.mark.parametrize("wrong", [{"starts": 1}, {"widths": []}, {"steps": 0}])
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        critical_census.Config.model_validate(wrong)

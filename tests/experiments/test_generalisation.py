"""generalisation: the contract, thresholds and the fit by hand, and claims that can
fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.generalisation import generalisation
from condensery.experiments.generalisation._tables import line
from condensery.plots import chart
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {
    "features": 2,
    "units": [1, 2],
    "samples": [2, 3, 6],
    "widths": [1, 3],
    "scales": [0.5, 0.05],
    "seeds": 1,
    "steps": 300,
    "rate": 0.1,
}


class TestGeneralisationContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return generalisation

    @pytest.fixture
    def overrides(self):
        return TINY


@pytest.fixture(scope="module")
def ran():
    experiment = generalisation
    config = experiment.Config.model_validate(TINY)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in generalisation.claims(config, tables)}


def test_the_rank_of_targets_and_their_embeddings(ran):
    config, tables = ran
    ranks = tables["ranks"]
    for name in ("rank", "rank_split", "rank_null"):
        # the null unit adds ∂f/∂w = 0 and ∂f/∂a = tanh 0 = 0: nothing
        assert ranks[name].tolist() == [3, 6]
    assert judged(config, tables)["rank"].passed is True


def test_silenced_samples_are_left_out(ran):
    _, tables = ran
    nets = tables["nets"]
    assert sorted(set(nets["samples"].tolist())) == [2, 3, 6]
    assert len(nets) == 2 * 3 * 2 * 2
    assert np.isfinite(nets["test"]).all()


def test_the_line_by_hand():
    slope, intercept = line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    assert (slope, intercept) == (pytest.approx(2), pytest.approx(1))
    assert np.isnan(line(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0]))[0])


def test_claims_can_fail(ran):
    config, tables = ran
    thresholds = tables["thresholds"]
    early = {
        "earliest": np.ones_like(thresholds["earliest"]),
        "threshold": np.where(thresholds["width"] == 1, 2, -1),
    }
    changed = {**tables, "thresholds": Table(columns={**thresholds.columns, **early})}
    claims = judged(config, changed)
    assert claims["not-before"].passed is False
    assert claims["any-width"].passed is False
    ranks = tables["ranks"]
    wrong = {
        **tables,
        "ranks": Table(
            columns={**ranks.columns, "rank_split": ranks["rank_split"] + 1}
        ),
    }
    assert judged(config, wrong)["rank"].passed is False
    assert claims["slope-1"].passed is None


def test_the_figure_shows_the_tables(ran):
    config, tables = ran
    (spec,) = generalisation.figures(config)
    data = chart.figure_data(tables, **spec.options)
    above = data.panels[:2]
    optimistic = [panel.guides[0].x[0] for panel in above]
    assert optimistic == [config.optimistic(1), config.optimistic(2)]
    assert len(above[0].series) == 4
    assert len(chart.draw(data).axes) == 4


@pytest.mark.parametrize(
    "wrong", [{"seeds": 0}, {"scales": []}, {"stop": 0.0}, {"rate": float("inf")}]
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        generalisation.Config.model_validate(wrong)

"""width-similarity: the contract, plateaus at the level of the narrow net, and claims
that can fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.width_similarity import width_similarity
from condensery.plots import chart
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {
    "widths": [1, 3],
    "steps": 8000,
    "adam_steps": 3000,
    "starts": 16,
    "escape_widths": [2, 3],
    "escape_seeds": 2,
    "escape_steps": 50,
}


class TestWidthSimilarityContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return width_similarity

    @pytest.fixture
    def overrides(self):
        return {**TINY, "steps": 60, "adam_steps": 60, "starts": 4}


@pytest.fixture(scope="module")
def ran():
    experiment = width_similarity
    config = experiment.Config.model_validate(TINY)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in width_similarity.claims(config, tables)}


def test_descent_rests_at_the_level_of_one_unit(ran):
    _, tables = ran
    rests = tables["plateaus"].select(optimiser="descent")
    late = rests.columns["loss"] < 1
    assert late.any()
    assert rests["loss"][late] == pytest.approx(0.109, rel=0.05)
    assert rests["level"][late] == pytest.approx(0.10902, abs=1e-5)
    assert (rests["distance"][late] < 0.1).all()


def test_claims_are_about_wide_nets_only(ran):
    config, tables = ran
    claims = judged(config, tables)
    assert {
        claims[name].passed for name in ("common-output", "condensed", "widest-fits")
    } == {None}


def test_claims_can_fail(ran):
    config, tables = ran
    rests, escapes = tables["plateaus"], tables["escapes"]
    high = {
        **tables,
        "plateaus": Table(
            columns={**rests.columns, "loss": np.minimum(2 * rests["loss"], 0.9)}
        ),
    }
    assert judged(config, high)["common-plateau"].passed is False
    slow = {
        **tables,
        "escapes": Table(columns={**escapes.columns, "steps": escapes["width"] * 100}),
    }
    assert judged(config, slow)["escape"].passed is False
    quick = {
        **tables,
        "escapes": Table(columns={**escapes.columns, "steps": 1000 - escapes["width"]}),
    }
    assert judged(config, quick)["escape"].passed is True


def test_the_figure_shows_the_tables(ran):
    config, tables = ran
    (spec,) = width_similarity.figures(config)
    data = chart.figure_data(tables, **spec.options)
    levels, *curves = data.panels[0].series
    assert levels.y == pytest.approx([0.06979, 0.10902], abs=1e-5)
    labels = [curve.look.label for curve in curves if curve.look.label]
    assert labels == ["$m=1$", "$m=3$"]
    assert len(chart.draw(data).axes) == 5


@pytest.mark.parametrize("wrong", [{"widths": []}, {"rate": 0.0}, {"escape_seeds": 0}])
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        width_similarity.Config.model_validate(wrong)

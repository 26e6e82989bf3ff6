"""generalisation: the contract, classes at equal n by hand, and claims that can
fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.generalisation import generalisation
from condensery.experiments.generalisation._claims import condensed_gains
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


def nets_by_hand(recovered):
    """Two data sets of k = 1 and n = 4: two condensed nets and two others each."""
    count = len(recovered)
    columns = {
        "units": np.ones(count, dtype=int),
        "seed": np.repeat([0, 1], count // 2),
        "samples": np.full(count, 4),
        "width": np.full(count, 3),
        "scale": np.full(count, 0.05),
        "train": np.full(count, 1e-8),
        "test": np.where(recovered, 1e-5, 0.5),
        "effective": np.tile([1.0, 1.2, 2.0, 3.0], count // 4),
        "status": np.zeros(count, dtype=int),
        "steps": np.ones(count, dtype=int),
    }
    return {"nets": Table(columns=columns)}


def derived(config, tables, names):
    for name in names:
        made = generalisation.derives[name](config, tables)
        tables = {**tables, name: made}
    return tables


def test_classes_are_compared_at_equal_n():
    config = generalisation.Config(
        units=(1,),
        seeds=2,
    )
    recovered = np.array([1, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
    tables = derived(config, nets_by_hand(recovered), ("near", "classes", "gains"))
    assert tables["near"]["condensed"].tolist() == [True, True, False, False] * 2
    assert tables["gains"]["condensed"].tolist() == [1.0, 0.5]
    assert tables["gains"]["other"].tolist() == [0.5, 0.0]
    classes = tables["classes"]
    assert classes["nets"].tolist() == [4, 4]
    assert classes["recovered"].tolist() == [0.75, 0.25]
    assert classes["test"].tolist() == pytest.approx([1e-5, 0.5])


def test_condensed_nets_have_to_gain():
    config = generalisation.Config(
        units=(1,),
        seeds=2,
    )
    gain = condensed_gains[0]
    for recovered, passed in (([1, 1, 0, 0], True), ([0, 0, 1, 1], False)):
        nets = nets_by_hand(np.array(recovered * 2, dtype=bool))
        tables = derived(config, nets, ("near", "gains"))
        assert gain.judge(config, tables).passed is passed
    uneven = nets_by_hand(np.array([1, 1, 0, 0, 0, 1, 1, 0], dtype=bool))
    tables = derived(config, uneven, ("near", "gains"))
    assert gain.judge(config, tables).passed is False


def test_claims_can_fail(ran):
    config, tables = ran
    thresholds = tables["thresholds"]
    early = {
        "earliest": np.ones_like(thresholds["earliest"]),
        "threshold": np.where(thresholds["width"] == 1, 2, -1),
    }
    changed = {
        **tables,
        "thresholds": Table(
            columns={
                **thresholds.columns,
                **early,
            }
        ),
    }
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


def test_the_figure_shows_the_tables(ran):
    config, tables = ran
    (spec,) = generalisation.figures(config)
    data = chart.figure_data(tables, **spec.options)
    above = data.panels[:4]
    optimistic = [panel.guides[0].x[0] for panel in above]
    expected = [config.optimistic(1), config.optimistic(2)]
    assert optimistic == np.repeat(expected, 2).tolist()
    assert len(above[0].series) == 2
    assert len(chart.draw(data).axes) == 6


@pytest.mark.parametrize(
    "wrong", [{"seeds": 0}, {"scales": []}, {"stop": 0.0}, {"rate": float("inf")}]
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        generalisation.Config.model_validate(wrong)

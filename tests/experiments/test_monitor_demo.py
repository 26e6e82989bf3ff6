"""monitor-demo: the contract, what its tables hold, and claims that can fail."""

from importlib.util import find_spec

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.monitor_demo import (
    COSINE,
    merged_by_chance,
    monitor_demo,
)
from condensery.metrics import condensation
from condensery.records import Table
from condensery.testing import ExperimentContract
from condensery.torch._threshold import COSINE_THRESHOLD

pytestmark = pytest.mark.skipif(
    find_spec("torch") is None, reason="needs the extra torch"
)
TINY = {
    "width": 8,
    "steps": 12,
    "every": 5,
    "seeds": 2,
    "batch": 16,
}


class TestContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return monitor_demo

    @pytest.fixture
    def overrides(self):
        return {
            **TINY,
            "seeds": 1,
        }


@pytest.fixture(scope="module")
def ran():
    experiment = monitor_demo
    config = experiment.Config.model_validate(
        {
            **experiment.presets["quick"],
            **TINY,
        }
    )
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def test_the_tables_hold_what_was_measured(ran):
    _, tables = ran
    monitor, fit, end = tables["monitor"], tables["fit"], tables["end"]
    assert sorted(set(monitor["step"].tolist())) == [0, 1, 2, 4, 5, 10]
    assert len(monitor) == 2 * len(fit) == 2 * 2 * 2 * 6
    assert ((monitor["effective_ratio"] > 0) & (monitor["effective_ratio"] <= 1)).all()
    # a network that knows nothing: the loss of ten equal chances
    start = fit.select(
        start="condensed",
        step=0,
    )
    assert start["loss"] == pytest.approx([np.log(10)] * 2, rel=0.05)
    ordinary = fit.select(start="ordinary")
    assert (ordinary.select(step=10)["loss"] < ordinary.select(step=0)["loss"]).all()
    assert len(end) == 8


def judged(config, tables):
    return {claim.id: claim.passed for claim in monitor_demo.claims(config, tables)}


def made(small, usual):
    """A table of given ratios over three steps for both layers and two seeds."""
    rows = [
        (start, seed, step, layer, ratio)
        for start, ratios in (("condensed", small), ("ordinary", usual))
        for seed in range(2)
        for layer in (1, 2)
        for step, ratio in zip((0, 5, 10), ratios, strict=True)
    ]
    names = ("start", "seed", "step", "layer", "effective_ratio")
    return {
        "monitor": Table(
            columns={name: [row[k] for row in rows] for k, name in enumerate(names)}
        )
    }


@pytest.mark.parametrize(
    ("small", "usual", "verdicts"),
    [
        ((1.0, 0.1, 0.3), (1.0, 1.0, 1.0), (True, True, True, True)),
        ((1.0, 0.6, 0.7), (1.0, 1.0, 0.8), (False, False, True, True)),
        ((0.5, 0.3, 0.1), (1.0, 1.0, 1.0), (True, True, False, False)),
    ],
)
def test_claims_can_fail(ran, small, usual, verdicts):
    config, _ = ran
    assert tuple(judged(config, made(small, usual)).values()) == verdicts
    other = config.model_copy(update={"exponent": 0.5})
    assert set(judged(other, made(small, usual)).values()) == {None}


def test_chance_is_that_of_random_orientations():
    # narrow layers in a few dimensions, where chance does merge some
    config = monitor_demo.Config.model_validate(TINY)
    assert COSINE == COSINE_THRESHOLD
    merged = merged_by_chance(config, inputs=3)
    random = np.random.default_rng(0)
    for layer, dimension in ((1, 4), (2, TINY["width"] + 1)):
        ratios = [
            condensation(
                random.standard_normal((TINY["width"], dimension)),
                threshold=COSINE,
                active=0.0,
            ).effective_ratio
            for _ in range(200)
        ]
        assert np.mean(ratios) == pytest.approx(1 - merged[layer], abs=0.01)


def test_the_same_seed_gives_the_same_bits(ran):
    config, tables = ran
    task = monitor_demo.tasks(config)[1]
    again = load(task.function)(task.parameters, task.seed, lambda *_: None)
    first = tables["fit"].select(
        start="condensed",
        seed=1,
    )
    assert again["loss"].tolist() == first["loss"].tolist()


@pytest.mark.parametrize(
    "wrong", [{"width": 1}, {"steps": 0}, {"every": 0}, {"rate": 0.0}, {"seeds": 0}]
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        monitor_demo.Config.model_validate(wrong)

"""embedding-width: the contract, the published numbers, and claims that can fail."""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.embedding_width import embedding_width
from condensery.experiments.embedding_width._counts import as_published
from condensery.landscape import (
    Problem,
    flatten,
    gradient,
    inertia_at,
    made_critical,
    null,
    relative_gradient,
)
from condensery.models import mlp_normal
from condensery.plots import chart
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {
    "starts": 24,
    "iris_starts": 8,
    "widths": [1, 2, 3],
    "dense_up_to": 3,
    "deep": 2,
    "escape_widths": [1, 2],
    "escape_seeds": 2,
    "escape_time": 0.05,
}


class TestEmbeddingWidthContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return embedding_width

    @pytest.fixture
    def overrides(self):
        return TINY


@pytest.fixture(scope="module")
def ran():
    config = embedding_width.Config.model_validate(TINY)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in embedding_width.tasks(config)
    ]
    return config, embedding_width.tables(config, shards)


def judged(config, tables):
    return {claim.id: claim for claim in embedding_width.claims(config, tables)}


def altered(tables, name, **columns):
    return {**tables, name: Table(columns={**tables[name].columns, **columns})}


def test_the_published_numbers(ran):
    config, tables = ran
    claims = judged(config, tables)
    for name in (
        "loss-1",
        "loss-2",
        "degeneracy-1",
        "degeneracy-2",
        "negatives",
        "zeros",
        "strict-saddle",
        "never-fewer",
        "predicted",
        "directions",
        "output",
        "critical",
        "simpler",
    ):
        assert claims[name].passed is True, claims[name]
    # λ_min of equal copies falls as 1/k (.00970 at k = 2)
    widths = tables["widths"]
    assert -widths["lambda_min"][1:] == pytest.approx(
        [0.0194051 / 2, 0.0194051 / 3], rel=1e-4
    )
    assert widths["lambda_min"] == pytest.approx(widths["lambda_min_dense"], rel=1e-6)


def test_every_kind_of_embedding_is_measured_on_every_net(ran):
    _, tables = ran
    embeddings = tables["embeddings"]
    measured = set(zip(embeddings["net"], embeddings["operator"], strict=True))
    # on Iris σ(β) is nowhere 0 and there is no bias of the output: no null unit
    every = {"split", "null", "general"}
    assert measured == {
        *(("three steps", kind) for kind in every),
        *(("two hidden layers", kind) for kind in every),
        ("iris", "split"),
        ("iris", "general"),
    }
    narrow = embeddings.select(net="two hidden layers")["units"].min()
    assert narrow == 3 + 2 + 1


def test_a_null_unit_that_is_heard_is_not_critical():
    """σ(1) ≠ 0 and no bias of the output: the output stays, criticality does not."""
    net = mlp_normal([2, 2, 1], seed=0, std=2.0, output_bias=False)
    x = np.random.default_rng(0).standard_normal((40, 2))
    problem = made_critical(net, x, "tanh", seed=0)
    wide, receipt = null(net, problem, layer=1, bias=1.0, spectrum=False)
    assert receipt.data_change_relative < 1e-12
    assert relative_gradient(net, problem) < 1e-14
    assert relative_gradient(wide, problem) > 1e-5


@pytest.mark.parametrize(
    ("claim", "table", "column"),
    [("output", "embeddings", "change"), ("critical", "embeddings", "after")],
)
def test_one_bad_embedding_is_seen(ran, claim, table, column):
    config, tables = ran
    values = tables[table][column].copy()
    values[3] = 1e-6
    assert judged(config, altered(tables, table, **{column: values}))[claim].passed is (
        False
    )


def test_a_level_as_degenerate_as_the_next_is_seen(ran):
    config, tables = ran
    zeros = tables["degeneracies"]["predicted"]
    flat = altered(tables, "degeneracies", predicted=np.zeros_like(zeros))
    assert judged(config, flat)["simpler"].passed is False


@pytest.mark.parametrize(
    ("times", "passed"), [([400.0, 60.0, 50.0], True), ([400.0, 60.0, 70.0], False)]
)
def test_escapes_are_compared_from_two_units_on(ran, times, passed):
    _, tables = ran
    config = embedding_width.Config.model_validate({**TINY, "escape_widths": [1, 2, 5]})
    medians = {
        "width": np.tile([1, 2, 5], 2),
        "shares": np.repeat(["equal", "random"], 3),
        "time": np.tile(times, 2),
        "escaped": np.tile([0.0, 1.0, 1.0], 2),
    }
    claims = judged(config, {**tables, "escape_medians": Table(columns=medians)})
    assert claims["escape-time"].passed is claims["escape-random"].passed is passed


def test_claims_can_fail(ran):
    config, tables = ran
    splits, widths, points = (tables[name] for name in ("splits", "widths", "points"))
    more = altered(
        tables,
        "splits",
        measured_zero=splits["measured_zero"] + (splits["fractions"] != "none"),
    )
    claims = judged(config, more)
    assert not claims["zeros"].passed
    assert not claims["predicted"].passed
    assert not claims["degeneracy-1"].passed
    assert not judged(
        config, altered(tables, "widths", negative=widths["negative"] + 1)
    )["directions"].passed
    assert not judged(config, altered(tables, "points", loss=points["loss"] + 1e-4))[
        "loss-1"
    ].passed
    fewer = altered(
        tables,
        "splits",
        measured_negative=splits["measured_negative"]
        - (splits["fractions"] == "3 equal"),
    )
    assert not judged(config, fewer)["negatives"].passed
    unsure = altered(
        tables, "splits", decided=splits["decided"] & (splits["net"] != "iris")
    )
    assert judged(config, unsure)["iris-negatives"].passed is None
    flat = altered(
        tables, "spectra", eigenvalue=np.abs(tables["spectra"]["eigenvalue"])
    )
    assert not judged(config, flat)["strict-saddle"].passed


def test_nothing_found_on_iris_is_no_verdict(ran):
    config, tables = ran
    iris = {
        name: tables[name].select(net="three steps")
        for name in ("points", "splits", "spectra")
    }
    claims = judged(config, {**tables, **iris})
    assert claims["iris-negatives"].passed is None
    assert claims["iris-published"].passed is None
    assert claims["iris-zeros"].passed is None


def rows_of(counts):
    names = ("none", "2 equal", "3 equal")
    rows = [
        ("iris", 0, 0, name, *count, True)
        for name, count in zip(names, counts, strict=True)
    ]
    keys = (
        "net",
        "point",
        "unit",
        "fractions",
        "measured_negative",
        "measured_zero",
        "measured_positive",
        "decided",
    )
    return Table(
        columns={
            key: np.array(one)
            for key, one in zip(keys, zip(*rows, strict=True), strict=True)
        }
    )


def test_the_published_counts_of_iris_by_hand():
    good = [(3, 1, 12), (5, 2, 17), (7, 3, 22)]
    assert as_published(rows_of(good)) == [(0, 0)]
    assert as_published(rows_of([(3, 1, 12), (5, 3, 16), (7, 5, 20)])) == []
    assert as_published(rows_of([(3, 0, 13), (6, 1, 17), (9, 2, 21)])) == []


def test_standardising_moves_no_critical_point_and_changes_no_inertia():
    x = np.random.default_rng(0).uniform(0, 5, (40, 4))
    net = mlp_normal([4, 2, 3], seed=0, std=0.5, output_bias=False)
    raw = made_critical(net, x, "sigmoid", seed=0)
    mean, size = x.mean(axis=0), x.std(axis=0)
    (w, b), out = net
    moved = [(w * size, b + w @ mean), out]
    standard = Problem((x - mean) / size, raw.y, "sigmoid")
    assert inertia_at(moved, standard).counts == inertia_at(net, raw).counts
    assert np.abs(flatten(gradient(moved, standard))).sum() < 1e-12


def test_the_figures_show_the_tables(ran):
    config, tables = ran
    spectra, levels, descent = (
        chart.figure_data(tables, **figure.options)
        for figure in embedding_width.figures(config)
    )
    titles = [panel.panel.title for panel in spectra.panels]
    assert titles[:2] == ["three steps, width 1", "three steps, width 2"]
    labels = [series.look.label for series in spectra.panels[0].series]
    assert labels == ["narrow: (0, 0, 3)", "2 equal: (1, 1, 4)", "3 equal: (2, 2, 5)"]
    assert chart.draw(spectra).get_figwidth() <= 7
    first = tables["steepest"].select(width=1)
    t, loss, curvature = (first[name] for name in ("t", "loss", "curvature"))
    assert curvature[0] < 0
    middle = len(t) // 2
    assert loss[middle] == pytest.approx(0.10902, abs=1e-5)
    assert loss.min() < loss[middle]
    # second differences at the point give the curvature
    step = t[middle + 1] - t[middle]
    second = (loss[middle + 1] - 2 * loss[middle] + loss[middle - 1]) / step**2
    assert second == pytest.approx(curvature[0], rel=0.02)
    assert descent.panels[0].series[0].y.min() == pytest.approx(-1.0)
    assert len(chart.draw(descent).axes) == 4
    degenerate = levels.panels[0].series
    assert [series.x.tolist() for series in degenerate] == [[2], [1], [0]]
    first_function = levels.panels[2].series[1]
    data = np.interp(0.5, first_function.x, first_function.y)
    assert data == pytest.approx(3.747 * np.tanh(0.08954 * 0.5), abs=1e-3)
    assert len(chart.draw(levels).axes) == 5


@pytest.mark.parametrize(
    "wrong",
    [{"starts": 0}, {"widths": []}, {"escape_time": float("nan")}, {"noise": 0.0}],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        embedding_width.Config.model_validate(wrong)

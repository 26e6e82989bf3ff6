"""width-similarity: the contract, nets that rest where the best narrow net is, and
claims that can fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.width_similarity import width_similarity
from condensery.landscape import Problem, hessian
from condensery.plots import chart
from condensery.records import Table
from condensery.testing import ExperimentContract

TINY = {
    "nets": {"three-steps": 2},
    "times": {"three-steps": 100.0},
    "widths": [1, 3],
    "starts": 16,
    "escape_widths": [2, 3],
    "escape_seeds": 2,
    "escape_time": 0.2,
    "raw_widths": [2],
    "raw_steps": 50,
}


class TestWidthSimilarityContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return width_similarity

    @pytest.fixture
    def overrides(self):
        return {
            **TINY,
            "nets": {"three-steps": 2, "two-steps": 1},
            "times": {"three-steps": 0.2, "two-steps": 0.2},
            "starts": 4,
            "printed_steps": 20,
        }


@pytest.fixture(scope="module")
def ran():
    experiment = width_similarity
    config = experiment.Config.model_validate(TINY)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_, **__: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in width_similarity.claims(config, tables)}


def replaced(tables, name, **columns):
    """The tables with some columns of one of them replaced."""
    table = tables[name]
    return {
        **tables,
        name: Table(
            columns={
                **table.columns,
                **columns,
            }
        ),
    }


def test_nets_of_all_widths_rest_at_the_best_net_of_one_unit(ran):
    _, tables = ran
    nets = tables["nets"]
    assert nets["rest"] == pytest.approx(0.10902, rel=1e-3)
    assert (nets["distance"] < 0.01).all()
    # the loss falls alike in mean-field time, whatever the width
    assert np.ptp(nets["fallen"]) < 0.1 * nets["fallen"].min()
    assert np.isinf(nets["left"]).all()


def test_there_they_have_a_direction_of_descent_less_than_units(ran):
    _, tables = ran
    nets = tables["nets"]
    assert nets["negatives"].tolist() == (nets["width"] - 1).tolist()


def test_the_embedded_optimum_has_as_many():
    """Two copies of one unit that carry half: the count that trained nets are held
    against, with a Hessian by differences of the loss.
    """
    x = np.linspace(-15, 15, 50)
    y = np.tanh(x - 7) + np.tanh(x) + np.tanh(x + 7)
    w, a = 0.08954, 3.7470

    def loss(theta):
        w1, w2, b1, b2, a1, a2 = theta
        output = a1 * np.tanh(w1 * x + b1) + a2 * np.tanh(w2 * x + b2)
        return np.mean((output - y) ** 2)

    at = np.array([w, w, 0, 0, a / 2, a / 2])
    step = 1e-4 * np.eye(6)
    by_differences = np.array(
        [
            [
                loss(at + left + right)
                - loss(at + left - right)
                - loss(at - left + right)
                + loss(at - left - right)
                for left in step
            ]
            for right in step
        ]
    ) / (4 * 1e-8)
    counted = np.linalg.eigvalsh(by_differences)
    net = [(np.array([[w], [w]]), np.zeros(2)), (np.array([[a / 2, a / 2]]), None)]
    ours = np.linalg.eigvalsh(hessian(net, Problem(x[:, None], y[:, None], "tanh")))
    assert counted[0] == pytest.approx(-0.0097, rel=0.02)
    assert ours == pytest.approx(counted, abs=1e-4 * counted[-1])
    assert (counted < -0.01 * abs(counted[0])).sum() == 1


def test_claims_are_about_wide_nets_that_train_for_long(ran):
    config, tables = ran
    claims = judged(config, tables)
    assert {
        claims[name].passed
        for name in ("same-fall", "common-output", "more-leave", "same-fall-two-steps")
    } == {None}


@pytest.fixture
def wide(ran):
    """The same nets under a configuration that the claims speak of."""
    _, tables = ran
    settings = {
        **TINY,
        "times": {"three-steps": 360.0},
        "widths": [1, 2, 10],
    }
    columns = {
        **tables["nets"].columns,
        "width": np.array([1, 2, 10, 10]),
        "negatives": np.array([0, 1, 9, 9]),
        "left": np.array([np.inf, 300.0, 200.0, 200.0]),
    }
    shares = {
        "width": [1, 2, 10],
        "gone": [0, 0, 2],
        "share": [0.0, 0.0, 1.0],
    }
    departures = Table(
        columns={
            "target": np.array(["three-steps"] * 3),
            "nets": np.array([2, 2, 2]),
            "by": np.full(3, 250.0),
            **{name: np.array(values) for name, values in shares.items()},
        }
    )
    made = {
        **tables,
        "nets": Table(columns=columns),
        "departures": departures,
    }
    return width_similarity.Config.model_validate(settings), made


def test_wide_nets_that_rest_and_leave_pass(wide):
    claims = judged(*wide)
    names = (
        "same-fall",
        "common-plateau",
        "common-output",
        "condensed",
        "saddle-at-rest",
        "more-leave",
        "few-narrow-leave",
        "most-wide-leave",
        "leave-sooner",
        "one-stays",
    )
    assert {name: claims[name].passed for name in names} == dict.fromkeys(names, True)


@pytest.mark.parametrize(
    ("claim", "table", "columns"),
    [
        ("same-fall", "nets", {"fallen": [7.0, 7.0, 8.0, 8.0]}),
        ("common-plateau", "nets", {"rest": [0.109, 0.109, 0.109, 0.1065]}),
        ("common-output", "nets", {"distance": [0.0, 0.0, 0.0, 0.02]}),
        ("condensed", "nets", {"neurons": [1, 2, 4, 4]}),
        ("saddle-at-rest", "nets", {"negatives": [0, 1, 9, 8]}),
        ("more-leave", "departures", {"gone": [0, 2, 0]}),
        ("few-narrow-leave", "departures", {"share": [0.0, 0.5, 1.0]}),
        ("most-wide-leave", "departures", {"share": [0.0, 0.0, 0.5]}),
        ("leave-sooner", "nets", {"left": [np.inf, 200.0, 200.0, 200.0]}),
        ("one-stays", "nets", {"left": [300.0, 300.0, 200.0, 200.0]}),
    ],
)
def test_claims_can_fail(wide, claim, table, columns):
    config, tables = wide
    arrays = {name: np.array(values) for name, values in columns.items()}
    assert judged(config, replaced(tables, table, **arrays))[claim].passed is False


@pytest.mark.parametrize(
    ("steps", "passed"), [([5, 5, 9, 9], False), ([9, 9, 5, 5], True)]
)
def test_escapes_are_compared_from_two_units_on(ran, steps, passed):
    config, tables = ran
    escapes = tables["escapes"].select(parametrisation="mean-field")
    columns = {**escapes.columns, "steps": np.array(steps)}
    made = {**tables, "escapes": Table(columns=columns)}
    assert judged(config, made)["escape"].passed is passed


def test_the_figure_shows_the_tables(ran):
    config, tables = ran
    first, escapes = width_similarity.figures(config)
    data = chart.figure_data(tables, **first.options)
    level, *curves = data.panels[0].series
    assert level.y == pytest.approx([0.10902], abs=1e-5)
    labels = [curve.look.label for curve in curves if curve.look.label]
    assert labels == ["$m=1$", "$m=3$"]
    assert len(chart.draw(data).axes) == 6
    assert len(chart.draw(chart.figure_data(tables, **escapes.options)).axes) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"widths": []},
        {"rates": {"three-steps": 0.0}},
        {"times": {"two-steps": 9.0}},
        {"escape_seeds": 0},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        width_similarity.Config.model_validate(wrong)

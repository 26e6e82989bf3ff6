"""Initial condensation: the contract, its measures against loops, the counts on the
line, and claims that can fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery._reference import load
from condensery.experiments.initial_condensation import Config, initial_condensation
from condensery.experiments.initial_condensation import _config as settings
from condensery.experiments.initial_condensation._tasks import control_stop
from condensery.records import Table
from condensery.testing import ExperimentContract
from condensery.theory import explained_by_line, initial_lines

SMALL = {
    "draws": 2,
    "deep_draws": 2,
    "line_steps": [2, 3, 6],
    "five_steps": 4,
    "deep_steps": [3, 2, 2, 4, 4],
    "demo_b_steps": 4,
    "control_steps": 60,
    "activations": ["tanh", "relu"],
}


class TestInitialCondensationContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return initial_condensation

    @pytest.fixture
    def overrides(self):
        return SMALL


def ran(**overrides):
    experiment = initial_condensation
    config = experiment.Config.model_validate(
        {**experiment.presets["quick"], **overrides}
    )
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in experiment.tasks(config)
    ]
    return config, dict(experiment.tables(config, shards))


def judged(config, tables):
    return {claim.id: claim for claim in initial_condensation.claims(config, tables)}


def altered(tables, name, **columns):
    return {
        **tables,
        name: Table(
            columns={
                **tables[name].columns,
                **columns,
            }
        ),
    }


@pytest.fixture(scope="module")
def line():
    return ran(
        parts=["line"],
        draws=2,
        activations=["tanh", "xtanh", "x2tanh", "relu"],
        control=False,
    )


@pytest.fixture(scope="module")
def notebook():
    return ran(
        parts=["demo-b"],
        draws=6,
    )


def test_on_a_line_the_counts_are_those_of_the_multiplicity(line):
    config, tables = line
    claims = judged(config, tables)
    for name in (
        "line-xtanh",
        "line-x2tanh",
        "line-tanh",
        "line-predicted",
        "polynomial",
        "polynomial-relu",
    ):
        assert claims[name].passed is True, claims[name]
    assert {
        claims[name].passed
        for name in claims
        if name.startswith(("five", "deep", "demo"))
    } == {None}
    named = tables["predicted"]["activation"]
    assert {str(name): int(np.sum(named == name)) for name in np.unique(named)} == {
        "tanh": 1,
        "xtanh": 2,
        "x2tanh": 3,
    }


def test_claims_of_the_line_can_fail(line):
    config, tables = line
    measures = tables["measures"]
    worse = altered(
        tables,
        "measures",
        lines=measures["lines"] + 1,
        residual=measures["residual"] + 0.02,
    )
    claims = judged(config, worse)
    assert (
        claims["line-xtanh"].passed,
        claims["line-x2tanh"].passed,
        claims["polynomial"].passed,
    ) == (False,) * 3
    worse = altered(
        tables,
        "measures",
        aligned=measures["aligned"] - 0.02,
        largest=measures["largest"] / 2,
    )
    claims = judged(config, worse)
    assert (claims["line-predicted"].passed, claims["line-tanh"].passed) == (
        False,
        False,
    )
    crowded = measures["lines"] + 1
    worse = altered(tables, "measures", lines=crowded)
    before = judged(config, tables)["line-most"].value
    claim = judged(config, worse)["line-most"]
    assert (claim.value, claim.passed) == (pytest.approx(before + 1), False)
    single = altered(tables, "measures", lines=np.ones(len(measures)))
    assert judged(config, single)["line-most"].passed is True


def five_draws(*, largest, pairs=0.001045):
    """Measures of twelve draws of tanh at the start and at the last step."""
    draws = 12
    columns = {
        "part": ["five"] * 2 * draws,
        "activation": ["tanh"] * 2 * draws,
        "optimiser": ["Adam"] * 2 * draws,
        "step": np.repeat([0, 100], draws),
        "last": np.repeat([False, True], draws),
        "largest": np.concatenate([np.full(draws, 0.06), largest]),
        "pairs": np.full(2 * draws, pairs),
        "explained": np.full(2 * draws, 0.04),
        "lines": np.ones(2 * draws),
    }
    return {"measures": Table(columns=columns)}


def test_lines_in_five_dimensions_are_a_share_of_draws_against_chance():
    config = Config(parts=("five",), activations=("tanh",))
    half = np.repeat([1.0, 0.5], 6)
    claims = judged(config, five_draws(largest=half))
    # Wilson's interval of 6 of 12.
    assert claims["five-tanh"].value == pytest.approx(0.2538, abs=1e-4)
    assert claims["five-tanh"].passed is False
    assert "6 of 12: 50 %" in claims["five-tanh"].note
    most = np.repeat([1.0, 0.5], [10, 2])
    assert judged(config, five_draws(largest=most))["five-tanh"].passed is True
    # One pair of a thousand is chance in six dimensions, two are not.
    assert claims["five-start"].passed is True
    assert abs(claims["five-start"].value) < 0.01
    crowded = five_draws(largest=most, pairs=0.002)
    assert judged(config, crowded)["five-start"].passed is False


def test_the_field_moves_the_neurons(line):
    """By loops over samples: the motion of a neuron is a times the field at its
    place.
    """
    _, tables = line
    x, y = settings.line_data()
    neurons = tables["neurons"].select(activation="tanh")

    def model(point):
        z = point * neurons["w"] + neurons["b"]
        return float(np.sum(neurons["a"] * np.tanh(z)))

    for k in (0, 17):
        pull = np.zeros(2)
        for (point,), value in zip(x, y, strict=True):
            slope = 1 - np.tanh(point * neurons["w"][k] + neurons["b"][k]) ** 2
            pull -= (model(point) - value) * slope * np.array([point, 1.0]) / len(x)
        found = [neurons["dw"][k], neurons["db"][k]]
        np.testing.assert_allclose(
            found,
            neurons["a"][k] * pull,
            rtol=1e-8,
            atol=1e-14,
        )


def test_gradient_descent_finds_the_line_of_the_theorem_and_adam_its_signs(notebook):
    config, tables = notebook
    claims = judged(config, tables)
    assert claims["theorem-descent"].passed is True, claims["theorem-descent"]
    assert claims["first-step"].passed is True, claims["first-step"]
    assert claims["theorem-adam"].passed is None
    # the alignment after Adam's first step is not that of the theorem
    first = tables["measures"].select(
        optimiser="Adam",
        step=1,
    )
    assert np.median(first["sign_aligned"]) > np.median(first["aligned"]) + 0.05
    worse = altered(tables, "measures", aligned=tables["measures"]["aligned"] - 0.01)
    assert judged(config, worse)["theorem-descent"].passed is False


def test_the_control_stops_at_its_share_of_what_a_line_explains(notebook):
    _, tables = notebook
    for draw in range(6):
        x, y = settings.cloud_data(draw)
        inputs = np.column_stack([x, np.ones(len(x))])
        end = tables["measures"].select(
            optimiser="gradient descent", last=True, draw=draw
        )
        z = y @ inputs
        along = inputs @ (z / np.linalg.norm(z))
        scale = (along @ y) / (along @ along)
        best = np.mean((y - scale * along) ** 2)
        wanted = (np.mean(y**2) - 0.1 * (np.mean(y**2) - best)) / np.mean(y**2)
        assert 0.99 * wanted < end["loss"][0] <= wanted


def test_there_is_no_prediction_without_a_theorem():
    x, y = settings.cloud_data(0)
    inputs = np.column_stack([x, np.ones(len(x))])
    assert (
        len(initial_lines(inputs, y, "xtanh"))
        == len(initial_lines(inputs, y, "relu"))
        == 0
    )
    assert initial_lines(inputs, y, "tanh").shape == (1, 6)
    # where σ(0) is not 0 the mean of the targets does not count
    raised, plain = (
        initial_lines(inputs, targets, "sigmoid") for targets in (y + 7, y)
    )
    np.testing.assert_allclose(raised, plain, atol=1e-12)
    assert explained_by_line(inputs, inputs @ np.ones(6), "sigmoid") < 1
    assert control_stop(inputs, y, "relu", 0.1) == pytest.approx(0.9 * np.mean(y**2))


def test_an_activation_without_a_theorem_runs_and_is_not_judged():
    config, tables = ran(
        **{
            **SMALL,
            "parts": ["line", "five"],
            "activations": ["relu"],
            "draws": 1,
        }
    )
    assert {claim.passed for claim in judged(config, tables).values()} == {None}
    assert np.isnan(tables["measures"].select(activation="relu")["aligned"]).all()


def test_other_lengths_of_training_are_not_judged():
    config, tables = ran(
        **{
            **SMALL,
            "parts": ["line", "demo-b"],
            "draws": 1,
        }
    )
    claims = judged(config, tables)
    assert {claim.passed for claim in claims.values()} == {None}
    assert claims["line-tanh"].value is not None


def test_targets_by_hand():
    x, y = settings.line_data()
    assert (len(x), x[0, 0], x[-1, 0]) == (40, -1.0, 1.5)
    assert y[0] == pytest.approx(np.sin(-3) + 0.5 * np.sin(-6))
    x, y = settings.cloud_data(3)
    assert x.shape == (80, 5)
    assert (x.min() > -4, x.max() < 2) == (True, True)
    assert y[7] == pytest.approx(sum(3.5 * np.sin(5 * value + 1) for value in x[7]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"activations": []},
        {"activations": ["rleu"]},
        {"activations": ["tanh", "tanh"]},
        {"parts": []},
        {"parts": ["six"]},
        {"line_steps": [2, 2, 3]},
        {"deep_steps": [0, 1, 1, 1, 1]},
        {"five_steps": 0},
        {"p": 1},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        initial_condensation.Config.model_validate(wrong)

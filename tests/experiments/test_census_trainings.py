"""Where trained nets rest: by hand, against a loop in NumPy; claims that can fail."""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery.experiments.critical_census import critical_census
from condensery.experiments.critical_census._trainings import resting_records, train
from condensery.records import Table

X = np.linspace(-15, 15, 50)
Y = np.tanh(X - 7) + np.tanh(X) + np.tanh(X + 7)


def test_the_slowest_record_of_every_plateau():
    steps = np.unique(np.round(np.logspace(1, 4, 61)).astype(int))
    loss = np.where(
        steps < 100,
        1.0,
        np.where(steps < 2000, 0.3, 0.01),
    )
    falling = loss * (1 - 1e-6 * steps)
    falling[(steps > 300) & (steps < 500)] = 0.3 * (1 - 1e-6 * 300)
    first, second, third = resting_records(steps, falling)
    assert steps[first] < 100
    assert 300 <= steps[second] < 500
    assert steps[third] >= 2000


def test_a_training_is_gradient_descent_from_the_published_start():
    """One unit from N(0, 1), written out; it rests at the best net of one unit."""
    config = critical_census.Config(
        train_seeds=2,
        train_steps=20_000,
    )
    run = train.function(
        config,
        0,
        lambda *_, **__: None,
        width=1,
    )
    assert run["end"] == pytest.approx(
        [0.109023, 0.109023],
        abs=1e-4,
    )
    last = np.flatnonzero(run["seed"] == 0)[-1]
    assert run["loss"][last] == pytest.approx(0.109, abs=1e-3)
    w, b, a = run["theta"][last]
    for _ in range(20_000):
        unit = np.tanh(w * X + b)
        error = 2 * (a * unit - Y) / len(X)
        slope = error * a * (1 - unit**2)
        w, b, a = (
            w - 0.004 * (slope @ X),
            b - 0.004 * slope.sum(),
            a - 0.004 * (error @ unit),
        )
    end = np.mean((a * np.tanh(w * X + b) - Y) ** 2)
    assert end == pytest.approx(
        run["end"][0],
        rel=1e-3,
    )


CLASSES = {
    "class": [0, 1, 2, 3],
    "width": [0, 1, 2, 2],
    "loss": [5.14533, 0.109023, 0.069792, 0.09909],
    "new": [True] * 4,
    "negative": [0] * 4,
    "decided": [True] * 4,
}


def judged(at, rests):
    """Three nets of width 2 that rest at these classes."""
    config = critical_census.Config(
        train_seeds=3,
        widths=(1, 2),
    )
    resting = {
        "width": [2] * 3,
        "seed": [0, 1, 2],
        "at": at,
        "rests": rests,
    }
    tables = {
        "classes": Table(
            columns={k: np.array(v) for k, v in CLASSES.items()},
        ),
        "rests": Table(
            columns={k: np.array(v) for k, v in resting.items()},
        ),
    }
    tables["visits"] = critical_census.derives["visits"](config, tables)
    claims = {
        name: judge.judge(config, tables)
        for judge in critical_census.judges
        if (name := judge.statement.id) in {"visited", "unmet-minima"}
    }
    return claims, tables["visits"]


def test_visits_are_counted_once_a_net():
    claims, visits = judged([1, 2, 1], [True, True, False])
    assert claims["visited"].passed is claims["unmet-minima"].passed is True
    of_width = visits.select(width=2)
    assert of_width["share"].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 0])
    assert "2 of 3 rests are at a class" in claims["visited"].note


def test_a_minimum_that_was_not_published_is_seen():
    claims, _ = judged([1, 3, 1], [True] * 3)
    assert claims["visited"].value == pytest.approx(2 / 3)
    assert claims["visited"].passed is claims["unmet-minima"].passed is False


def test_nets_that_rest_nowhere_are_not_judged():
    claims, _ = judged([1, 3, 1], [False] * 3)
    assert claims["visited"].passed is claims["unmet-minima"].passed is None


@pytest.mark.parametrize("wrong", [{"train_seeds": -1}, {"train_steps": 0}])
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        critical_census.Config.model_validate(wrong)

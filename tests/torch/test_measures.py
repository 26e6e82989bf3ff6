"""`Monitor` takes several measures at once; schedule, time, failures and resuming are
the same for all of them.
"""

import logging
import types

import numpy as np
import pytest
import torch
from torch import nn

import condensery
from condensery._errors import InvalidInputError
from condensery.torch import (
    Condensation,
    CondensationMonitor,
    JsonLines,
    KerasStyleCallback,
    Measure,
    Monitor,
)


class WeightNorm:
    """A second measure: the norm of every weight, and of all of them."""

    def check(self, model):
        if not list(model.parameters()):
            raise InvalidInputError(
                "model", given="no weights", allowed="weights", remedy="add a layer"
            )

    def measure(self, model):
        norms = {
            f"{name.removesuffix('.weight')}/norm": float(tensor.detach().norm())
            for name, tensor in model.named_parameters()
            if name.endswith(".weight")
        }
        squares = sum(norm**2 for norm in norms.values())
        return {**norms, "total_norm": squares**0.5}


class Failing:
    """Fails from its second measure until the given one."""

    def __init__(self, until):
        self.until, self.calls = until, 0

    def check(self, model):
        pass

    def measure(self, model):
        self.calls += 1
        if 1 < self.calls < self.until:
            raise RuntimeError("no eigenvalue")
        return {"calls": float(self.calls)}


def network():
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1))


def run(monitor, steps):
    for _ in range(steps):
        monitor.step()


def steps_of(monitor):
    return [step for step, _ in monitor.history]


def test_two_measures_stand_side_by_side():
    model = network()
    monitor = Monitor(model, Condensation(), WeightNorm(), every=4)
    run(monitor, 8)
    assert steps_of(monitor) == [0, 1, 2, 4, 8]
    values = monitor.measure()
    condensation, norms = Condensation().measure(model), WeightNorm().measure(model)
    assert values == pytest.approx(condensation | norms, nan_ok=True)
    assert len(values) == len(condensation) + len(norms)
    table = monitor.table()
    assert table.select(layer="0")["norm"] == pytest.approx(norms["0/norm"])
    whole_model = table.select(layer="")
    assert whole_model["total_norm"] == pytest.approx(norms["total_norm"])
    assert np.isnan(whole_model["effective_ratio"]).all()


def test_the_short_spelling_is_a_monitor_of_condensation():
    model = network()
    short = CondensationMonitor(model, every=7, threshold=0.9, layers=["0"])
    measure = Condensation(layers=("0",), threshold=0.9)
    assert isinstance(short, Monitor)
    assert short.measures == (measure,)
    assert short.history == Monitor(model, measure).history


def test_the_fake_measures_fulfil_the_contract():
    for measure in (Condensation(), WeightNorm(), Failing(3)):
        assert isinstance(measure, Measure)
    assert not isinstance(JsonLines("monitor.jsonl"), Measure)


def test_a_measure_that_fails_is_reported_and_the_training_goes_on(caplog):
    caplog.set_level(logging.WARNING, logger="condensery.torch")
    monitor = Monitor(network(), Failing(4), WeightNorm(), every=1)
    run(monitor, 4)
    assert "the measure Failing failed at step 1" in caplog.text
    assert "no eigenvalue" in caplog.text
    assert ["calls" in values for _, values in monitor.history] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert all("total_norm" in values for _, values in monitor.history)
    assert "given up" not in caplog.text


def test_a_measure_is_given_up_by_itself(caplog):
    caplog.set_level(logging.WARNING, logger="condensery.torch")
    failing = Failing(100)
    monitor = Monitor(network(), failing, WeightNorm(), every=1, patience=3)
    run(monitor, 10)
    assert failing.calls == 4
    assert "Failing has failed 3 times in a row and is given up" in caplog.text
    assert len(monitor.history) == 11
    alone = Monitor(network(), Failing(100), every=1, patience=2)
    run(alone, 10)
    assert "has no measure left and stops" in caplog.text
    assert steps_of(alone) == [0]


def test_a_sink_that_fails_keeps_nothing_from_the_others(tmp_path, caplog):
    class Full:
        def write(self, step, values):
            raise OSError("the disk is full")

        def close(self):
            pass

    path = tmp_path / "monitor.jsonl"
    sinks = [Full(), JsonLines(path)]
    run(Monitor(network(), WeightNorm(), sinks=sinks, every=1), 2)
    assert len(path.read_text().splitlines()) == 3
    assert "the disk is full" in caplog.text


def test_the_budget_is_shared(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(
        "condensery.torch._monitoring._monitor.time.monotonic", lambda: clock.now
    )

    class Slow:
        def __init__(self, name):
            self.name = name

        def check(self, model):
            pass

        def measure(self, model):
            clock.now += 0.5
            return {self.name: 1.0}

    def share(*names):
        clock.now = 0.0
        measures = [Slow(name) for name in names]
        monitor = Monitor(network(), *measures, every=1, budget=0.1)
        for _ in range(400):
            clock.now += 0.5
            monitor.step()
        return 0.5 * len(names) * len(monitor.history) / clock.now

    assert 0.08 < share("first") < 0.115
    assert 0.08 < share("first", "second") < 0.115


def test_a_resumed_training_begins_with_the_step_it_is_at():
    for stop in (1, 3, 4, 9, 10, 25):
        complete = Monitor(network(), WeightNorm(), every=10)
        run(complete, 40)
        first = Monitor(network(), WeightNorm(), every=10)
        run(first, stop)
        second = Monitor(network(), WeightNorm(), every=10, start=stop)
        assert steps_of(second) == [stop]
        run(second, 40 - stop)
        behind = [step for step in steps_of(complete) if step > stop]
        assert steps_of(second) == [stop, *behind]
        assert {*steps_of(first), *behind} == {*steps_of(complete)}


def test_callbacks_take_measures():
    callback = KerasStyleCallback(measures=[WeightNorm()], every=2, start=5)
    callback.set_model(network())
    for batch in range(4):
        callback.on_train_batch_end(batch)
    assert steps_of(callback.monitor) == [5, 6, 8]
    assert set(callback.monitor.history[0][1]) == {"0/norm", "2/norm", "total_norm"}


def test_a_record_shows_whatever_columns_there_are(tmp_path):
    sink = condensery.record("norms", runs=tmp_path)
    with Monitor(network(), WeightNorm(), sinks=[sink], every=5) as monitor:
        run(monitor, 10)
    opened = condensery.open(sink.run, runs=tmp_path)
    assert opened.status == "done"
    assert set(opened.tables["monitor"].columns) == {
        "step",
        "layer",
        "norm",
        "total_norm",
    }
    assert [path.name for path in opened.figures] == ["monitor.pdf", "monitor.png"]


def test_bad_input_is_refused_before_the_training():
    model = network()
    for measures, options, message in (
        ([], {}, "measures: given none"),
        ([Condensation], {}, "measures: given"),
        ([JsonLines("monitor.jsonl")], {}, "give sinks by sinks="),
        ([Condensation()], {"patience": 0}, "patience: given 0"),
        ([Condensation()], {"start": -1}, "start: given -1"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            Monitor(model, *measures, **options)
        assert message in str(caught.value)
    with pytest.raises(InvalidInputError, match="no weights"):
        Monitor(nn.ReLU(), WeightNorm())
    with pytest.raises(InvalidInputError, match="another measure gives"):
        Monitor(model, WeightNorm(), WeightNorm()).measure()

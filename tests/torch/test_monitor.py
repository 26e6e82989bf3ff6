"""The monitor sees what `inspect` sees, it changes nothing, and nothing that goes wrong
in it reaches the training.
"""

import logging
import shutil
import types

import numpy as np
import pytest
import torch
from torch import nn

import condensery
from condensery._errors import InvalidInputError
from condensery.cli import main
from condensery.torch import Condensation, CondensationMonitor, inspect
from condensery.torch._monitoring._monitor import _next


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(288, 16),
        nn.Tanh(),
        nn.Linear(16, 4),
    )


def train(steps, *, watched, precision=None, compiled=None):
    """A loop with dropout, momentum and shuffled batches; returns whatever could betray
    a change.
    """
    torch.manual_seed(3)
    model = convolutional()
    runs = torch.compile(model, backend=compiled) if compiled else model
    rule = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.randn(64, 1, 8, 8), torch.randint(4, (64,))
    monitor = CondensationMonitor(runs, every=3) if watched else None
    losses = []
    for _ in range(steps):
        chosen = torch.randperm(64)[:16]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is not None):
            loss = nn.functional.cross_entropy(runs(x[chosen]), y[chosen])
        rule.zero_grad()
        loss.backward()
        rule.step()
        if monitor is not None:
            with torch.autocast(
                "cpu", dtype=torch.bfloat16, enabled=precision is not None
            ):
                monitor.step()
        losses.append(loss.detach())
    state = [
        *losses,
        *model.state_dict().values(),
        *(one.grad for one in model.parameters()),
        torch.get_rng_state(),
        *(value for held in rule.state.values() for value in held.values()),
    ]
    return state, [one.training for one in model.modules()], monitor


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
def test_training_is_bit_for_bit_the_same_with_and_without(precision):
    numpy_state = np.random.get_state()[1].copy()
    state, modes, monitor = train(8, watched=True, precision=precision)
    assert [step for step, _ in monitor.history] == [0, 1, 2, 3, 6]
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    plain, plain_modes, _ = train(8, watched=False, precision=precision)
    assert len(state) == len(plain)
    assert all(
        torch.equal(mine, other) for mine, other in zip(state, plain, strict=True)
    )
    assert modes == plain_modes
    other, _, _ = train(9, watched=False, precision=precision)
    assert not torch.equal(state[10], other[11])  # the comparison can fail


COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
INDUCTOR = (
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="inductor needs a C++ compiler"),
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("precision", [None, torch.bfloat16])
@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=INDUCTOR)])
def test_a_compiled_model_is_watched_under_its_own_names(backend, precision):
    torch.compiler.reset()
    state, _, monitor = train(4, watched=True, compiled=backend, precision=precision)
    plain, _, _ = train(4, watched=False, compiled=backend, precision=precision)
    assert len(state) == len(plain)
    assert all(
        torch.equal(mine, other) for mine, other in zip(state, plain, strict=True)
    )
    assert {name.split("/")[0] for name in monitor.history[0][1]} == {"0", "5", "7"}


def test_it_sees_what_inspect_sees():
    model = convolutional()
    values, found = CondensationMonitor(model).measure(), inspect(model)
    assert len(values) == 4 * len(found)
    for row in found:
        assert values[f"{row.layer}/effective_ratio"] == row.effective_ratio
        assert values[f"{row.layer}/largest_cosine"] == row.largest_cosine
        assert values[f"{row.layer}/active_units"] == row.active


def test_the_steps_that_are_measured():
    steps, step = [0], 0
    while step < 500:
        step = _next(step, 100)
        steps.append(step)
    assert steps == [0, 1, 2, 4, 8, 16, 32, 64, 100, 200, 300, 400, 500]
    assert [_next(step, 1) for step in range(3)] == [1, 2, 3]
    monitor = CondensationMonitor(nn.Linear(2, 3), every=10)
    for step in (
        0,
        0,
        3,
        3,
        7,
        40,
    ):  # a loop that counts for itself, and not one by one
        monitor.at(step)
    assert [step for step, _ in monitor.history] == [0, 3, 7, 40]


def test_measuring_keeps_to_its_budget(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(
        "condensery.torch._monitoring._monitor.time.monotonic", lambda: clock.now
    )
    monitor = CondensationMonitor(nn.Linear(2, 3), every=1, budget=0.1)
    dear = Condensation.measure

    def measure(self, model):
        clock.now += 0.5
        return dear(self, model)

    monkeypatch.setattr(Condensation, "measure", measure)
    for _ in range(400):
        clock.now += 0.5
        monitor.step()
    spent = 0.5 * (len(monitor.history) - 1)
    assert 0.05 * clock.now < spent < 0.1 * clock.now + 1.5
    unlimited = CondensationMonitor(nn.Linear(2, 3), every=1, budget=None)
    for _ in range(20):
        unlimited.step()
    assert len(unlimited.history) == 21


class Broken:
    def write(self, step, values):
        raise OSError("the disk is full")

    def close(self):
        raise OSError("the disk is full")


def test_what_goes_wrong_is_logged_and_never_raised(caplog):
    caplog.set_level(logging.WARNING, logger="condensery.torch")
    monitor = CondensationMonitor(nn.Linear(2, 3), Broken(), every=1)
    for _ in range(10):
        monitor.step()
    monitor.close()
    assert "the disk is full" in caplog.text
    assert "failed 5 times in a row and stops" in caplog.text
    assert len(monitor.history) == 5
    caplog.clear()
    with CondensationMonitor(nn.Linear(2, 3), every=1) as monitor:
        monitor.model = None
        monitor.step()
    assert "failed at step 1" in caplog.text


def test_a_diverged_layer_is_nan():
    model = nn.Linear(2, 3)
    monitor = CondensationMonitor(model, every=1)
    with torch.no_grad():
        model.weight[0, 0] = float("inf")
    monitor.step()
    assert np.isnan(monitor.history[1][1]["Linear/effective_ratio"])


def test_layers_can_be_chosen_and_unknown_ones_are_refused():
    model = convolutional()
    assert {
        name.split("/")[0]
        for name in CondensationMonitor(model, layers=["5"]).measure()
    } == {"5"}
    for options, message in (
        ({"layers": ["6"]}, "layer: given 6; allowed: 0, 5, 7"),
        ({"every": 0}, "every: given 0"),
        ({"threshold": 2.0}, "threshold"),
        ({"active": -1.0}, "active"),
        ({"budget": 0.0}, "budget"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            CondensationMonitor(model, **options)
        assert message in str(caught.value)


@pytest.mark.slow
def test_a_recorded_run_is_a_run_like_others(tmp_path, capsys):
    sink = condensery.record("mine", runs=tmp_path)
    model = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1))
    with CondensationMonitor(model, sink, every=5) as monitor:
        for _ in range(10):
            monitor.step()
        assert condensery.open(sink.run, runs=tmp_path).status == "unfinished"
    opened = condensery.open(sink.run, runs=tmp_path)
    assert (opened.status, opened.claims) == ("done", [])
    assert opened.tables["monitor"].columns.keys() == monitor.table().columns.keys()
    assert opened.tables["monitor"]["step"].tolist() == [
        0,
        0,
        1,
        1,
        2,
        2,
        4,
        4,
        5,
        5,
        10,
        10,
    ]
    assert [path.name for path in opened.figures] == ["monitor.pdf", "monitor.png"]
    for words in (["runs"], ["show", "last"], ["report", "last"], ["cite", "last"]):
        assert main([*words, "--runs", str(tmp_path)]) == 0
    target = tmp_path / "tables"
    assert (
        main(
            [
                "export",
                "last",
                "--format",
                "csv",
                "--to",
                str(target),
                "--runs",
                str(tmp_path),
            ]
        )
        == 0
    )
    assert (target / "monitor.csv").read_text().startswith("step,layer,effective_ratio")
    capsys.readouterr()
    for words in (["run", "recorded"], ["resume", "last"]):
        assert main([*words, "--runs", str(tmp_path)]) == 2
        assert "condensery.record(name)" in capsys.readouterr().err
    assert main(["list", "--runs", str(tmp_path)]) == 0
    assert "recorded" not in capsys.readouterr().out


def test_a_recorder_without_values_writes_nothing(tmp_path):
    unused = condensery.record("other", runs=tmp_path)
    unused.close()
    with pytest.raises(InvalidInputError):
        condensery.open(unused.run, runs=tmp_path)
    with pytest.raises(InvalidInputError, match="name the training"):
        condensery.record(" ", runs=tmp_path)

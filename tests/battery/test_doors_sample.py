"""A fixed sample of the battery `doors`, and that the battery can fail."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from condensery import _doors, metrics, theory
from condensery._errors import InvalidInputError
from condensery._reference import load

HERE = Path(__file__).parent
FUNCTIONS = (
    "condensery.metrics.condensation",
    "condensery.metrics.relative_distance",
    "condensery.metrics.width_slope",
    "condensery.theory.phase_slope",
    "condensery.theory.coordinates",
    "condensery.theory.embedding",
    "condensery.data.from_arrays",
    "condensery.data.load",
    "condensery.workbench.duration",
    "condensery.store.open_store",
)
SAMPLE = (
    "None",
    "minus one",
    "a huge count",
    "a text",
    "a long text",
    "lines",
    "a ragged list",
    "an array of objects",
    "an array of seven axes",
)
WORDS = ("no text", "beyond 64 bits", "an escape", "deep brackets", "an endless device")


def doors(name: str):
    sys.path.insert(0, str(HERE))
    try:
        return load(f"{HERE / 'doors.py'}:{name}")
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture
def chosen():
    values = load(f"{HERE / 'bad_values.py'}:VALUES")
    return {title: values[title] for title in SAMPLE}


def test_there_are_forty_of_each():
    assert len(load(f"{HERE / 'bad_values.py'}:VALUES")) >= 40
    assert len(load(f"{HERE / 'bad_values.py'}:WORDS")) >= 40


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_the_sample(monkeypatch, tmp_path, chosen, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(HERE))
    tally = doors("called")(name, chosen)
    assert tally.failures == []
    assert tally.outcomes["refused"] > 0


@pytest.mark.parametrize("command", ["list", "show", "runs", "inspect"])
def test_commands_of_the_sample(monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(HERE))
    words = load(f"{HERE / 'bad_values.py'}:WORDS")
    tally = doors("typed")(command, {title: words[title] for title in WORDS})
    assert tally.failures == []
    assert tally.outcomes["refused"] > 0


def broken(weights: int) -> int:
    """A function that is at fault itself.

    Example:
        >>> broken(2)  # doctest: +SKIP
        2
    """
    raise ZeroDivisionError(f"whatever {weights} is")


def test_the_battery_can_fail(monkeypatch, chosen):
    module = ModuleType("condensery_of_a_test")
    module.broken = broken
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.syspath_prepend(str(HERE))
    tally = doors("called")(f"{module.__name__}.broken", chosen)
    assert len(tally.failures) == len(SAMPLE)
    assert "ZeroDivisionError" in tally.failures[0]


def test_an_error_of_our_own_stays_what_it_is():
    def faulty(width: int) -> float:
        return np.zeros(width)[width]

    behind = _doors.with_door(faulty, "condensery.metrics")
    with pytest.raises(IndexError):
        behind(3)


def test_what_a_user_raises_comes_through():
    def own() -> None:
        raise KeyError("mine")

    def call(function: object, width: int) -> None:
        function()

    with pytest.raises(KeyError, match="mine"):
        _doors.with_door(call, "condensery.metrics")(own, -1)


def test_a_refusal_names_argument_value_kind_and_cause():
    with pytest.raises(InvalidInputError) as caught:
        theory.phase_slope("initial", np.zeros(3))
    message = str(caught.value)
    assert message.startswith("gamma: given initial (str)")
    assert "see help(condensery.theory.phase_slope)" in message
    assert isinstance(caught.value.__cause__, Exception)


def test_a_door_keeps_signature_identity_and_pickle():
    # ruff: ignore[suspicious-pickle-import] - of a function of ours
    import pickle

    from condensery.metrics import _condensation

    assert _condensation.condensation is metrics.condensation
    stored = pickle.dumps(metrics.condensation)
    # ruff: ignore[suspicious-pickle-usage]
    assert pickle.loads(stored) is metrics.condensation
    assert next(iter(inspect.signature(metrics.condensation).parameters)) == "weights"

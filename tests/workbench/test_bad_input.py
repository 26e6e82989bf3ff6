from __future__ import annotations

from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.workbench._configure import as_override, changed, configure

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"

CASES = {
    "unknown preset": (
        {"preset": "papr"},
        "preset: given papr; did you mean paper?; allowed: quick, paper",
    ),
    "unknown override": (
        {"sedes": 3},
        "given sedes; did you mean seeds?; allowed: animated, broken, data, drawn, "
        "loud, mood, off, pause, seeds, values",
    ),
    "did you mean": ({"sedes": 3}, "did you mean seeds?"),
    "too small": (
        {"seeds": 0},
        "seeds: given 0; allowed: greater than or equal to 1; give for example "
        "seeds=2, as the preset has",
    ),
    "not a number": ({"seeds": "many"}, "seeds: given many; allowed: a whole number"),
    "in a list": (
        {"values": [1, "x"]},
        "values[1]: given x; allowed: a number; give for example values=1.0,2.0,3.0",
    ),
    "one for a list": ({"values": "x"}, "values[0]: given x"),
    "empty list": ({"values": []}, "values: given []; allowed: at least 1 value;"),
    "nan": ({"off": float("nan")}, "off: given nan; allowed: a finite number"),
    "inf in a list": (
        {"values": [1.0, float("inf")]},
        "values[1]: given inf; allowed: a finite number",
    ),
    "own validator": ({"mood": "sour"}, "mood: given sour; allowed: calm or open"),
    "several": ({"seeds": 0, "pause": -1}, "(and 1 more)"),
    "data": (
        {"data": "no/such/file"},
        "data: given no/such/file; allowed: a file that can be read",
    ),
    "runner": ({"runner": "rya"}, "runner: given rya; allowed: local"),
    "workers": ({"workers": 0}, "workers: given 0; allowed: a whole number >= 1"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_and_nothing_is_written(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    words, expected = CASES[case]
    with pytest.raises(InvalidInputError) as caught:
        workbench.run(TINY, **words)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["phase-diagarm", "nothing", "no/file.py:Name", "a:b", "file.py", ""]
)
def test_an_unknown_experiment_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match="given"):
        workbench.run(name)
    assert list(tmp_path.iterdir()) == []


def test_something_that_is_no_experiment_says_what_it_lacks(tmp_path):
    file = tmp_path / "half.py"
    file.write_text(
        "class Half:\n    name = 'half'\n    def tasks(self, config): return []\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidInputError, match=r"without title, .*claims, figures"):
        workbench.find(f"{file}:Half")


@pytest.mark.parametrize(
    "call",
    [
        workbench.resume,
        workbench.report,
        workbench.open,
        workbench.cite,
        workbench.show,
    ],
)
def test_an_unknown_run_is_refused_and_nothing_is_written(tmp_path, call):
    with pytest.raises(InvalidInputError, match="run: given beef"):
        call("beef", tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_literal_choices_come_with_a_suggestion(only_tiny):
    from typing import Literal

    from pydantic import BaseModel

    class Config(BaseModel):
        activation: Literal["relu", "tanh"] = "relu"

    entry = workbench.find(only_tiny)
    entry.experiment.Config = Config
    with pytest.raises(
        InvalidInputError,
        match=r"given rleu; did you mean relu\?; allowed: 'relu' or 'tanh'",
    ):
        configure(entry, "quick", {"activation": "rleu"})


def test_what_a_run_changed_is_what_has_to_be_set_again(only_tiny):
    entry = workbench.find(only_tiny)
    _, record = configure(
        entry, "paper", {"values": [1, 2.5], "mood": "calm", "seeds": 3, "off": -1}
    )
    assert changed(entry.experiment, record) == {"values": [1.0, 2.5], "off": -1.0}
    from condensery.cli._values import parse

    for value in (
        [1.0, 2.5],
        [1.0],
        [],
        "line",
        "1",
        "true",
        "a,b",
        "",
        " x",
        True,
        None,
        1e-6,
        ["a", "b"],
        {"k": [1]},
    ):
        assert parse(as_override(value)) == value

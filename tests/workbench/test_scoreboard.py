from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.experiments import BUILT_IN
from condensery.workbench import _bench, _registry

TINY = f"{Path(__file__).parents[1] / 'cli' / 'tiny_experiment.py'}:Tiny"


def test_what_was_never_run_is_on_the_scoreboard(tmp_path, only_tiny):
    scores = workbench.claims(tmp_path / "none")
    assert [(score.paper, score.id, score.passed, score.run) for score in scores] == [
        ("luo2021phase", "square", None, None),
        ("xu2025overview", "noise", None, None),
        ("xu2025overview", "mood", None, None),
    ]
    assert scores[0].note == "not run"


def test_the_latest_run_that_judged_a_statement_gives_its_numbers(
    tmp_path, runner, only_tiny
):
    first = workbench.run(
        only_tiny,
        runs=tmp_path,
        off=1.0,
    )
    second = workbench.run(only_tiny, "paper", tmp_path, mood="open")
    runner.interrupt_after = 1
    with pytest.raises(KeyboardInterrupt):
        workbench.run(only_tiny, runs=tmp_path, off=3.0)
    square, noise, mood = workbench.claims(tmp_path)
    assert (square.run, square.preset, square.passed) == (second.id, "paper", True)
    assert (square.runs_passed, square.runs_failed) == (1, 1)
    assert (noise.runs_passed, noise.runs_failed) == (2, 0)
    assert (mood.run, mood.passed, mood.runs_passed) == (
        first.id,
        True,
        1,
    )  # the second run left it open


def test_experiments_from_files_are_on_the_scoreboard_once_they_ran(
    tmp_path, runner, only_tiny
):
    workbench.run(TINY, runs=tmp_path)
    scores = workbench.claims(tmp_path)
    assert [score.experiment for score in scores if score.paper == "luo2021phase"] == [
        "tiny",
        TINY,
    ]


def test_the_list_tells_the_cost_of_unchanged_presets_only(tmp_path, runner, only_tiny):
    workbench.run(only_tiny, runs=tmp_path, off=0.5)
    (info,) = workbench.list_experiments(tmp_path)
    assert [preset.seconds for preset in info.presets] == [None, None]
    run = workbench.run(only_tiny, runs=tmp_path)
    (info,) = workbench.list_experiments(tmp_path)
    assert [preset.seconds for preset in info.presets] == [run.seconds, None]
    assert (info.name, info.statements, info.papers) == (
        "tiny",
        3,
        ("luo2021phase", "xu2025overview"),
    )
    assert "seeds" in info.parameters


def test_runs_are_listed_latest_first(tmp_path, runner):
    ids = [workbench.run(TINY, runs=tmp_path, off=float(off)).id for off in range(3)]
    assert [summary.run for summary in workbench.runs(tmp_path)] == ids[::-1]


def test_what_a_run_rests_on_is_cited(tmp_path, runner):
    workbench.run(TINY, runs=tmp_path)
    text = workbench.cite("last", tmp_path)
    assert [line for line in text.splitlines() if line.startswith("@")] == [
        "@article{luo2021phase,",
        "@article{xu2025overview,",
        "@misc{condensery,",
    ]
    assert text.count("{") == text.count("}")


def test_every_entry_of_the_references_is_whole():
    references = workbench.references()
    assert {
        "luo2021phase",
        "zhou2022three",
        "zhou2022initial",
        "chen2023phase",
        "zhou2023cnn",
        "xu2025overview",
    } < {*references}
    for key, entry in references.items():
        assert entry.count("{") == entry.count("}"), key
        fields = {
            line.split("=")[0].strip() for line in entry.splitlines() if "=" in line
        }
        assert {"title", "author", "year"} <= fields, key


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_paper_of_an_experiment_is_in_the_references(name):
    if find_spec(BUILT_IN[name].split(":")[0]) is None:
        pytest.skip("this experiment is not built yet")
    experiment = workbench.find(name).experiment
    cited = {
        *experiment.papers,
        *(statement.paper for statement in experiment.statements),
    }
    assert cited <= set(workbench.references())
    assert {"quick", "paper"} <= set(experiment.presets)
    for preset in experiment.presets.values():
        experiment.Config.model_validate(dict(preset))


def test_a_broken_experiment_of_another_package_is_left_out_with_a_warning(
    monkeypatch, caplog
):
    from importlib.metadata import EntryPoint

    points = [
        EntryPoint("broken", "no_such_package:Name", "condensery.experiments"),
        EntryPoint("outside", TINY, "condensery.experiments"),
        EntryPoint(
            "phase-diagram", "no_such_package:Impostor", "condensery.experiments"
        ),
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    references = _registry.registered()
    assert references["phase-diagram"] == BUILT_IN["phase-diagram"]
    monkeypatch.setattr(_registry, "BUILT_IN", {})
    points.pop()
    entries = list(_registry.every())
    assert "experiment broken is left out: module: given no_such_package" in caplog.text
    assert [entry.name for entry in entries] == ["outside"]


def measure(note):
    note("measuring")
    return {
        "title": "Sums",
        "columns": ["n", "ratio"],
        "rows": [[1, 2.5]],
        "notes": "of nothing",
    }


def test_a_bench_is_run_by_name(monkeypatch):
    monkeypatch.setattr(_bench, "benches", lambda: {"sums": "here"})
    monkeypatch.setattr(_bench, "load", lambda reference: measure)
    notes = []
    result = workbench.bench("sums", progress=notes.append)
    assert (result.name, result.title, result.rows, result.notes) == (
        "sums",
        "Sums",
        [[1, 2.5]],
        ["of nothing"],
    )
    assert notes == ["measuring"]
    with pytest.raises(
        InvalidInputError, match=r"bench: given sum; did you mean sums\?; allowed: sums"
    ):
        workbench.bench("sum")

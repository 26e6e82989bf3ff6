"""Old verdicts do not outlive the code that gave them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from condensery import workbench
from condensery.cli import main
from condensery.declare import (
    Declared,
    Measured,
    Settings,
    at_most,
    claim,
    rows,
    stack,
    task,
    within,
)
from condensery.experiments import BUILT_IN
from condensery.workbench import _judging, _registry
from condensery.workbench._judging import changes, claims_digest
from condensery.workbench._measures import measures_used

FILE = '''
from condensery.declare import (
    Declared, Measured, Settings, at_most, claim, rows, stack, task
)
import numpy as np


class Config(Settings):
    """Parameters of this."""

    size: int = 3
    """How many numbers."""


@task(Config)
def count(config, seed, advance):
    return {"x": np.arange(config.size)}


def numbers(config, results):
    return stack([rows({"x": results.only(count)["x"]})])


@claim(
    "largest",
    "Numbers end small.",
    at_most(LIMIT),
    kind="aim",
    paper="me",
    source="Fig. 1",
)
def largest(config, tables):
    return Measured(float(tables["numbers"]["x"].max()))


experiment = Declared(
    name="counted",
    title="Counted",
    summary="Counts.",
    papers=("me",),
    Config=Config,
    presets={"quick": {}, "paper": {}},
    work=lambda config: [count.work("count", 1.0)],
    makes={"numbers": numbers},
    judges=(largest,),
    draws=(),
)
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs the experiment as a module of another package; its limit can change."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(
        _registry, "registered", lambda: {"counted": "counted:experiment"}
    )

    def installed(limit: float, *, table: str = "numbers") -> None:
        text = FILE.replace("LIMIT", repr(limit))
        text = text.replace('tables["numbers"]', f"tables[{table!r}]")
        (tmp_path / "counted.py").write_text(text, encoding="utf-8")
        sys.modules.pop("counted", None)

    yield installed
    sys.modules.pop("counted", None)


def test_a_changed_tolerance_is_shown_by_report(install, tmp_path, runner, capsys):
    install(1.0)
    run = workbench.run("counted", runs=tmp_path / "runs")
    assert (run.status, run.claims[0].passed) == ("claim failed", False)
    before = workbench.verdicts_of(run)
    install(2.0)
    assert main(["report", run.id, "--runs", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "judged otherwise than stored: largest: failed (2, expected ≤ 1) "
        "-> passed (2, expected ≤ 2)"
    )
    now = workbench.open(run.id, tmp_path / "runs")
    assert (now.status, now.claims[0].passed) == ("done", True)
    after = workbench.verdicts_of(now)
    assert after["expectations"] != before["expectations"]
    assert after["statements"] == before["statements"]
    assert len(runner.ran) == 1, "nothing is computed again"


def test_a_finished_run_is_judged_again_by_run(install, tmp_path, runner):
    install(1.0)
    first = workbench.run("counted", runs=tmp_path / "runs")
    install(2.0)
    second = workbench.run("counted", runs=tmp_path / "runs")
    assert (first.id, first.status) == (second.id, "claim failed")
    assert second.status == "done"
    assert len(runner.ran) == 1


def test_what_the_installed_code_cannot_judge_is_shown_as_stored(
    install, tmp_path, runner, capsys
):
    install(5.0)
    run = workbench.run("counted", runs=tmp_path / "runs")
    install(5.0, table="others")
    stored = (run.folder / "claims.json").read_bytes()
    assert main(["report", run.id, "--runs", str(tmp_path / "runs")]) == 0
    text = capsys.readouterr().out
    assert "cannot be judged by counted as it is (KeyError" in text
    assert (run.folder / "claims.json").read_bytes() == stored
    assert main(["show", run.id, "--all", "--runs", str(tmp_path / "runs")]) == 0
    assert "✓ largest: 2" in capsys.readouterr().out


def test_a_file_is_executed_by_judge_alone(tmp_path, runner, capsys):
    path = tmp_path / "mine.py"
    path.write_text(FILE.replace("LIMIT", "1.0"), encoding="utf-8")
    run = workbench.run(f"{path}:experiment", runs=tmp_path / "runs")
    executed = tmp_path / "executed"
    text = FILE.replace("LIMIT", "2.0") + f"\nopen({str(executed)!r}, 'w').close()\n"
    path.write_text(text, encoding="utf-8")
    words = ["report", run.id, "--runs", str(tmp_path / "runs")]
    for reading in (["show"], ["cite"], ["export", "--format", "csv"], ["report"]):
        command = [reading[0], *words[1:], *reading[1:]]
        if reading[0] == "export":
            command += ["--to", str(tmp_path / "out")]
        assert main(command) == 0
        assert not executed.exists(), command
    text = capsys.readouterr().out
    assert f"only condensery report {run.id} --judge executes {path}" in (
        " ".join(text.split())
    )
    assert f"statements {workbench.verdicts_of(run)['statements']}" in text
    assert "✗ largest: 2  (expected ≤ 1)" in text
    assert main([*words, "--judge"]) == 2, "an edited file is not trusted yet"
    assert not executed.exists()
    assert f"{path} (digest " in capsys.readouterr().err
    assert main([*words, "--judge", "--trust"]) == 0
    assert executed.exists()
    assert "failed (2, expected ≤ 1) -> passed" in capsys.readouterr().out


def test_the_changes_are_data_too(install, tmp_path, runner, capsys):
    install(1.0)
    run = workbench.run("counted", runs=tmp_path / "runs")
    install(2.0)
    words = ["report", run.id, "--runs", str(tmp_path / "runs"), "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    (change,) = document["changes"]
    assert (change["id"], change["before"]["passed"], change["after"]["passed"]) == (
        "largest",
        False,
        True,
    )
    assert document["judged_again"] is True
    assert document["verdicts"]["measures"]


def test_claims_that_come_and_go_are_changes(install, tmp_path, runner):
    install(5.0)
    (stored,) = workbench.run("counted", runs=tmp_path / "runs").claims
    (gone,) = changes([stored], [])
    assert str(gone) == "largest: passed (2, expected ≤ 5) -> not claimed"
    (new,) = changes([], [stored])
    assert str(new) == "largest: not claimed -> passed (2, expected ≤ 5)"
    nan = stored.model_copy(update={"value": float("nan")})
    assert changes([nan], [nan]) == []


class Config(Settings):
    """Parameters of the declared experiment below."""

    size: int = 3
    """How many numbers."""


@task(Config)
def count(config, seed, advance):
    return {"x": [0.0] * config.size}


def declared(expected):
    @claim("zero", "All is zero.", expected, kind="aim", paper="me", source="Fig. 1")
    def zero(config, tables):
        return Measured(float(tables["numbers"]["x"].max()))

    return Declared(
        name="declared",
        title="Declared",
        summary="Zeros.",
        papers=("me",),
        Config=Config,
        presets={"quick": {}, "paper": {}},
        work=lambda config: [count.work("count", 1.0)],
        makes={"numbers": lambda config, results: stack([rows({}, x=0.0)])},
        judges=(zero,),
        draws=(),
    )


def test_the_digest_sees_an_expectation_and_a_statement():
    first = claims_digest(declared(within(0.0, 0.1)))
    assert claims_digest(declared(within(0.0, 0.1))) == first
    looser = claims_digest(declared(within(0.0, 0.2)))
    assert looser["expectations"] != first["expectations"]
    assert looser["statements"] == first["statements"]
    other_relation = claims_digest(declared(at_most(0.1)))
    assert other_relation["statements"] != first["statements"]


def test_the_digest_sees_the_source_and_not_its_comments(install, tmp_path):
    install(1.0)
    first = claims_digest(workbench.find("counted").experiment)
    path = tmp_path / "counted.py"
    text = path.read_text(encoding="utf-8")
    path.write_text(f"# A comment.\n\n\n{text}", encoding="utf-8")
    sys.modules.pop("counted")
    assert claims_digest(workbench.find("counted").experiment) == first
    path.write_text(text.replace(".max()", ".min()"), encoding="utf-8")
    sys.modules.pop("counted")
    changed = claims_digest(workbench.find("counted").experiment)
    assert changed["measures"] != first["measures"]


def test_the_digest_follows_names_to_the_modules_that_measure(tmp_path):
    file = tmp_path / "claims.py"
    file.write_text(
        "from condensery.metrics import condensation\n"
        "def late():\n"
        "    from condensery.theory import embed\n",
        encoding="utf-8",
    )
    modules = measures_used([file])
    expected = {
        "condensery.metrics._condensation",
        "condensery.metrics._cover",
        "condensery.theory._embedding",
    }
    assert expected <= set(modules)
    assert "condensery.metrics._slopes" not in modules
    assert all(path.is_file() for path in modules.values())
    file.write_text("import numpy\n", encoding="utf-8")
    assert measures_used([file]) == {}


def test_the_digest_sees_a_measure_of_the_library(tmp_path, monkeypatch):
    first = claims_digest(workbench.find("demo-a").experiment)
    changed = tmp_path / "changed.py"
    changed.write_text("threshold = 0.5\n", encoding="utf-8")
    other = {"condensery.metrics._condensation": changed}
    monkeypatch.setattr(_judging, "measures_used", lambda files: other)
    second = claims_digest(workbench.find("demo-a").experiment)
    assert second["library"] != first["library"]
    assert second["measures"] == first["measures"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_digest_covers_the_whole_home_of_an_experiment(name):
    from condensery.workbench._judging import source_files

    experiment = workbench.find(name).experiment
    files = {path.name for _, path in source_files(experiment)}
    module = sys.modules[experiment.Config.__module__]
    home = Path(str(module.__file__))
    assert home.name in files
    if home.parent.name != "experiments":
        assert {path.name for path in home.parent.glob("*.py")} <= files

"""A folder brings no code: what reads a run executes nothing that its ledger names."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.cli import main
from condensery.workbench import _described
from condensery.workbench._trust import settings_folder

EVIL = "open({mark!r}, 'w').close()\nclass Many: pass\nclass Tiny: pass\n"


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    folder = tmp_path / "settings"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


@pytest.fixture
def home(tmp_path, runner):
    """The folder of an experiment of a user's own."""
    source = Path(__file__).parents[1] / "cli" / "tiny_experiment.py"
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copyfile(source, folder / "tiny.py")
    return folder


@pytest.fixture
def run(tmp_path, home):
    return workbench.run(
        f"{home / 'tiny.py'}:Tiny",
        runs=tmp_path / "runs",
        drawn=False,
        values=[2.0],
    )


def rename_experiment(run, reference):
    """Let the ledger and the folder name another file, as a forger can."""
    config = run.config.model_copy(update={"experiment": reference})
    assert config.run_id == run.id, "the path is no part of the id"
    text = config.model_dump_json()
    with sqlite3.connect(run.root / "ledger.sqlite") as database:
        database.execute(
            "UPDATE runs SET config = ?, experiment = ?", [text, reference]
        )
        database.execute("DELETE FROM files WHERE name = 'config.json'")
    database.close()
    (run.folder / "config.json").write_text(text, encoding="utf-8")


READING = {
    "cite": ["cite", "last"],
    "show": ["show", "last"],
    "show json": ["show", "last", "--json"],
    "export": ["export", "last", "--format", "csv", "--to", "out"],
    "report": ["report", "last"],
    "runs": ["runs"],
    "claims": ["claims"],
    "list": ["list"],
}
EXECUTING = {
    "resume": ["resume", "last"],
    "resume trusted": ["resume", "last", "--trust"],
    "judge": ["report", "last", "--judge"],
    "judge trusted": ["report", "last", "--judge", "--trust"],
}


@pytest.mark.parametrize("described", [True, False], ids=["now", "early format"])
@pytest.mark.parametrize("command", [*READING, *EXECUTING])
@pytest.mark.parametrize("place", ["runs/evil.py", "{root}/evil.py"])
def test_an_evil_file_in_the_folder_is_not_executed(
    run, tmp_path, monkeypatch, capsys, command, described, place
):
    monkeypatch.chdir(tmp_path)
    mark = tmp_path / "executed"
    text = EVIL.format(mark=str(mark))
    (run.root / "evil.py").write_text(text, encoding="utf-8")
    rename_experiment(run, f"{place.format(root=run.root)}:Tiny")
    if not described:
        (run.folder / _described.FILE).unlink()
        with sqlite3.connect(run.root / "ledger.sqlite") as database:
            database.execute("DELETE FROM files")
        database.close()
    words = {
        **READING,
        **EXECUTING,
    }[command]
    status = main([*words, "--runs", str(run.root)])
    assert not mark.exists()
    assert status == (0 if command in READING else 2)
    error = capsys.readouterr().err
    if command in EXECUTING:
        (line,) = error.splitlines()
        assert "inside the runs folder" in line or "a relative path" in line


def test_papers_and_figures_are_those_that_the_run_has_stored(run, home, capsys):
    (home / "tiny.py").unlink()
    assert main(["cite", run.id, "--runs", str(run.root)]) == 0
    text = capsys.readouterr().out
    assert "@article{luo2021phase," in text
    stored = json.loads((run.folder / _described.FILE).read_bytes())
    assert stored["papers"] == ["luo2021phase", "xu2025overview"]
    ids = [statement["id"] for statement in stored["statements"]]
    assert ids == ["square", "noise", "mood"]
    assert workbench.open(run.id, run.root).figure_specs() == []


def test_a_file_is_trusted_once_by_its_digest(run, home, tmp_path, settings, capsys):
    words = ["resume", run.id, "--runs", str(run.root)]
    assert main(words) == 0, "the user has named the file to run it"
    (settings / "condensery" / "trusted.json").unlink()
    capsys.readouterr()
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--trust" in line
    assert "not executed here before" in line
    assert main([*words, "--trust"]) == 0
    assert main(words) == 0
    path = home / "tiny.py"
    marked = path.read_text("utf-8") + EVIL.format(mark=str(tmp_path / "executed"))
    path.write_text(marked, encoding="utf-8")
    capsys.readouterr()
    assert main([*words, "--trust"]) == 2, "another file than the run began with"
    (line,) = capsys.readouterr().err.splitlines()
    assert "the file that the run began with" in line
    assert main(["report", *words[1:], "--judge"]) == 2
    assert not (tmp_path / "executed").exists()


def test_nothing_below_the_runs_folder_says_whom_to_trust(run, home, monkeypatch):
    """A folder that brings its own list of trusted files trusts nobody."""
    inside = run.root / "settings"
    settings_folder().rename(inside)
    (inside / "condensery").mkdir()
    (inside / "trusted.json").rename(inside / "condensery" / "trusted.json")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(inside))
    with pytest.raises(InvalidInputError, match="not executed here before"):
        workbench.resume(run.id, run.root)


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000, '{"a": []}'])
def test_a_list_of_another_form_trusts_nobody(run, settings, content):
    (settings / "condensery" / "trusted.json").write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInputError, match="not executed here before"):
        workbench.resume(run.id, run.root)


def test_a_stored_figure_names_no_code(run, home, tmp_path):
    (tmp_path / "evil.py").write_text(
        EVIL.format(mark=str(tmp_path / "executed")), encoding="utf-8"
    )
    description = workbench.open(run.id, run.root).figure_specs()
    assert description == []
    stored = json.loads((run.folder / _described.FILE).read_bytes())
    stored["figures"] = [
        {
            "name": "a",
            "plot": f"{tmp_path / 'evil.py'}:Tiny",
            "caption": "c",
        }
    ]
    with sqlite3.connect(run.root / "ledger.sqlite") as database:
        database.execute("DELETE FROM files")
    database.close()
    text = json.dumps(stored)
    (run.folder / _described.FILE).write_text(text, encoding="utf-8")
    opened = workbench.open(run.id, run.root)
    assert [spec.name for spec in opened.figure_specs()] == ["a"]
    with pytest.raises(AttributeError):
        opened.figure("a")
    assert not (tmp_path / "executed").exists()


def test_escapes_in_stored_text_are_shown(run, capsys):
    with sqlite3.connect(run.root / "ledger.sqlite") as database:
        database.execute("UPDATE runs SET created = ?", ["\x1b]0;owned\x07\x9b2J"])
    database.close()
    assert main(["runs", "--runs", str(run.root)]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\\x1b]0;" in text
    assert main(["runs", "--runs", str(run.root), "--json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["runs"][0]["created"] == "\x1b]0;owned\x07\x9b2J"
    assert "\x1b" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize("name", ["report.html", "claims.json", "experiment.json"])
def test_the_same_run_makes_a_damaged_file_again(run, name, capsys):
    path = run.folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-9] + b"something")
    assert main(["resume", run.id, "--runs", str(run.root)]) == 0
    if name != "report.html":  # that has the time of the verdicts
        assert path.read_bytes() == content
    assert b"something" not in path.read_bytes()[-9:]

"""Runs of earlier formats open; what cannot be used is named, and newer is refused."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError
from condensery.cli import main
from condensery.records import FORMAT, UNKNOWN, RunConfig, Status
from condensery.store import open_store
from condensery.workbench import _registry

SAMPLE = Path(__file__).with_name("runs_of_format_1.tar.xz")
"""Three runs of version 0.1.0 before formats had numbers, made by that code.

`critical-census` (32 starts, widths 1 and 2), finished, without its report; the same in
two blocks, interrupted after two of four tasks; `demo-a` (width 20, 30 steps, one
seed), finished, without its figures. What is missing was left out for its size.
"""
CENSUS, CUT, DEMO = "f341c04e273f552d", "ca9589e04d7262e3", "25c91fc74cf517cb"


@pytest.fixture
def old(tmp_path) -> Path:
    with tarfile.open(SAMPLE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "runs"


def contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


def test_the_numbers_of_a_status_are_stored():
    """A number is appended for a new status; none is ever given another meaning."""
    assert [(status.name, int(status)) for status in Status] == [
        ("RUNNING", 0),
        ("CONVERGED", 1),
        ("OUT_OF_STEPS", 2),
        ("OUT_OF_TIME", 3),
        ("DIVERGED", 4),
        ("AT_REST", 5),
    ]


def test_the_ids_of_old_runs_are_those_of_now(old):
    for run in (CENSUS, CUT, DEMO):
        config = workbench.open(run, old).config
        assert (config.run_id, config.format) == (run, 1)


def test_a_new_run_carries_its_format(tmp_path, runner, only_tiny):
    run = workbench.run(only_tiny, runs=tmp_path)
    text = (run.folder / "config.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    assert stored["format"] == FORMAT
    first = RunConfig.model_validate(stored | {"format": 1})
    assert first.run_id == run.id


def test_old_runs_are_listed_and_shown(old, capsys):
    assert [summary.status for summary in workbench.runs(old)] == [
        "interrupted",
        "done",
        "done",
    ]
    for run in (CENSUS, CUT, DEMO):
        assert main(["show", run, "--runs", str(old)]) == 0
    text = capsys.readouterr().out
    assert "table classes: " in text
    assert "no digest recorded" in text
    assert main(["runs", "--runs", str(old)]) == 0
    assert main(["claims", "--runs", str(old)]) == 0
    assert main(["cite", CENSUS, "--runs", str(old)]) == 0


def test_claims_that_were_stored_without_a_kind_say_so(old, capsys):
    claims = workbench.open(CENSUS, old).claims
    assert claims
    assert {claim.kind for claim in claims} == {UNKNOWN}
    assert main(["show", CENSUS, "--all", "--runs", str(old)]) == 0
    assert "[unknown; zhang2021embedding, " in capsys.readouterr().out


def test_reading_old_runs_writes_nothing(old):
    before = contents(old)
    for run in workbench.runs(old):
        workbench.show(run.run, old)
    workbench.claims(old)
    assert contents(old) == before


@pytest.mark.parametrize("run", [CENSUS, DEMO])
def test_old_runs_are_reported_and_exported(run, old, tmp_path, capsys):
    assert main(["report", run, "--runs", str(old)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == str(old / run / "report.html")
    assert (old / run / "report.html").is_file()
    made = workbench.export(run, old, format="csv", to=tmp_path / "out")
    assert (made / "claims.json").is_file()
    assert list(made.glob("*.csv"))


@pytest.mark.slow
def test_reporting_brings_a_run_to_the_verdicts_of_now(old):
    reported = workbench.report(CENSUS, old)
    assert reported.not_judged == ""
    verdicts = workbench.verdicts_of(reported.run)
    digests = {"statements", "expectations", "library", "measures"}
    assert set(verdicts) == {"judged", *digests}
    again = workbench.report(CENSUS, old)
    assert again.changes == []
    assert workbench.verdicts_of(again.run) == verdicts


@pytest.mark.slow
def test_an_interrupted_old_run_says_what_it_does_not_use(old, runner, caplog):
    # Stand-ins for shards of a function that has moved since: other hashes.
    folder = old / CUT / "shards"
    with open_store(old) as store:
        rows = {row.task for row in store.shard_rows(CUT)}
    experiment = workbench.find("critical-census").experiment
    config = workbench.open(CUT, old).config
    tasks = experiment.tasks(experiment.Config.model_validate(config.parameters))
    still_used = rows & {task.hash for task in tasks}
    workbench.resume(CUT, old)
    assert len(runner.ran) == len(tasks) - len(still_used)
    if still_used == rows:
        assert "earlier shard" not in caplog.text
    else:
        assert f"run {CUT}: 2 earlier shards under other hashes, not used" in (
            caplog.text
        )
        assert tasks[0].function in caplog.text
    assert rows <= {path.stem for path in folder.glob("*")}, "none is removed"


def test_moved_tasks_are_named_in_one_line(tmp_path, runner, only_tiny, caplog):
    run = workbench.run(only_tiny, runs=tmp_path)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("UPDATE shards SET task = replace(task, 'a', 'b')")
        database.execute("UPDATE shards SET task = replace(task, '0', '1')")
    database.close()
    caplog.clear()
    workbench.resume(run.id, tmp_path)
    (line,) = [
        record.getMessage()
        for record in caplog.records
        if "not used" in record.getMessage()
    ]
    assert "a task's hash holds its function's module" in line
    assert "\n" not in line


def test_a_risen_task_version_is_named(tmp_path, runner, only_tiny, caplog):
    first = workbench.run(only_tiny, runs=tmp_path)
    assert caplog.text == ""
    tiny = type(workbench.find(only_tiny).experiment)
    reference = f"{tiny.__module__}:{tiny.__qualname__}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "task_version", "2")
        patch.setattr(_registry, "registered", lambda: {"tiny": reference})
        second = workbench.run(only_tiny, runs=tmp_path)
    assert second.id != first.id
    assert "task version 1" in caplog.text
    assert f"condensery show {first.id} still shows it" in caplog.text


def test_other_data_are_named(tmp_path, runner, only_tiny, caplog):
    data = tmp_path / "data.txt"
    for content in ("a", "b"):
        data.write_text(content, encoding="utf-8")
        workbench.run(only_tiny, runs=tmp_path / "runs", data=str(data))
    assert caplog.text.count("uses no shard of an earlier run") == 1
    assert "other data" in caplog.text


def made_newer(old: Path) -> dict:
    """Give the census a newer format; returns its configuration as it was."""
    path = old / CENSUS / "config.json"
    text = path.read_text(encoding="utf-8")
    config = json.loads(text)
    newer = config | {"format": FORMAT + 1, "unheard_of": True}
    text = json.dumps(newer)
    path.write_text(text, encoding="utf-8")
    return config


@pytest.mark.parametrize("lost", [False, True], ids=["ledger", "ledger lost"])
def test_a_folder_of_a_newer_format_is_refused_in_one_line(old, lost, capsys):
    config = made_newer(old)
    if lost:
        (old / "ledger.sqlite").unlink()
        with (
            open_store(old, write=True) as store,
            pytest.raises(InvalidInputError, match=f"of format {FORMAT + 1}"),
        ):
            store.create_run(RunConfig.model_validate(config), [])
        return
    for words in (
        ["show", CENSUS],
        ["report", CENSUS],
        ["resume", CENSUS],
        ["export", CENSUS, "--format", "csv", "--to", str(old / "out")],
    ):
        assert main([*words, "--runs", str(old)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"of format {FORMAT + 1}; allowed: formats up to {FORMAT}" in line
    assert not (old / "out").exists()


@pytest.mark.parametrize("words", [["list"], ["claims"], ["runs"]])
def test_a_newer_run_hides_no_other_run(old, words, capsys, caplog):
    command = [*words, "--runs", str(old), "--json"]
    assert main(command) == 0
    before = json.loads(capsys.readouterr().out)
    made_newer(old)
    assert main(command) == 0
    after = json.loads(capsys.readouterr().out)
    if words == ["runs"]:
        assert after == before
        return
    (line,) = caplog.messages
    assert line == f"left out, of a newer format: {CENSUS}; upgrade condensery"
    if words == ["claims"]:
        assert after != before
        scores = after["claims"]
        runs = {score["run"] for score in scores}
        assert runs == {None, DEMO}

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import pytest

from condensery import workbench
from condensery._errors import InvalidInputError, TaskFailedError
from condensery.store import open_store

TINY_FILE = Path(__file__).parents[1] / "cli" / "tiny_experiment.py"
TINY = f"{TINY_FILE}:Tiny"


def bits(run: workbench.Run) -> dict[str, bytes]:
    """What must not depend on how a run was carried out: shards, tables and claims."""
    paths = [
        *run.folder.glob("shards/*.safetensors"),
        *run.folder.glob("tables/*"),
        run.folder / "claims.json",
    ]
    return {path.name: path.read_bytes() for path in paths}


def test_a_run_ends_with_tables_claims_figures_and_a_report(tmp_path, runner):
    run = workbench.run(TINY, runs=tmp_path / "runs", animated=True)
    assert run.status == "done"
    threes = run.tables["squares"].select(kappa=3.0)
    assert threes["square"].tolist() == [9.0, 9.0]
    assert [claim.id for claim in run.claims] == [
        "square",
        "noise",
        "mood",
    ]  # the statements' order
    assert [path.name for path in run.figures] == [
        "squares.gif",
        "squares.pdf",
        "squares.png",
    ]
    assert run.figures[2].read_bytes().startswith(b"\x89PNG")
    assert run.report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run.summary.tasks == run.summary.finished == 6
    assert run.config.parameters["seeds"] == 2


def test_a_finished_run_is_reopened_without_computing_or_writing(tmp_path, runner):
    first = workbench.run(TINY, runs=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    runner.ran.clear()
    with open_store(tmp_path, write=True) as store:
        store.hold(first.id)  # another writer does not stand in the way
        again = workbench.run(TINY, runs=tmp_path)
    assert runner.ran == []
    assert again.id == first.id
    assert again.seconds == first.seconds
    del before[first.folder / ".writer.lock"]
    del before[tmp_path / ".writer.lock"]
    assert all(
        path.stat().st_mtime_ns == then
        for path, then in before.items()
        if path.is_file()
    )


def test_the_id_depends_on_every_parameter_and_on_nothing_else(
    tmp_path, runner, monkeypatch
):
    default = workbench.run(TINY, runs=tmp_path / "a")

    def id_of(folder, **options):
        return workbench.run(TINY, runs=folder, **options).id

    elsewhere = tmp_path / "b"
    assert id_of(elsewhere, workers=3, seeds=2) == default.id
    assert id_of(elsewhere, values=2.0) == id_of(tmp_path, values=[2])
    assert id_of(elsewhere, off=1e-12) != default.id
    monkeypatch.chdir(TINY_FILE.parent)
    assert (
        workbench.run("tiny_experiment.py:Tiny", runs=tmp_path / "b").id == default.id
    )


def test_the_order_of_completion_changes_no_bit(tmp_path, runner):
    forward = workbench.run(TINY, runs=tmp_path / "a")
    runner.reverse = True
    backward = workbench.run(TINY, runs=tmp_path / "b")
    assert bits(backward) == bits(forward)


def test_an_interrupted_run_resumes_to_the_same_bits(tmp_path, runner):
    uninterrupted = workbench.run(TINY, runs=tmp_path / "whole")
    runner.interrupt_after = 2
    with pytest.raises(
        workbench.RunInterrupted, match=f"condensery resume {uninterrupted.id} --runs"
    ) as caught:
        workbench.run(TINY, runs=tmp_path / "cut")
    assert isinstance(caught.value, KeyboardInterrupt)
    cut = workbench.open("last", tmp_path / "cut")
    assert cut.status == "interrupted"
    assert cut.summary.finished == 2
    assert cut.report is None
    assert not cut.tables
    runner.interrupt_after = None
    runner.ran.clear()
    resumed = workbench.resume(cut.id[:6], tmp_path / "cut")
    assert len(runner.ran) == 4  # the two that had finished are not computed again
    assert resumed.status == "done"
    assert bits(resumed) == bits(uninterrupted)


def test_running_the_same_again_goes_on_where_it_stopped(tmp_path, runner):
    runner.interrupt_after = 2
    with pytest.raises(workbench.RunInterrupted):
        workbench.run(TINY, runs=tmp_path)
    runner.interrupt_after = None
    assert workbench.run(TINY, runs=tmp_path).status == "done"
    assert len(runner.ran) == 6


def test_an_interrupt_while_tables_are_made_is_one_too(tmp_path, runner, monkeypatch):
    monkeypatch.setattr(workbench._finish, "judge_claims", interrupt)
    with pytest.raises(workbench.RunInterrupted):
        workbench.run(TINY, runs=tmp_path)
    monkeypatch.undo()
    assert workbench.open("last", tmp_path).status == "interrupted"


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_failing_task_lets_the_others_finish(tmp_path, runner):
    runner.fail = {1, 3}
    with pytest.raises(TaskFailedError) as caught:
        workbench.run(TINY, runs=tmp_path)
    message = str(caught.value)
    assert caught.value.exit_status == 3
    assert "2 of 6 tasks" in message
    assert "told to fail at 1" in message
    assert "condensery resume" in message
    assert "the traceback" not in message
    run = workbench.open("last", tmp_path)
    assert (run.status, run.summary.finished) == ("task failed", 4)
    errors = (run.folder / "failures.txt").read_text(encoding="utf-8")
    assert errors.count("the traceback") == 2
    runner.fail = set()
    runner.ran.clear()
    assert workbench.resume("last", tmp_path).status == "done"
    assert len(runner.ran) == 2


def test_a_failed_claim_is_a_status(tmp_path, runner):
    run = workbench.run(TINY, runs=tmp_path, off=1.0)
    assert run.status == "claim failed"
    assert [claim.passed for claim in run.claims] == [False, True, True]


def test_a_statement_that_was_not_judged_is_an_open_claim(tmp_path, runner):
    run = workbench.run(TINY, runs=tmp_path, mood="open")
    mood = run.claims[-1]
    assert (mood.id, mood.passed, mood.value) == ("mood", None, None)
    assert "not judged" in mood.note
    assert run.status == "done"


def test_a_measured_nan_fails_its_claim_and_is_kept(tmp_path, runner):
    run = workbench.run(TINY, runs=tmp_path, values=[1.0])
    assert run.claims[0].value != run.claims[0].value
    assert run.status == "claim failed"


def test_an_error_in_the_experiments_tables_is_a_failed_run(
    tmp_path, runner, monkeypatch
):
    monkeypatch.setattr(workbench._finish, "judge_claims", lambda *_: 1 / 0)
    with pytest.raises(TaskFailedError, match="ZeroDivisionError"):
        workbench.run(TINY, runs=tmp_path)
    monkeypatch.undo()
    opened = workbench.open("last", tmp_path)
    assert opened.status == "task failed"
    assert "Traceback" in (opened.folder / "failures.txt").read_text(encoding="utf-8")
    runner.ran.clear()
    assert workbench.resume("last", tmp_path).status == "done"
    assert runner.ran == []


@pytest.mark.parametrize("damage", ["altered", "torn", "missing"])
def test_a_damaged_shard_is_computed_again_and_no_other(
    tmp_path, runner, caplog, damage
):
    run = workbench.run(TINY, runs=tmp_path)
    uninterrupted = bits(run)
    shard = sorted(run.folder.glob("shards/*.safetensors"))[0]
    content = shard.read_bytes()
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(
            content[:-9]
            if damage == "torn"
            else content[:-1] + bytes([content[-1] ^ 1])
        )
    runner.ran.clear()
    with caplog.at_level(logging.WARNING):
        again = workbench.run(TINY, runs=tmp_path)
    assert [task.hash for task in runner.ran] == [shard.stem]
    assert shard.stem in caplog.text
    assert bits(again) == uninterrupted


TIMELESS = re.compile(
    rb"20\d\d-\d\d-\d\dT[\d:+]+"
)  # the report says when it was written


@pytest.mark.parametrize(
    "file",
    ["tables/squares.safetensors", "claims.json", "report.html", "figures/squares.pdf"],
)
def test_a_damaged_or_missing_result_is_made_again_from_the_shards(
    tmp_path, runner, file
):
    run = workbench.run(TINY, runs=tmp_path)
    path = run.folder / file
    uninterrupted = bits(run)
    made = TIMELESS.sub(b"", path.read_bytes())
    if file.endswith((".html", ".pdf")):
        path.unlink()
    else:
        path.write_bytes(b"{")
    runner.ran.clear()
    again = workbench.run(TINY, runs=tmp_path)
    assert runner.ran == []
    assert bits(again) == uninterrupted
    assert TIMELESS.sub(b"", path.read_bytes()) == made


def test_changed_code_never_meets_old_shards(tmp_path, runner):
    file = tmp_path / "mine.py"
    shutil.copyfile(TINY_FILE, file)
    runner.interrupt_after = 1
    with pytest.raises(workbench.RunInterrupted):
        workbench.run(f"{file}:Tiny", runs=tmp_path / "runs")
    file.write_text(
        file.read_text(encoding="utf-8").replace("** 2", "** 2.0"), encoding="utf-8"
    )
    runner.interrupt_after = None
    with pytest.raises(InvalidInputError, match=r"digest .* then, .* now"):
        workbench.resume("last", tmp_path / "runs")
    before = workbench.open("last", tmp_path / "runs").id
    runner.ran.clear()
    assert workbench.run(f"{file}:Tiny", runs=tmp_path / "runs").id != before
    assert len(runner.ran) == 6


def test_changed_data_never_meet_old_shards(tmp_path, runner):
    data = tmp_path / "data.txt"
    data.write_text("1", encoding="utf-8")
    runner.interrupt_after = 1
    with pytest.raises(workbench.RunInterrupted):
        workbench.run(TINY, runs=tmp_path / "runs", data=str(data))
    data.write_text("2", encoding="utf-8")
    runner.interrupt_after = None
    with pytest.raises(InvalidInputError, match="data of run"):
        workbench.resume("last", tmp_path / "runs")


def test_progress_tells_stages_and_a_growing_fraction(tmp_path, runner):
    seen: list[workbench.Progress] = []
    workbench.run(TINY, runs=tmp_path, progress=seen.append)
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["tasks", "tables", "claims", "figures", "report", "done"]
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert any(
        0.0 < progress.fraction < 1 / 6 for progress in seen
    )  # a task's own report counts in part

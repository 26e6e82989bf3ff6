"""Real processes, real workers, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import time
from pathlib import Path

import pytest

KEYS = [
    "run",
    "status",
    "seconds",
    "claims",
    "counts",
    "needs",
    "report",
    "figures",
]
CLAIM = [
    "id",
    "kind",
    "paper",
    "statement",
    "value",
    "relation",
    "expected",
    "tolerance",
    "source",
    "note",
    "passed",
]
SLOW = (
    "--set",
    "pause=0.4",
    "--set",
    "drawn=false",
)  # six tasks: 1.2 s of work for two workers


def bits(runs: Path) -> dict[str, bytes]:
    """What must not depend on how the one run in a folder was carried out."""
    (folder,) = (path for path in runs.iterdir() if path.is_dir())
    paths = [
        *folder.glob("shards/*.safetensors"),
        *folder.glob("tables/*"),
        folder / "claims.json",
    ]
    return {path.name: path.read_bytes() for path in paths}


def wait_for_shards(runs: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until a run in the middle has stored some shards and misses others."""
    end = time.monotonic() + 60
    while len(list(runs.glob("*/shards/*.safetensors"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no shard in a minute"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, condensery, tiny) -> Path:
    runs = tmp_path_factory.mktemp("whole")
    status, _, err = condensery("run", tiny, "--runs", runs, "--workers", 2, *SLOW)
    assert status == 0, err
    return runs


def test_run_json_is_one_document_with_exactly_the_promised_keys(
    tmp_path, condensery, tiny
):
    status, out, err = condensery(
        "run", tiny, "--runs", tmp_path, "--json", log=tmp_path / "log"
    )
    assert status == 0, err
    document = json.loads(out)
    assert list(document) == KEYS
    assert [list(claim) for claim in document["claims"]] == [CLAIM] * 3
    assert document["status"] == "done"
    assert Path(document["report"]).is_file()
    assert [Path(figure).is_file() for figure in document["figures"]] == [True, True]
    assert f"run {document['run']}: tasks" in err  # progress goes to stderr
    again = condensery("run", tiny, "--runs", tmp_path, "--json", log=tmp_path / "log")
    assert (again[0], json.loads(again[1])) == (0, document)
    assert (
        len((tmp_path / "log").read_text(encoding="utf-8").splitlines()) == 6
    )  # no task ran twice


def test_any_number_of_workers_gives_the_same_bits(tmp_path, condensery, tiny):
    for workers in (1, 3):
        words = (
            "run",
            tiny,
            "--runs",
            tmp_path / str(workers),
            "--workers",
            workers,
            "--set",
            "drawn=false",
        )
        assert condensery(*words)[0] == 0
    assert bits(tmp_path / "1") == bits(tmp_path / "3")


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_resumes_to_the_same_bits(
    tmp_path, condensery, start, tiny, uninterrupted
):
    runs, log = tmp_path / "runs", tmp_path / "log"
    process = start(
        "run", tiny, "--runs", runs, "--workers", 2, *SLOW, "--json", log=log
    )
    wait_for_shards(runs, 2, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    cut = json.loads(out)
    assert (cut["status"], cut["claims"], cut["report"]) == ("interrupted", [], None)
    last = err.splitlines()[-1]
    assert f"condensery resume {cut['run']} --runs {runs}" in last
    assert "Traceback" not in err
    status, out, err = condensery(
        "resume", cut["run"], "--runs", runs, "--workers", 1, "--json", log=log
    )
    assert (status, json.loads(out)["status"]) == (0, "done"), err
    assert bits(runs) == bits(uninterrupted)
    started = log.read_text(encoding="utf-8").splitlines()
    assert (
        6 <= len(started) <= 8
    )  # at most the two tasks under way at Ctrl-C were started twice


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(
    tmp_path, condensery, start, tiny, uninterrupted
):
    runs = tmp_path / "runs"
    process = start("run", tiny, "--runs", runs, "--workers", 2, *SLOW)
    wait_for_shards(runs, 2, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert len(bits_of_shards(runs)) < 6
    status, out, _ = condensery("runs", "--runs", runs, "--json")
    assert (status, json.loads(out)["runs"][0]["status"]) == (0, "unfinished")
    status, out, err = condensery("resume", "last", "--runs", runs)
    assert status == 0, err
    assert bits(runs) == bits(uninterrupted)


def bits_of_shards(runs: Path) -> list[Path]:
    return list(runs.glob("*/shards/*.safetensors"))


def test_a_failed_task_is_status_3_after_the_others_have_finished(
    tmp_path, condensery, tiny
):
    status, out, err = condensery(
        "run", tiny, "--runs", tmp_path, "--set", "broken=1", "--json"
    )
    assert status == 3
    assert json.loads(out)["status"] == "task failed"
    last = err.splitlines()[-1]
    assert last.startswith("condensery: 1 of 6 tasks of run")
    assert "this task is broken on purpose" in last
    assert len(bits_of_shards(tmp_path)) == 5
    assert "Traceback" in next(tmp_path.glob("*/failures.txt")).read_text(
        encoding="utf-8"
    )


def test_a_reader_that_leaves_early_is_no_error(finished, start):
    with start("runs", "--runs", finished, "--json") as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path, condensery, tiny):
    blocked = tmp_path / "file"
    blocked.write_text(
        "", encoding="utf-8"
    )  # a file where a folder should be: refused for root too
    status, out, err = condensery("run", tiny, "--runs", blocked / "runs")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "runs folder: given" in err

"""The edges of the terminal: a run does not die of its display, and text is printed in
every encoding.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cli.conftest import PROGRAM

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shells and /dev")

LOUD = ("--set", "drawn=false", "--set", "pause=0.05", "--set", "loud=true")
"""Tasks that print, so that workers meet the edge too."""


def shell(
    redirection: str,
    *words: object,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """``condensery … redirection`` in a shell, whose status is that of condensery."""
    bash = shutil.which("bash") or "/bin/bash"
    command = f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(
        [bash, "-c", command, "bash", *PROGRAM, *map(str, words)],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )


def status_of(runs: Path, condensery) -> str:
    status, out, err = condensery("show", "last", "--runs", runs, "--json")
    assert status == 0, err
    return json.loads(out)["status"]


DISPLAYS = {
    "a reader that leaves": "2>&1 | head -1",
    "no standard error": "2>&-",
    "no standard streams": "<&- >&- 2>&-",
    "a full disk under standard error": "2>/dev/full",
    "a reader of errors that leaves": "2> >(true)",
    "a reader of the result that leaves": "| true",
}


@pytest.mark.parametrize("display", DISPLAYS)
def test_a_run_outlasts_its_display(tmp_path, condensery, tiny, display):
    words = ["run", tiny, "--runs", tmp_path, "--workers", 2, *LOUD]
    done = shell(DISPLAYS[display], *words)
    assert done.returncode == 0, done.stderr
    assert status_of(tmp_path, condensery) == "done"
    ledger = (tmp_path / "ledger.sqlite").read_bytes()
    assert ledger.startswith(b"SQLite format 3\x00")


def test_a_run_outlasts_a_dead_terminal(tmp_path, condensery, tiny):
    ours, theirs = pty.openpty()
    words = ["run", tiny, "--runs", tmp_path, "--workers", 2, *LOUD]
    process = subprocess.Popen(
        [*PROGRAM, *map(str, words)], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    time.sleep(0.3)
    os.close(ours)  # what is written from now on fails with EIO
    assert process.wait(timeout=60) == 0
    assert status_of(tmp_path, condensery) == "done"


def test_an_answer_on_a_full_disk_is_status_3(finished):
    done = shell(">/dev/full", "runs", "--runs", finished)
    assert done.returncode == 3
    message = done.stderr.decode()
    assert message.count("\n") == 1
    assert "standard output: No space left on device (ENOSPC)" in message
    assert "free space" in message


ENCODINGS = {
    "gbk": {"PYTHONIOENCODING": "gbk"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "strict": {"PYTHONIOENCODING": "ascii:strict"},
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
}
TEXTS = (
    "runs --runs RUNS",
    "show last --runs RUNS",
    "report last --runs RUNS",
    "claims --runs RUNS",
    "cite last --runs RUNS",
    "list",
    "list phase-diagram",
    "run --help",
    "--help",
)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_run_ends_in_every_encoding(tmp_path, condensery, tiny, encoding):
    words = ["run", tiny, "--runs", tmp_path, *LOUD]
    done = shell("", *words, environment=ENCODINGS[encoding])
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    name = ENCODINGS[encoding].get("PYTHONIOENCODING", "ascii").partition(":")[0]
    out = done.stdout.decode(name)
    assert "done in" in out
    assert status_of(tmp_path, condensery) == "done"


@pytest.mark.parametrize("encoding", ["gbk", "posix"])
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_printed_in_every_encoding(finished, encoding, text):
    words = text.replace("RUNS", str(finished)).split()
    done = shell("", *words, environment=ENCODINGS[encoding])
    assert (done.returncode, done.stderr) == (0, b"")
    name = "gbk" if encoding == "gbk" else "ascii"
    assert done.stdout.decode(name).strip()


def test_marks_have_plain_forms(finished):
    words = ["show", "last", "--runs", finished]
    out = shell("", *words, environment=ENCODINGS["ascii"]).stdout.decode("ascii")
    assert "x square" in out


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_document_is_the_same_in_every_encoding(finished, encoding):
    words = ["claims", "--runs", finished, "--json"]
    plain = json.loads(shell("", *words).stdout)
    done = shell("", *words, environment=ENCODINGS[encoding])
    assert json.loads(done.stdout) == plain

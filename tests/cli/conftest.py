"""The command line as a process of its own, as its users have it."""

from __future__ import annotations

import os
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = [
    sys.executable,
    "-c",
    "import sys; from condensery.cli import main; sys.exit(main())",
]


@pytest.fixture(scope="session")
def tiny() -> str:
    """How the tiny experiment is named on the command line."""
    return f"{Path(__file__).with_name('tiny_experiment.py')}:Tiny"


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start ``condensery …`` and do not wait."""

    def started(*words: object, log: Path | None = None) -> subprocess.Popen[str]:
        environment = {**os.environ, "TINY_LOG": str(log or "")}
        return subprocess.Popen(
            [*PROGRAM, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            encoding="utf-8",
        )

    return started


@pytest.fixture(scope="session")
def condensery(start) -> Callable[..., tuple[int, str, str]]:
    """Run ``condensery …`` to its end: exit status, standard output, standard error."""

    def ended(*words: object, log: Path | None = None) -> tuple[int, str, str]:
        process = start(*words, log=log)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    return ended


@pytest.fixture(scope="session")
def finished(tmp_path_factory, condensery, tiny) -> Path:
    """A runs folder with two finished runs; the latest has a failed and an open
    claim.
    """
    runs = tmp_path_factory.mktemp("finished")
    assert condensery("run", tiny, "--runs", runs, "--set", "drawn=false")[0] == 0
    assert (
        condensery("run", tiny, "--runs", runs, "--set", "off=1", "--set", "mood=open")[
            0
        ]
        == 1
    )
    return runs

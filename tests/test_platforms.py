"""No name that only POSIX systems have is used without a guard."""

from __future__ import annotations

import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLANTED = """
import os
import sys

if sys.platform != "win32":
    os.getpgid(0)
os.fork()
"""
CONFIG = """
[tool.pyrefly]
project-includes = ["."]
"""


def checked(folder: Path, platform: str) -> subprocess.CompletedProcess[str]:
    """What the type checker says of a project as it is on another system."""
    pytest.importorskip("pyrefly")
    command = [Path(sys.executable).with_name("pyrefly"), "check"]
    options = ["--python-platform", platform, "--output-format", "min-text"]
    return subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_what_other_systems_lack_is_guarded(platform):
    done = checked(ROOT, platform)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_name_without_a_guard_is_seen(tmp_path):
    (tmp_path / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "planted.py").write_text(PLANTED, encoding="utf-8")
    done = checked(tmp_path, "win32")
    assert done.returncode == 1
    assert "`fork`" in done.stdout
    assert "getpgid" not in done.stdout

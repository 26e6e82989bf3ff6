"""What is handed out: the wheel, the source archive, and their description."""

from __future__ import annotations

import re
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
import tarfile
import tomllib
from email import message_from_bytes
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LARGEST_SOURCE = 1_000_000
RELATIVE = re.compile(r"\]\((?!https?:|#)")
USER = """\
import numpy as np

import condensery
from condensery.metrics import condensation
from condensery.theory import coordinates

weights = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
condensed = condensation(weights)
regime: str = coordinates("xavier").regime
run = condensery.open("last", runs="runs")
reveal_type(condensed)
reveal_type(run)
"""

pytestmark = pytest.mark.slow


class Archives(NamedTuple):
    wheel: Path
    source: Path


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Archives:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    return Archives(wheel, source)


@pytest.fixture(scope="module")
def metadata(archives):
    with ZipFile(archives.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        return message_from_bytes(wheel.read(name))


def test_the_wheel_is_typed_and_holds_what_is_read_at_run_time(archives):
    with ZipFile(archives.wheel) as wheel:
        names = set(wheel.namelist())
    needed = {
        "condensery/py.typed",
        "condensery/workbench/refs.bib",
        "condensery/workbench/report.css",
        "condensery/workbench/report.html",
    }
    assert needed <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/"))]


def test_the_source_archive_is_small(archives):
    assert archives.source.stat().st_size < LARGEST_SOURCE
    with tarfile.open(archives.source) as source:
        files = {name.partition("/")[2] for name in source.getnames()}
    assert {"LICENSE", "CITATION.cff", "CHANGELOG.md", "pyproject.toml"} <= files


def test_links_of_the_description_work_away_from_the_repository(metadata):
    description = metadata.get_payload()
    assert "## " in description
    assert RELATIVE.findall(description) == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(RELATIVE.findall(readme)) >= 6
    labels = {entry.partition(",")[0] for entry in metadata.get_all("Project-URL")}
    assert {"Source", "Changelog", "Issues"} <= labels


def test_the_version_stands_in_one_place(metadata):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["Version"] == citation["version"]
    assert "version" not in project["project"]


def test_a_checker_sees_the_types_of_a_users_file(archives, tmp_path):
    pytest.importorskip("mypy")
    with ZipFile(archives.wheel) as wheel:
        wheel.extractall(tmp_path / "installed")  # ruff: ignore[tarfile-unsafe-members] - our own
    (tmp_path / "mine.py").write_text(USER, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "mine.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "condensery.workbench._opened.Run" in done.stdout
    assert "condensery.metrics" in done.stdout

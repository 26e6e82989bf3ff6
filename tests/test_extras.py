"""What works without the extras, and what is said where one is missing."""

from __future__ import annotations

import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys

import pytest

from condensery._errors import EXTRAS, MissingExtraError
from condensery._lazy import require
from condensery.experiments import BUILT_IN
from condensery.workbench import find
from condensery.workbench._extras import packages_of

BLOCK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""
BASE = """
import condensery
import condensery.metrics, condensery.theory, condensery.data, condensery.charts
import condensery.declare, condensery.experiments, condensery.plots, condensery.store
import condensery.runners, condensery.testing, condensery.torch, condensery.workbench
from condensery.cli import main
from condensery.metrics import condensation
print(condensation([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
for words in (["list"], ["list", "demo-a"], ["claims"], ["runs"], ["--help"]):
    assert main(words) == 0, words
"""
RUN = "from condensery.cli import main; raise SystemExit(main({words!r}))"


def without(*absent, program, cwd, check=True):
    """A fresh interpreter in which packages cannot be imported carries out a
    program.
    """
    code = BLOCK.format(absent=set(absent)) + program
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=check,
    )


@pytest.mark.slow
def test_the_base_works_without_any_extra(tmp_path):
    done = without(*EXTRAS, "jaxlib", program=BASE, cwd=tmp_path)
    assert "effective" in done.stdout


@pytest.mark.slow
def test_a_blocked_package_is_really_absent(tmp_path):
    done = without("jax", program="import jax", cwd=tmp_path, check=False)
    assert "No module named 'jax'" in done.stderr


@pytest.mark.parametrize(
    ("absent", "words", "message"),
    [
        (
            ("jax", "matplotlib"),
            ["run", "demo-a"],
            "experiment demo-a needs jax and matplotlib, not installed here; "
            "pip install 'condensery[experiments,plots]'",
        ),
        (
            ("torch",),
            ["run", "monitor-demo"],
            "experiment monitor-demo needs torch, not installed here; "
            "pip install 'condensery[torch]'",
        ),
        (
            ("sklearn",),
            ["run", "phase-diagram", "--set", "data=digits"],
            "the data set digits needs sklearn, not installed here; "
            "pip install 'condensery[experiments]'",
        ),
    ],
)
def test_a_run_without_its_extra_is_refused_before_anything_is_written(
    absent, words, message, tmp_path
):
    program = RUN.format(words=words)
    done = without(*absent, program=program, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"condensery: {message}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["engine", "models", "landscape"])
def test_packages_on_jax_say_what_brings_it(package, tmp_path):
    program = f"import condensery.{package}"
    done = without("jax", program=program, cwd=tmp_path, check=False)
    last = done.stderr.splitlines()[-1]
    assert f"condensery.{package} needs jax" in last
    assert "pip install 'condensery[experiments]'" in last


def test_what_an_experiment_needs_is_read_off_its_imports():
    of_torch = {
        name for name in BUILT_IN if "torch" in packages_of(find(name).experiment)
    }
    expected = {
        "diagnose-calibration",
        "monitor-demo",
        "real-networks",
        "reduce-benchmark",
    }
    assert of_torch == expected
    assert "jax" in packages_of(find("phase-diagram").experiment)


def test_every_missing_package_is_named_at_once(monkeypatch):
    monkeypatch.setitem(EXTRAS, "no_such_package", "rare")
    monkeypatch.setitem(EXTRAS, "nor_this", "rare")
    with pytest.raises(
        MissingExtraError, match=r"^it needs no_such_package and nor_this, .*\[rare\]"
    ):
        require("no_such_package", "json", "nor_this", purpose="it")

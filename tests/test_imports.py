"""What importing and asking for help must not load; and proof that the test could
fail.
"""

from __future__ import annotations

import operator
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
from importlib.util import find_spec

import pytest

import condensery
from condensery.experiments import BUILT_IN

FRAMEWORKS = (
    "jax",
    "jaxlib",
    "torch",
    "matplotlib",
    "scipy",
    "sklearn",
    "xarray",
    "ray",
    "pandas",
    "pyarrow",
    "diffrax",
)
SHELF = (*FRAMEWORKS, "sqlite3", "_sqlite3", "safetensors", "PIL", "numpy")
"""For a bare import, a store is as much out of place as a framework."""


def loaded_by(program: str, watched: tuple[str, ...]) -> set[str]:
    """Which of the watched modules a fresh interpreter has loaded after a program."""
    check = (
        f"{program}\nimport sys\nprint('loaded:', *sorted(set({watched!r}) & "
        "set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", check],
        capture_output=True,
        text=True,
        check=True,
    )
    _, _, found = done.stdout.rpartition("loaded:")
    assert "condensery: " not in done.stderr, done.stderr
    return set(found.split())


@pytest.mark.parametrize(
    "program",
    [
        "import condensery",
        "import condensery; dir(condensery), condensery.__version__",
        "import condensery.cli",
        "from condensery.cli import main; main(['--help'])",
        "from condensery.cli import main; main(['run', '--help'])",
        "from condensery.cli import main; main(['--version'])",
    ],
)
def test_import_and_help_load_nothing_heavy(program):
    assert loaded_by(program, SHELF) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        "import condensery.workbench",
        "import condensery; condensery.run, condensery.open",
        "import condensery.plots",
        "import condensery.records, condensery.protocols, condensery.experiments",
        "from condensery.cli import main; main(['claims', '--runs', 'nowhere'])",
        "from condensery.cli import main; main(['list', '--runs', 'nowhere'])",
        "from condensery.cli import main; main(['runs', '--runs', 'nowhere'])",
    ],
)
def test_the_workbench_loads_no_framework(program):
    assert loaded_by(program, FRAMEWORKS) == set()


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_experiment_loads_a_framework_when_it_is_imported(name):
    if find_spec(BUILT_IN[name].split(":")[0]) is None:
        pytest.skip("this experiment is not built yet")
    assert (
        loaded_by(
            f"from condensery._reference import load; load({BUILT_IN[name]!r})",
            FRAMEWORKS,
        )
        == set()
    )


@pytest.mark.parametrize(
    ("program", "culprit"),
    [
        ("import condensery, scipy", "scipy"),
        ("import condensery; condensery.plots.render", "matplotlib"),
        ("import condensery.store", "sqlite3"),
    ],
)
def test_the_tests_above_can_fail(program, culprit):
    assert culprit in loaded_by(program, SHELF)


def test_every_public_name_is_there():
    for name in condensery.__all__:
        assert getattr(condensery, name) is not None, name
    assert {*condensery.__all__, "__version__"} == set(dir(condensery))
    with pytest.raises(AttributeError, match="has no attribute 'rnu'"):
        operator.attrgetter("rnu")(condensery)

"""The experiment of the documentation is a proper one."""

from pathlib import Path

import pytest

from condensery._reference import load
from condensery.testing import ExperimentContract

FILE = Path(__file__).parents[2] / "examples" / "my_experiment.py"


class TestOneLine(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return load(f"{FILE}:one_line")

    @pytest.fixture
    def overrides(self):
        return {"width": 50}


def test_it_is_short():
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= 60

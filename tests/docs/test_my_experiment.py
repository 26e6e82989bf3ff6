"""The experiment of the documentation is a proper one."""

from pathlib import Path

import pytest
from tests.plots.legibility import outside, overlaps

from condensery import plots
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


def test_its_figure_is_legible():
    one_line = load(f"{FILE}:one_line")
    config = one_line.Config(width=50)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in one_line.tasks(config)
    ]
    tables = one_line.tables(config, shards)
    (spec,) = one_line.figures(config)
    figure = plots.chart.draw(plots.chart.figure_data(tables, **spec.options))
    assert outside(figure) == []
    assert overlaps(figure) == []

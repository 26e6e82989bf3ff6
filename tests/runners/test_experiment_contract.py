"""The contract passes for a small experiment, and each of its tests can fail."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from condensery._errors import CondenseryError
from condensery._reference import load
from condensery.records import FigureSpec, Table
from condensery.testing import ExperimentContract

FILE = Path(__file__).with_name("toy_experiment.py")
Toy = load(f"{FILE}:Toy")
small = Toy.Config(sizes=(5, 10), seeds=1)


class TestToy(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return Toy()

    @pytest.fixture
    def overrides(self):
        return {"sizes": [5, 10], "seeds": 1}

    def test_shards_are_computed_once(self, shards, config, request):
        assert len(shards) == 2
        assert type(self)._kept_shards == {config.model_dump_json(): shards}


def unheard(text, fraction, *, shown=None):
    """Drop the report."""


def shards_of(experiment):
    return [
        load(task.function)(task.parameters, task.seed, unheard)
        for task in experiment.tasks(small)
    ]


def check(experiment, name, monkeypatch, tmp_path):
    """One test of the contract, with what its fixtures would give."""
    contract = ExperimentContract()
    fixtures = {
        "experiment": experiment,
        "config": small,
        "monkeypatch": monkeypatch,
        "tmp_path": tmp_path,
    }
    method = getattr(contract, name)
    names = tuple(inspect.signature(method).parameters)
    if "shards" in names or "tables" in names:
        fixtures["shards"] = shards_of(experiment)
        fixtures["tables"] = experiment.tables(small, fixtures["shards"])
    method(**{key: fixtures[key] for key in names})


def changed(**attributes):
    return type("Changed", (Toy,), attributes)()


class Counting:
    """An experiment that is not pure."""

    calls = 0

    @classmethod
    def tick(cls):
        cls.calls += 1
        return cls.calls


def twice(call):
    return lambda self, *arguments: [*call(self, *arguments), *call(self, *arguments)]


def impure_task(parameters, seed, advance):
    return {"mean": np.array(float(Counting.tick()))}


def wild_progress(parameters, seed, advance):
    advance("over the top", 2.0)
    return {"mean": np.array(0.0)}


def shows_too_much(parameters, seed, advance):
    advance("all at once", 1.0, shown={"y": np.zeros(10_000)})
    return {"mean": np.array(0.0)}


def shows_objects(parameters, seed, advance):
    advance("objects", 1.0, shown={"y": np.array([{}], dtype=object)})
    return {"mean": np.array(0.0)}


def with_function(name):
    def tasks(self, config):
        return [
            task.model_copy(update={"function": f"{__file__}:{name}"})
            for task in Toy().tasks(config)
        ]

    return tasks


def spoiling_tables(self, config, shards):
    tables = Toy().tables(config, shards)
    shards[0]["mean"] += 1.0
    return tables


def spoiling_claims(self, config, tables):
    claims = Toy().claims(config, tables)
    tables["means"]["mean"][0] += 1.0
    return claims


STATEMENT = Toy.statements[0]
BAD = {
    "no name": ("test_has_all_parts", {"name": ""}),
    "a name with a space": ("test_has_all_parts", {"name": "Phase Diagram"}),
    "no methods": ("test_has_all_parts", {"figures": None, "summary": 3}),
    "no paper preset": (
        "test_presets_are_complete_and_valid",
        {"presets": {"quick": {}}},
    ),
    "an invalid preset": (
        "test_presets_are_complete_and_valid",
        {"presets": {"quick": {}, "paper": {"seeds": "x"}}},
    ),
    "other tasks every time": (
        "test_tasks_are_pure",
        {
            "tasks": lambda self, config: [
                Toy().tasks(config)[0].model_copy(update={"seed": Counting.tick()})
            ]
        },
    ),
    "a task twice": ("test_tasks_are_pure", {"tasks": twice(Toy.tasks)}),
    "no tasks": ("test_tasks_are_pure", {"tasks": lambda self, config: []}),
    "another version": (
        "test_tasks_are_pure",
        {"tasks": lambda self, config: Toy().tasks(config), "task_version": "4"},
    ),
    "no such function": (
        "test_task_functions_can_be_found",
        {"tasks": with_function("no_such_function")},
    ),
    "one id twice": ("test_statements", {"statements": (STATEMENT, STATEMENT)}),
    "no papers": ("test_statements", {"papers": ()}),
    "another paper": ("test_statements", {"papers": ("other",)}),
    "another digest every time": (
        "test_data_digest_is_stable",
        {"data_digest": lambda self, config: str(Counting.tick())},
    ),
    "empty tables": (
        "test_tables_follow_from_the_shards",
        {"tables": lambda *_: {"means": Table(columns={})}},
    ),
    "shards are changed": (
        "test_tables_follow_from_the_shards",
        {"tables": spoiling_tables},
    ),
    "other tables every time": (
        "test_tables_follow_from_the_shards",
        {
            "tables": lambda *_: {
                "means": Table(columns={"size": [1], "mean": [Counting.tick()]})
            }
        },
    ),
    "an undeclared claim": (
        "test_claims_are_declared",
        {
            "claims": lambda *_: [
                STATEMENT.model_copy(update={"id": "other"}).check(1.0, 2.0)
            ]
        },
    ),
    "a claim in other words": (
        "test_claims_are_declared",
        {
            "claims": lambda *_: [
                STATEMENT.model_copy(update={"statement": "Means are tiny."}).check(
                    1.0, 2.0
                )
            ]
        },
    ),
    "tables are changed": ("test_claims_are_declared", {"claims": spoiling_claims}),
    "a figure of no table": (
        "test_figures_can_be_drawn",
        {
            "figures": lambda *_: [
                FigureSpec(
                    name="x", plot=Toy.plot, caption="x", options={"column": "median"}
                )
            ]
        },
    ),
    "no plot module": (
        "test_figures_can_be_drawn",
        {
            "figures": lambda *_: [
                FigureSpec(name="x", plot="condensery.plots.no_such_plot", caption="x")
            ]
        },
    ),
    "two figures of one name": (
        "test_figures_can_be_drawn",
        {
            "figures": lambda self, config: [
                *Toy().figures(config),
                *Toy().figures(config),
            ]
        },
    ),
    "a task that is not pure": (
        "test_a_task_repeats_bit_for_bit",
        {"tasks": with_function("impure_task")},
    ),
    "progress beyond the end": (
        "test_a_task_repeats_bit_for_bit",
        {"tasks": with_function("wild_progress")},
    ),
    "too much is shown": (
        "test_a_task_repeats_bit_for_bit",
        {"tasks": with_function("shows_too_much")},
    ),
    "objects are shown": (
        "test_a_task_repeats_bit_for_bit",
        {"tasks": with_function("shows_objects")},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_the_contract_can_fail(case, monkeypatch, tmp_path):
    name, attributes = BAD[case]
    check(Toy(), name, monkeypatch, tmp_path)  # the test itself is sound
    with pytest.raises(
        (AssertionError, CondenseryError, ValueError, KeyError, ImportError)
    ):
        check(changed(**attributes), name, monkeypatch, tmp_path)


@pytest.mark.slow
def test_a_module_that_imports_a_framework_is_found(monkeypatch, tmp_path):
    path = tmp_path / "heavy.py"
    path.write_text("import matplotlib\n" + FILE.read_text())
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    with pytest.raises(AssertionError, match="loads matplotlib"):
        check(
            load(f"{path}:Toy")(),
            "test_importing_it_loads_no_framework",
            monkeypatch,
            tmp_path,
        )

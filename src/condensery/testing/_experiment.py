"""What every experiment must do."""

from __future__ import annotations

import importlib
import json
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to import a module in a fresh interpreter
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import BaseModel, JsonValue

from condensery._reference import load
from condensery.declare import Declared
from condensery.protocols import LARGEST_SHOWN, Arrays, Experiment, Task
from condensery.records import Claim, Kind, Statement, Table, canonical_json

HEAVY = ("jax", "torch", "matplotlib")
"""What the module that defines an experiment must not import: `condensery list` shows
them all at once.
"""

_KINDS = "biufU"

_PROBE = """
import sys
sys.path[:] = sys.argv[2:]
from condensery._reference import load
load(sys.argv[1])
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


class ExperimentContract:
    """Tests for an implementation of `condensery.protocols.Experiment`.

    Override `experiment`, and `overrides` with values that make the ``quick`` preset as
    small as it can be: its tasks are computed once in this process, and its cheapest
    task a second time.

    Example:
        >>> import pytest
        >>> from condensery.testing import ExperimentContract
        >>> class TestMine(ExperimentContract):
        ...     @pytest.fixture
        ...     def experiment(self):
        ...         return Mine()
        ...
        ...     @pytest.fixture
        ...     def overrides(self):
        ...         return {"widths": [10, 20], "seeds": 1}
    """

    @pytest.fixture
    def experiment(self) -> Experiment:
        """The experiment under test."""
        raise NotImplementedError("override the fixture experiment")

    @pytest.fixture
    def overrides(self) -> Mapping[str, JsonValue]:
        """What to change in the ``quick`` preset to make it small."""
        return {}

    @pytest.fixture
    def config(
        self, experiment: Experiment, overrides: Mapping[str, JsonValue]
    ) -> BaseModel:
        """The small configuration."""
        return experiment.Config.model_validate(
            {**experiment.presets["quick"], **overrides}
        )

    @pytest.fixture
    def shards(
        self, request: pytest.FixtureRequest, experiment: Experiment, config: BaseModel
    ) -> list[Arrays]:
        """The arrays of the small configuration's tasks, computed once per class."""
        owner: Any = request.cls
        kept: dict[str, list[Arrays]] = owner.__dict__.get("_kept_shards", {})
        key = config.model_dump_json()
        if key not in kept:
            kept[key] = [_compute(task) for task in experiment.tasks(config)]
            owner._kept_shards = kept
        return kept[key]

    @pytest.fixture
    def tables(
        self, experiment: Experiment, config: BaseModel, shards: list[Arrays]
    ) -> Mapping[str, Table]:
        """The tables of the small configuration."""
        return experiment.tables(config, shards)

    def test_has_all_parts(self, experiment: Experiment) -> None:
        """It has the protocol's attributes and methods, none of them empty."""
        assert isinstance(experiment, Experiment)
        for attribute in ("name", "title", "summary", "task_version"):
            text = getattr(experiment, attribute)
            assert isinstance(text, str), attribute
            assert text.strip(), f"{attribute} is empty"
        assert experiment.name == experiment.name.lower().replace(" ", "-"), (
            "a name is typed on a command line"
        )

    def test_importing_it_loads_no_framework(self, experiment: Experiment) -> None:
        """Task functions import engine, landscape or torch inside their bodies."""
        reference = _reference(experiment)
        done = subprocess.run(  # ruff: ignore[subprocess-without-shell-equals-true]
            [sys.executable, "-c", _PROBE, reference, *sys.path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        loaded = set(done.stdout.split())
        assert not loaded & set(HEAVY), (
            f"importing {reference} loads {', '.join(sorted(loaded & set(HEAVY)))}"
        )

    def test_presets_are_complete_and_valid(self, experiment: Experiment) -> None:
        """``quick`` and ``paper`` exist; each gives a configuration that survives
        JSON.
        """
        assert {"quick", "paper"} <= set(experiment.presets)
        for name, preset in experiment.presets.items():
            config = experiment.Config.model_validate(preset)
            parameters = config.model_dump(mode="json")
            assert (
                experiment.Config.model_validate(json.loads(canonical_json(parameters)))
                == config
            ), name
            assert set(preset) <= set(experiment.Config.model_fields), (
                f"{name} sets what is not in Config"
            )

    def test_tasks_are_pure(self, experiment: Experiment, config: BaseModel) -> None:
        """The same list every time, hashes that differ, parameters that survive JSON,
        the experiment's version.
        """
        presets = [
            experiment.Config.model_validate(preset)
            for preset in experiment.presets.values()
        ]
        for settings in [config, *presets]:
            tasks = list(experiment.tasks(settings))
            assert tasks, "no tasks"
            assert tasks == list(experiment.tasks(settings)), (
                "a second call gave other tasks"
            )
            assert tasks == list(experiment.tasks(settings.model_copy(deep=True))), (
                "an equal configuration gave other tasks"
            )
            assert len({task.hash for task in tasks}) == len(tasks), (
                "two tasks are the same"
            )
            assert {task.version for task in tasks} == {experiment.task_version}
            for task in tasks:
                assert (
                    Task.model_validate_json(task.model_dump_json()).hash == task.hash
                ), "JSON changed a task"
                assert task.cost > 0

    def test_task_functions_can_be_found(
        self, experiment: Experiment, config: BaseModel
    ) -> None:
        """A worker process can load each by its reference."""
        for task in experiment.tasks(config):
            assert callable(load(task.function)), task.function

    def test_statements(self, experiment: Experiment) -> None:
        """Ids are unique, every statement names one of the experiment's papers, says
        something and is of a kind.
        """
        ids = [statement.id for statement in experiment.statements]
        assert len(set(ids)) == len(ids), "two statements have one id"
        assert experiment.papers, "no papers"
        assert all(key.strip() for key in experiment.papers)
        for statement in experiment.statements:
            assert statement.paper in experiment.papers, (
                f"{statement.id} is of a paper that is not in papers"
            )
            assert statement.statement.strip(), f"{statement.id} says nothing"
            assert statement.source.strip(), (
                f"{statement.id} does not say where it is from"
            )
            assert statement.kind in get_args(Kind), (
                f"{statement.id} is of kind {statement.kind!r}"
            )

    def test_data_digest_is_stable(
        self, experiment: Experiment, config: BaseModel
    ) -> None:
        """The same data, the same digest."""
        assert experiment.data_digest(config) == experiment.data_digest(config)

    def test_tables_follow_from_the_shards(
        self,
        experiment: Experiment,
        config: BaseModel,
        shards: list[Arrays],
        tables: Mapping[str, Table],
    ) -> None:
        """At least one table with rows; a second call gives the same, and the shards
        are left as they were.
        """
        before = [_bytes(shard) for shard in shards]
        again = experiment.tables(config, shards)
        assert [_bytes(shard) for shard in shards] == before, (
            "tables() changed the shards"
        )
        assert any(len(table) for table in tables.values()), "every table is empty"
        assert list(again) == list(tables)
        for name, table in tables.items():
            assert _bytes(again[name].columns) == _bytes(table.columns), name
            assert set(table.units) <= set(table.columns), (
                f"{name} has units of columns that it does not have"
            )

    def test_claims_are_declared(
        self, experiment: Experiment, config: BaseModel, tables: Mapping[str, Table]
    ) -> None:
        """Every claim is one of the statements, word for word, and the tables do not
        change on the way.
        """
        declared = {statement.id: statement for statement in experiment.statements}
        before = {name: _bytes(table.columns) for name, table in tables.items()}
        for claim in experiment.claims(config, tables):
            assert isinstance(claim, Claim)
            assert claim.id in declared, f"claim {claim.id} has no statement"
            fields = {name: getattr(claim, name) for name in Statement.model_fields}
            assert fields == declared[claim.id].model_dump(), (
                f"claim {claim.id} differs from its statement"
            )
        assert {
            name: _bytes(table.columns) for name, table in tables.items()
        } == before, "claims() changed the tables"

    def test_figures_can_be_drawn(
        self,
        experiment: Experiment,
        config: BaseModel,
        tables: Mapping[str, Table],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Each plot module turns the tables into data and the data into a figure; names
        are unique file stems.
        """
        monkeypatch.setenv("MPLBACKEND", "Agg")
        figures = list(experiment.figures(config))
        assert len({figure.name for figure in figures}) == len(figures), (
            "two figures have one name"
        )
        for figure in figures:
            assert figure.caption.strip(), f"figure {figure.name} has no caption"
            assert figure.name == Path(figure.name).name, (
                f"figure {figure.name} is not a file stem"
            )
            module: Any = (
                load(figure.plot)
                if ":" in figure.plot
                else importlib.import_module(figure.plot)
            )
            data = module.figure_data(tables, **figure.options)
            assert module.draw(data) is not None, (
                f"draw of {figure.plot} returned nothing"
            )
            if figure.animated:
                path = tmp_path / f"{figure.name}.gif"
                module.animate(data, path)
                assert path.read_bytes()[:3] == b"GIF"
        _close_figures()

    def test_a_task_repeats_bit_for_bit(
        self, experiment: Experiment, config: BaseModel, shards: list[Arrays]
    ) -> None:
        """The cheapest task, computed a second time."""
        tasks = list(experiment.tasks(config))
        index = min(range(len(tasks)), key=lambda number: tasks[number].cost)
        assert _bytes(_compute(tasks[index])) == _bytes(shards[index]), (
            f"{tasks[index].label} gave other bits"
        )


class _Reports:
    """A progress callback (`condensery.protocols.Advance`) that checks its reports."""

    def __init__(self, task: Task) -> None:
        self._function = task.function

    def __call__(
        self, text: str, fraction: float, *, shown: Arrays | None = None
    ) -> None:
        function = self._function
        is_share = 0.0 <= fraction <= 1.0
        assert is_share, f"{function} reported progress outside [0, 1]"
        arrays = {name: np.asarray(array) for name, array in (shown or {}).items()}
        for name, array in arrays.items():
            assert array.dtype.kind in _KINDS, (
                f"{function} shows {name} with dtype {array.dtype}"
            )
        size = sum(array.nbytes for array in arrays.values())
        assert size <= LARGEST_SHOWN, f"{function} shows {size} bytes at once"


def _compute(task: Task) -> Arrays:
    function: Any = load(task.function)
    parameters = json.loads(canonical_json(task.parameters))
    result = function(parameters, task.seed, _Reports(task))
    kind = type(result).__name__
    assert isinstance(result, Mapping), (
        f"{task.function} returned {kind}, not a mapping"
    )
    arrays = {name: np.asarray(value) for name, value in result.items()}
    for name, array in arrays.items():
        assert array.dtype.kind in _KINDS, (
            f"{task.function} returned {name} with dtype {array.dtype}"
        )
    return arrays


def _bytes(
    arrays: Mapping[str, np.ndarray],
) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {
        name: (array.dtype.str, array.shape, array.tobytes())
        for name, array in arrays.items()
    }


def _close_figures() -> None:
    # Only if something drew through pyplot, which keeps its figures; this package does
    # not import matplotlib itself.
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


def _reference(experiment: Experiment) -> str:
    """Module or file, a colon, and the name of the experiment or of its class in it."""
    module, name = _home(experiment)
    is_file = module.__name__.startswith("condensery_file_")
    return f"{module.__file__ if is_file else module.__name__}:{name}"


def _home(experiment: Experiment) -> tuple[ModuleType, str]:
    if isinstance(experiment, Declared):
        # a value does not know its name: it stands in the module of its configuration,
        # or in a package above
        module = experiment.Config.__module__
        while module:
            for name, value in vars(sys.modules[module]).items():
                if value is experiment:
                    return sys.modules[module], name
            module = module.rpartition(".")[0]
    kind = type(experiment)
    return sys.modules[kind.__module__], kind.__qualname__

"""What every store must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from condensery._errors import InvalidInputError, StoreBusyError
from condensery.protocols import Store, Task
from condensery.records import Claim, RunConfig, Statement, Table

_BAD_NAMES = [
    "../x",
    "/x",
    "a/../../x",
    "",
    ".",
    "a//b",
    "a\\b",
    ".hidden",
    "a\0b",
    "shards/x",
    "config.json",
    "x" * 300,
]
Open = Callable[..., Store]


class StoreContract:
    """Tests for an implementation of `condensery.protocols.Store`.

    Override `open_it`: a function that opens the same place again and again, for
    writing if `write` is true.

    Example:
        >>> import pytest
        >>> from condensery.store import open_store
        >>> from condensery.testing import StoreContract
        >>> class TestLocalStore(StoreContract):
        ...     @pytest.fixture
        ...     def open_it(self, tmp_path):
        ...         return lambda write: open_store(tmp_path / "runs", write=write)
    """

    @pytest.fixture
    def open_it(self) -> Open:
        """A function that opens the store under test, for writing if `write` is
        true.
        """
        raise NotImplementedError("override the fixture open_it")

    @pytest.fixture
    def config(self) -> RunConfig:
        """A configuration with a value of every JSON kind."""
        parameters = {
            "widths": [10, 20],
            "gamma": 0.1 + 0.2,
            "asi": True,
            "data": None,
            "name": "凝聚 \"'",
        }
        return RunConfig(
            experiment="demo", preset="quick", parameters=parameters, data_digest="ab"
        )

    @pytest.fixture
    def tasks(self) -> list[Task]:
        """Three tasks."""
        return [
            Task(function="demo:task", parameters={"x": x}, seed=x) for x in range(3)
        ]

    def test_is_a_store(self, open_it: Open) -> None:
        """It has the protocol's methods."""
        store = open_it(write=False)
        assert isinstance(store, Store)
        store.close()

    def test_nothing_is_there_at_first(self, open_it: Open) -> None:
        """No runs, and asking for one says so."""
        store = open_it(write=False)
        assert store.runs() == []
        for unknown in ("last", "0123456789abcdef", "../..", ""):
            with pytest.raises(InvalidInputError, match="run: given"):
                store.config(unknown)
        store.close()

    def test_what_was_written_is_read_after_reopening(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """Configuration, shards, tables, claims and files."""
        run, table = config.run_id, _table()
        store = open_it(write=True)
        store.create_run(config, tasks)
        store.put_shard(run, tasks[0], _arrays(), seconds=1.5)
        store.put_table(run, "slope", table)
        store.put_claims(run, _claims())
        path = store.put_file(run, "figures/a.png", b"picture")
        store.close()
        store = open_it(write=False)
        assert store.config(run) == config
        assert store.finished(run) == {tasks[0].hash}
        assert store.shard(run, tasks[1]) is None
        got = store.shard(run, tasks[0])
        assert got is not None
        _assert_same_arrays(got, _arrays())
        (stored,) = store.tables(run).values()
        _assert_same_arrays(stored.columns, table.columns)
        assert stored.units == table.units
        assert repr(store.claims(run)) == repr(_claims())
        assert path.read_bytes() == b"picture"
        store.close()

    def test_a_shard_never_changes(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """The second of two equal tasks changes nothing, and neither does making the
        run again.
        """
        store, run = open_it(write=True), config.run_id
        store.create_run(config, tasks)
        store.put_shard(run, tasks[0], {"y": np.array([1.0])}, seconds=1.0)
        store.put_shard(run, tasks[0], {"y": np.array([2.0])}, seconds=1.0)
        store.create_run(config, tasks)
        got = store.shard(run, tasks[0])
        assert got is not None
        assert got["y"].tolist() == [1.0]
        assert store.finished(run) == {tasks[0].hash}
        store.close()

    def test_tables_and_claims_can_be_replaced(
        self, open_it: Open, config: RunConfig
    ) -> None:
        """The last ones count."""
        store, run = open_it(write=True), config.run_id
        store.create_run(config, [])
        for value in (1.0, 2.0):
            store.put_table(run, "slope", Table(columns={"x": np.array([value])}))
            store.put_claims(run, _claims()[: int(value)])
        assert store.tables(run)["slope"]["x"].tolist() == [2.0]
        assert len(store.claims(run)) == 2
        store.close()

    def test_summaries(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """Counts, the cost added up, the latest first."""
        store, run = open_it(write=True), config.run_id
        second = config.model_copy(update={"preset": "paper"})
        store.create_run(config, tasks)
        store.create_run(second, tasks[:1])
        assert [summary.run for summary in store.runs()] == [second.run_id, run]
        store.put_shard(run, tasks[0], _arrays(), seconds=1.0)
        store.put_claims(run, _claims())
        store.set_status(run, "interrupted", seconds=2.0)
        store.set_status(run, "claim failed", seconds=3.5)
        summary = store.runs()[0]
        assert (summary.run, summary.experiment, summary.preset) == (
            run,
            "demo",
            "quick",
        )
        assert (summary.status, summary.seconds, summary.tasks, summary.finished) == (
            "claim failed",
            5.5,
            3,
            1,
        )
        assert (summary.claims_passed, summary.claims_failed, summary.claims_open) == (
            2,
            1,
            1,
        )
        assert store.runs()[1].status == "unfinished"
        store.close()

    def test_prefixes(self, open_it: Open, config: RunConfig) -> None:
        """Four digits or more, unique, or ``last``."""
        store, run = open_it(write=True), config.run_id
        store.create_run(config, [])
        assert {store.resolve(name) for name in (run, run[:4], run[:9], "last")} == {
            run
        }
        wrong = "0" if run[3] != "0" else "1"
        for unknown in (
            run[:3],
            run[:3] + wrong,
            run + "0",
            run.upper() + "X",
            "*",
            f"../{run}",
            f"{run}/..",
        ):
            with pytest.raises(InvalidInputError, match="run: given"):
                store.resolve(unknown)
        store.close()

    @pytest.mark.parametrize("name", _BAD_NAMES)
    def test_files_stay_inside_the_run(
        self, open_it: Open, config: RunConfig, name: str
    ) -> None:
        """A name that would leave the run's folder, or hit what the store keeps there,
        is refused.
        """
        store = open_it(write=True)
        store.create_run(config, [])
        with pytest.raises(InvalidInputError, match="file name: given"):
            store.put_file(config.run_id, name, b"")
        store.close()

    def test_one_writer_and_many_readers(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """Of one run a second writer is refused until the first closes; readers see
        each shard as soon as it is there.
        """
        writer, reader, run = open_it(write=True), open_it(write=False), config.run_id
        writer.create_run(config, tasks)
        second = open_it(write=True)
        with pytest.raises(StoreBusyError, match="process"):
            second.create_run(config, tasks)
        with pytest.raises(StoreBusyError, match="process"):
            second.put_claims(run, [])
        for number, task in enumerate(tasks):
            assert reader.finished(run) == {task.hash for task in tasks[:number]}
            writer.put_shard(run, task, _arrays(), seconds=0.0)
        assert reader.shard(run, tasks[-1]) is not None
        writer.close()
        writer.close()
        second.put_claims(run, [])
        second.close()
        reader.close()

    def test_different_runs_have_a_writer_each(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """Runs of one place are written at once, in turns of one shard."""
        configs = [config.model_copy(update={"task_version": f"{n}"}) for n in range(4)]
        writers = [open_it(write=True) for _ in configs]
        runs = [config.run_id for config in configs]
        for writer, config_of_run in zip(writers, configs, strict=True):
            writer.create_run(config_of_run, tasks)
        for task in tasks:
            for writer, run in zip(writers, runs, strict=True):
                writer.put_shard(run, task, _arrays(), seconds=1.0)
        for writer, run in zip(writers, runs, strict=True):
            writer.set_status(run, "done", seconds=3.0)
            writer.close()
        reader = open_it(write=False)
        rows = {(row.run, row.status, row.finished) for row in reader.runs()}
        assert rows == {(run, "done", len(tasks)) for run in runs}
        reader.close()

    def test_a_reader_cannot_write(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """Every writing method refuses."""
        writer, run = open_it(write=True), config.run_id
        writer.create_run(config, tasks)
        writer.close()
        reader = open_it(write=False)
        with pytest.raises(InvalidInputError):
            reader.create_run(config, tasks)
        with pytest.raises(InvalidInputError):
            reader.put_shard(run, tasks[0], _arrays(), seconds=0.0)
        with pytest.raises(InvalidInputError):
            reader.put_table(run, "slope", _table())
        with pytest.raises(InvalidInputError):
            reader.put_claims(run, [])
        with pytest.raises(InvalidInputError):
            reader.put_file(run, "report.html", b"")
        with pytest.raises(InvalidInputError):
            reader.set_status(run, "done", seconds=0.0)
        reader.close()

    def test_what_cannot_be_stored_is_named(
        self, open_it: Open, config: RunConfig, tasks: list[Task]
    ) -> None:
        """A complex array is refused by name, and the task stays unfinished."""
        store = open_it(write=True)
        store.create_run(config, tasks)
        with pytest.raises(InvalidInputError, match="'spectrum' of dtype complex128"):
            store.put_shard(
                config.run_id,
                tasks[0],
                {"spectrum": np.ones(2, dtype=complex)},
                seconds=0.0,
            )
        assert store.finished(config.run_id) == set()
        store.close()


def _arrays() -> dict[str, np.ndarray]:
    grid = np.arange(24.0).reshape(4, 6)
    return {
        "z": np.array(0.1),
        "empty": np.empty((0, 3), dtype=np.float32),
        "column order": np.asfortranarray(grid),
        "strided": grid[::2, ::3],
        "transposed": grid.T,
        "other end": np.arange(3, dtype=">i4"),
        "truth": np.array([[True], [False]]),
        "half": np.array([1.5], dtype=np.float16),
        "unusual": np.array([np.nan, np.inf, -np.inf, -0.0]),
        "text": np.array([["a", "凝聚"], ["", "a"]]),
        "no text": np.empty((0,), dtype="<U4"),
        "unsigned": np.array([2**64 - 1], dtype=np.uint64),
    }


def _table() -> Table:
    columns = {
        "width": np.array([10, 20]),
        "regime": np.array(["linear", "condensed"]),
        "rd": np.array([0.1, np.nan]),
    }
    return Table(columns=columns, units={"rd": "relative"})


def _claims() -> list[Claim]:
    statement = Statement(
        id="a",
        paper="p",
        statement="s",
        relation="<=",
        source="Fig. 1",
        kind="reproduction",
    )
    between = statement.model_copy(update={"id": "b", "relation": "between"})
    return [
        statement.check(1.0, 1.0),
        statement.check(float("nan"), 1.0, note="凝聚"),
        statement.check(None, float("inf")),
        between.check(0.1, (0.0, float("inf"))),
    ]


def _assert_same_arrays(
    got: dict[str, np.ndarray], expected: dict[str, np.ndarray]
) -> None:
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].shape == array.shape, name
        assert got[name].dtype == array.dtype.newbyteorder("="), name
        assert np.array_equal(got[name], array, equal_nan=array.dtype.kind == "f"), name
        assert (
            np.array_equal(np.signbit(got[name]), np.signbit(array))
            if array.dtype.kind == "f"
            else True
        ), name

"""What every runner must do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from condensery.protocols import Arrays, Runner, Source, Task, TaskOutcome


class RunnerContract:
    """Tests for an implementation of `condensery.protocols.Runner`.

    Override `make_runner`; it takes a number of workers.

    Example:
        >>> import pytest
        >>> from condensery.runners import LocalRunner
        >>> from condensery.testing import RunnerContract
        >>> class TestLocalRunner(RunnerContract):
        ...     @pytest.fixture
        ...     def make_runner(self):
        ...         return lambda workers: LocalRunner(workers=workers)
    """

    @pytest.fixture
    def make_runner(self) -> Callable[[int], Runner]:
        """A function from a number of workers to the runner under test."""
        raise NotImplementedError("override the fixture make_runner")

    def test_is_a_runner(self, make_runner: Callable[[int], Runner]) -> None:
        """It has the protocol's methods."""
        assert isinstance(make_runner(1), Runner)

    def test_no_tasks(self, make_runner: Callable[[int], Runner]) -> None:
        """Nothing to do is done at once."""
        assert _run(make_runner(2), []) == []

    def test_every_task_has_one_outcome(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """As many outcomes as tasks, each with its own result."""
        tasks = [_task("square", x=[float(x)]) for x in range(7)]
        outcomes = _run(make_runner(2), tasks)
        assert sorted(outcome.task.hash for outcome in outcomes) == sorted(
            task.hash for task in tasks
        )
        for outcome in outcomes:
            assert outcome.error == ""
            assert outcome.seconds >= 0
            assert outcome.arrays["y"].tolist() == [
                # pyrefly: ignore[bad-index, unsupported-operation]
                outcome.task.parameters["x"][0] ** 2
            ]  # type: ignore[index]

    def test_every_kind_of_array_comes_back(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """Shapes, dtypes and bits."""
        from condensery.testing._tasks import everything

        (outcome,) = _run(make_runner(1), [_task("everything")])
        expected = everything({}, 0, _unheard)
        assert list(outcome.arrays) == list(expected)
        for name, array in expected.items():
            got = outcome.arrays[name]
            assert (got.dtype, got.shape) == (array.dtype, array.shape), name
            assert np.array_equal(got, array, equal_nan=array.dtype.kind == "f"), name

    def test_the_number_of_workers_changes_no_bit(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """One worker and three give the same bytes."""
        tasks = [_task("spectrum", seed=seed) for seed in range(3)]
        alone, together = (
            _by_hash(_run(make_runner(workers), tasks)) for workers in (1, 3)
        )
        for task in tasks:
            for name, array in alone[task.hash].arrays.items():
                assert array.tobytes() == together[task.hash].arrays[name].tobytes(), (
                    name
                )

    def test_sets_have_the_same_order_in_every_worker(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """A task that goes through a set of texts repeats all the same."""
        outcomes = _run(
            make_runner(2), [_task("order", number=number) for number in range(2)]
        )
        assert (
            outcomes[0].arrays["order"].tolist() == outcomes[1].arrays["order"].tolist()
        )

    def test_a_task_that_raises_is_an_outcome(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """The first line says what happened, the rest where; the others go on."""
        good = [_task("square", x=[float(x)]) for x in range(3)]
        bad = [
            _task("fail", x=3),
            _task("leave"),
            _task("nothing"),
            _task("objects"),
            _task("no_such_task"),
        ]
        outcomes = _by_hash(_run(make_runner(2), [*bad, *good]))
        assert len(outcomes) == len(good) + len(bad)
        assert all(outcomes[task.hash].error == "" for task in good)
        summaries = [outcomes[task.hash].error.splitlines()[0] for task in bad]
        assert summaries[0] == "ArithmeticError: no result for 3"
        assert summaries[1].startswith("SystemExit")
        assert "returned NoneType" in summaries[2]
        assert "dtype object" in summaries[3]
        assert "no_such_task" in summaries[4]
        assert "in fail" in outcomes[bad[0].hash].error

    @pytest.mark.parametrize("end", ["die", "vanish"])
    def test_a_worker_that_dies_costs_one_task(
        self, make_runner: Callable[[int], Runner], end: str
    ) -> None:
        """The outcome says how it ended; the others go on, also when it was the only
        worker.
        """
        tasks = [
            _task("square", x=[1.0], cost=3.0),
            _task(end, label="the deadly one", cost=2.0),
            _task("square", x=[2.0], cost=1.0),
        ]
        outcomes = _by_hash(_run(make_runner(1), tasks))
        assert [bool(outcomes[task.hash].error) for task in tasks] == [
            False,
            True,
            False,
        ]
        assert "the deadly one" in outcomes[tasks[1].hash].error
        assert ("SIG" if end == "die" else "status 7") in outcomes[tasks[1].hash].error

    def test_progress_reaches_the_caller(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """Fractions between 0 and 1, never going back, the last one 1."""
        seen: list[tuple[str, float]] = []
        task = _task("count")
        make_runner(1).run(
            [task],
            lambda outcome: None,
            lambda key, fraction: seen.append((key, fraction)),
        )
        assert {key for key, _ in seen} == {task.hash}
        fractions = [fraction for _, fraction in seen]
        assert fractions == sorted(fractions)
        assert fractions[-1] == pytest.approx(1.0, abs=0.0)

    def test_what_a_task_prints_stays_off_stdout(
        self, make_runner: Callable[[int], Runner], capfd: pytest.CaptureFixture[str]
    ) -> None:
        """``--json`` owns stdout."""
        (outcome,) = _run(make_runner(1), [_task("talk")])
        assert outcome.error == ""
        assert outcome.arrays["read"] == 0
        assert capfd.readouterr().out == ""

    def test_a_task_in_a_file(
        self, make_runner: Callable[[int], Runner], tmp_path: Path
    ) -> None:
        """``path/to/file.py:name``, with the file beside it."""
        (tmp_path / "beside_it.py").write_text("FACTOR = 3.0\n")
        (tmp_path / "mine.py").write_text(
            "import numpy as np\n"
            "from beside_it import FACTOR\n"
            "def triple(parameters, seed, advance):\n"
            "    return {'y': FACTOR * np.asarray(parameters['x'])}\n"
        )
        task = Task(function=f"{tmp_path / 'mine.py'}:triple", parameters={"x": [1.0]})
        (outcome,) = _run(make_runner(1), [task])
        assert outcome.error == ""
        assert outcome.arrays["y"].tolist() == [3.0]

    def test_a_task_that_carries_its_source(
        self, make_runner: Callable[[int], Runner], tmp_path: Path
    ) -> None:
        """It is computed from the text; the file is missing, or has other content."""
        text = (
            "import numpy as np\n"
            "def times(parameters, seed, advance):\n"
            "    return {'y': np.array(2.0), 'file': np.array(__file__)}\n"
        )
        missing, changed = tmp_path / "nowhere" / "mine.py", tmp_path / "mine.py"
        changed.write_text(text.replace("2.0", "3.0"))
        source = Source(text=text)
        tasks = [
            Task(
                function=f"{path}:times", parameters={"path": str(path)}, source=source
            )
            for path in (missing, changed)
        ]
        outcomes = _by_hash(_run(make_runner(2), tasks))
        for task, path in zip(tasks, (missing, changed), strict=True):
            outcome = outcomes[task.hash]
            assert outcome.error == ""
            assert outcome.arrays["y"] == 2
            assert outcome.arrays["file"] == str(path)

    def test_a_task_starts_once_and_before_its_outcome(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """Every task starts, also one that fails."""
        tasks = [_task("square", x=[float(x)]) for x in range(3)]
        tasks.append(_task("fail", x=3))
        seen: list[tuple[str, str]] = []
        make_runner(2).run(
            tasks,
            lambda outcome: seen.append(("end", outcome.task.hash)),
            lambda key, fraction: None,
            on_start=lambda key: seen.append(("start", key)),
        )
        assert len(seen) == 2 * len(tasks)
        for task in tasks:
            start, end = (seen.index((word, task.hash)) for word in ("start", "end"))
            assert start < end

    def test_shown_arrays_reach_whoever_listens(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """Every kind of array; what cannot be shown or is too large fails no task."""
        from condensery.testing._tasks import everything

        seen: list[tuple[str, Arrays]] = []
        task, outcomes = _task("show"), []
        make_runner(1).run(
            [task],
            outcomes.append,
            lambda key, fraction: None,
            on_shown=lambda key, shown: seen.append((key, shown)),
        )
        assert [outcome.error for outcome in outcomes] == [""]
        assert {key for key, _ in seen} == {task.hash}
        first, last = (shown for _, shown in seen)
        expected = everything({}, 0, _unheard)
        assert list(first) == list(expected)
        for name, array in expected.items():
            assert first[name].dtype == array.dtype
            assert first[name].tobytes() == array.tobytes()
        assert last["y"].tolist() == [1.0] * 8192

    def test_listening_changes_no_bit(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """The same bytes whether anybody looks or not."""
        task = _task("show", seed=7)
        (unseen,) = _run(make_runner(1), [task])
        outcomes: list[TaskOutcome] = []
        make_runner(1).run(
            [task],
            outcomes.append,
            lambda key, fraction: None,
            on_shown=lambda key, shown: None,
        )
        (seen,) = outcomes
        assert seen.arrays["y"].tobytes() == unseen.arrays["y"].tobytes()

    @pytest.mark.parametrize("workers", [1, 2])
    def test_stop_ends_a_run(
        self, make_runner: Callable[[int], Runner], tmp_path: Path, workers: int
    ) -> None:
        """Soon, without outcomes of the tasks under way; finished ones have theirs."""
        folder = str(tmp_path)
        lingering = [_task("linger", folder=folder, number=n) for n in range(3)]
        quick = _task("square", x=[2.0], cost=9.0)
        outcomes: list[TaskOutcome] = []
        stop = threading.Event()

        def stop_when_they_are_at_work() -> None:
            while len(list(tmp_path.iterdir())) < workers:
                time.sleep(0.02)
            stop.set()

        threading.Thread(target=stop_when_they_are_at_work, daemon=True).start()
        make_runner(workers).run(
            [quick, *lingering],
            outcomes.append,
            lambda key, fraction: None,
            stop=stop,
        )
        assert stop.is_set(), "it returned while tasks were under way"
        assert [outcome.task.hash for outcome in outcomes] == [quick.hash]

    def test_runs_in_any_thread(self, make_runner: Callable[[int], Runner]) -> None:
        """All functions are called in the thread that called `run`."""
        threads: set[int] = set()

        def note(*_: object) -> None:
            threads.add(threading.get_ident())

        def call() -> None:
            runner = make_runner(2)
            runner.run([_task("show")], note, note, on_start=note, on_shown=note)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        assert threads == {thread.ident}

    def test_an_error_of_the_caller_propagates(
        self, make_runner: Callable[[int], Runner]
    ) -> None:
        """A store that cannot write must stop the run."""

        def full(outcome: TaskOutcome) -> None:
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space left"):
            make_runner(2).run(
                [_task("square", x=[float(x)]) for x in range(4)],
                full,
                lambda key, fraction: None,
            )


def _unheard(text: str, fraction: float, *, shown: Arrays | None = None) -> None:
    """Drop the report."""


def _task(
    name: str,
    *,
    seed: int = 0,
    cost: float = 1.0,
    label: str = "",
    **parameters: object,
) -> Task:
    function = f"condensery.testing._tasks:{name}"
    return Task(
        # pyrefly: ignore[bad-argument-type]
        function=function,
        # pyrefly: ignore[bad-argument-type]
        parameters=parameters,
        seed=seed,
        cost=cost,
        label=label,
    )  # type: ignore[arg-type]


def _run(runner: Runner, tasks: list[Task]) -> list[TaskOutcome]:
    outcomes: list[TaskOutcome] = []
    runner.run(tasks, outcomes.append, lambda key, fraction: None)
    return outcomes


def _by_hash(outcomes: list[TaskOutcome]) -> dict[str, TaskOutcome]:
    return {outcome.task.hash: outcome for outcome in outcomes}

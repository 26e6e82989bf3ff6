"""What is particular to worker processes on this machine."""

import os
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.protocols import Task
from condensery.runners import LocalRunner, _worker
from condensery.runners.local import available_processors, worker_environment

PROGRAM = Path(__file__).with_name("tasks.py")
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


def task(name, *, cost=1.0, **parameters):
    return Task(function=f"{PROGRAM}:{name}", parameters=parameters, cost=cost)


def run(tasks, workers):
    outcomes = []
    LocalRunner(workers=workers).run(tasks, outcomes.append, lambda key, fraction: None)
    return outcomes


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that its new parent has not yet buried is dead all the same.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pids, within):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def start_and_wait_for_workers(folder, how):
    # A session of its own, so that the signal to its group does not reach pytest.
    process = subprocess.Popen(
        [sys.executable, PROGRAM, folder, how],
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 30
    while len(pids := [int(path.name) for path in folder.iterdir()]) < 2:
        assert process.poll() is None
        assert time.monotonic() < end, "the workers did not start"
        time.sleep(0.02)
    return process, pids


@linux
@pytest.mark.parametrize(
    ("how", "whom"), [("busy", "group"), ("asleep", "parent alone")]
)
def test_ctrl_c_ends_everything_at_once(tmp_path, how, whom):
    process, pids = start_and_wait_for_workers(tmp_path, how)
    (os.killpg if whom == "group" else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=5)
    assert process.returncode == 130
    assert errors == b"", "the workers had something to say about a Ctrl-C"
    assert gone(pids, within=1)


@linux
@pytest.mark.parametrize("how", ["asleep", "busy"])
def test_workers_end_when_their_parent_is_killed(tmp_path, how):
    process, pids = start_and_wait_for_workers(tmp_path, how)
    process.kill()
    process.wait()
    assert gone(pids, within=5)
    process.communicate()


@linux
def test_a_ctrl_c_that_reaches_a_worker_alone_costs_nothing(tmp_path):
    """The terminal sends it to the whole group; what is to be done is for the parent to
    say.
    """
    pids = []

    def interrupt(_, fraction):
        pids.extend(int(path.name) for path in tmp_path.iterdir())
        os.kill(pids[0], signal.SIGINT)

    outcomes = []
    LocalRunner(workers=1).run(
        [task("short", folder=str(tmp_path))], outcomes.append, interrupt
    )
    assert pids
    assert [outcome.error for outcome in outcomes] == [""]


@posix
def test_a_ctrl_c_while_workers_start_does_not_reach_them(tmp_path):
    """A worker that has not yet installed its handler is deaf already: it inherits a
    signal mask.
    """
    code = (
        "import os, signal, subprocess, sys\n"
        "from condensery.runners.local import _child_deaf_to_interrupts\n"
        "with _child_deaf_to_interrupts():\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; "
        "time.sleep(0.3)'])\n"
        "child.send_signal(signal.SIGINT)\n"
        "print(child.wait(), signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["0", "set()"]


def test_nothing_is_left_after_a_run_or_an_error(tmp_path):
    outcomes = run([task("where", number=number) for number in range(4)], workers=2)
    pids = {int(outcome.arrays["process"]) for outcome in outcomes}
    assert not any(alive(pid) for pid in pids)

    def refuse(outcome):
        end = time.monotonic() + 30
        while (
            not (marks := [int(path.name) for path in tmp_path.iterdir()])
            and time.monotonic() < end
        ):
            time.sleep(0.02)
        pids.clear()
        pids.update(marks)
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        LocalRunner(workers=2).run(
            [
                task("where"),
                task(
                    "mark",
                    folder=str(tmp_path),
                    how="asleep",
                ),
            ],
            refuse,
            lambda *_: None,
        )
    assert pids
    assert not any(alive(pid) for pid in pids)


def test_one_worker_is_a_process_of_its_own_and_is_used_again():
    outcomes = run([task("where", number=number) for number in range(3)], workers=1)
    (pid,) = {int(outcome.arrays["process"]) for outcome in outcomes}
    assert pid != os.getpid()


def test_a_worker_has_the_path_of_its_parent(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (outcome,) = run([task("where")], workers=1)
    assert outcome.arrays["path"].tolist()[: len(sys.path)] == sys.path


def test_a_file_beside_the_user_does_not_stand_in_for_a_library(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise RuntimeError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    (outcome,) = run([task("where")], workers=1)
    assert outcome.error == ""


def test_costly_tasks_come_first():
    tasks = [task("where", cost=cost, number=cost) for cost in (1.0, 5.0, 3.0, 5.5)]
    assert [outcome.task.cost for outcome in run(tasks, workers=1)] == [
        5.5,
        5.0,
        3.0,
        1.0,
    ]


def test_large_arrays_and_large_parameters():
    numbers = list(range(100_000))
    (outcome,) = run(
        [
            task(
                "large",
                size=3_000_000,
                ignored=numbers,
            )
        ],
        workers=1,
    )
    assert outcome.arrays["y"].sum() == pytest.approx(
        3_000_000 * 2_999_999 / 2, rel=0.0
    )


def test_a_task_may_report_at_every_step():
    seen = []
    LocalRunner(workers=1).run(
        [task("chatter")], lambda _: None, lambda _, fraction: seen.append(fraction)
    )
    assert 1 <= len(seen) < 1000


@linux
def test_signals_that_a_worker_ignores_reach_what_it_starts():
    (outcome,) = run([task("children_hear_signals")], workers=1)
    assert outcome.error == ""
    assert outcome.arrays["program"].tolist() == ["True", "True"]
    assert outcome.arrays["fork"] == signal.SIGTERM


def test_what_cannot_be_shown_is_said_once_per_task(caplog):
    function = "condensery.testing._tasks:show"
    shows = Task(
        function=function,
        parameters={},
        label="a generous task",
    )
    shown = []
    LocalRunner(workers=1).run(
        [shows],
        lambda outcome: None,
        lambda key, fraction: None,
        on_shown=lambda key, arrays: shown.append(list(arrays)),
    )
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    message = record.getMessage()
    assert message == "a generous task shows what is dropped: y has dtype object"
    assert shown[-1] == ["y"]


def test_too_many_bytes_at_once():
    arrays = {"a": np.zeros(100), "b": np.zeros(101)}
    kind, reason = _worker._as_message(arrays, 1600)
    assert kind == "unshown"
    assert reason == "1608 bytes at once; at most 1600 can be shown"
    assert _worker._as_message({"a": np.zeros(200)}, 1600)[0] == "shown"
    kind, reason = _worker._as_message({"a": [[1], [1, 2]]}, 1600)
    assert kind == "unshown"
    assert "ValueError" in reason


@posix
def test_a_broken_message_ends_the_worker_and_not_the_run(monkeypatch):
    monkeypatch.setattr("condensery.runners.local._PARTING", 0.2)
    outcomes = run([task("fill"), task("large", size=3)], workers=1)
    assert [bool(outcome.error) for outcome in outcomes] == [True, False]


@posix
def test_a_worker_that_cannot_start_costs_every_task(monkeypatch):
    monkeypatch.setattr("condensery.runners.local._PROGRAM", "raise SystemExit(9)")
    outcomes = run([task("where", number=number) for number in range(3)], workers=2)
    assert len(outcomes) == 3
    assert all("exit status 9" in outcome.error for outcome in outcomes)


def test_one_thread_in_every_library(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    names = [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NPROC",
        "JAX_ENABLE_X64",
        "JAX_PLATFORMS",
    ]
    for workers in (1, 2):
        (outcome,) = run([task("environment", names=names)], workers=workers)
        assert outcome.arrays["values"].tolist() == [
            *["1"] * 5,
            os.environ.get("JAX_PLATFORMS", "unset"),
        ]
        assert outcome.arrays["threads"].size > 0
        assert set(outcome.arrays["threads"].tolist()) == {1}


@pytest.mark.slow
@linux
def test_jax_computes_with_one_thread_in_float64(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true")
    monkeypatch.setenv("JAX_ENABLE_X64", "0")
    (outcome,) = run([task("jax_threads")], workers=2)
    assert outcome.error == ""
    assert outcome.arrays["pool"] == 1
    assert outcome.arrays["y"].dtype == np.float64


def test_the_environment_of_this_process_stays_as_it_is():
    before = dict(os.environ)
    run([task("where")], workers=1)
    assert dict(os.environ) == before
    environment = {"XLA_FLAGS": "--xla_dump_to=x", "JAX_PLATFORMS": "cuda", "MINE": "1"}
    made = worker_environment(environment)
    assert (made["JAX_PLATFORMS"], made["MINE"]) == ("cuda", "1")
    given_first, *ours = made["XLA_FLAGS"].split()
    assert given_first == "--xla_dump_to=x"
    assert "--xla_cpu_multi_thread_eigen=false" in ours
    assert "JAX_PLATFORMS" not in worker_environment({})


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_that_means_nothing(workers):
    with pytest.raises(
        InvalidInputError, match=r"workers: given .*; allowed: a whole number >= 1"
    ):
        LocalRunner(workers=workers)


def test_by_default_one_worker_per_processor():
    assert 1 <= available_processors() <= (os.cpu_count() or 1)
    outcomes = run([task("where", number=number) for number in range(2)], workers=None)
    assert len({int(outcome.arrays["process"]) for outcome in outcomes}) == min(
        2, available_processors()
    )


def test_importing_runners_is_light():
    code = (
        "import sys, condensery.runners; print({'jax', 'numpy', 'pydantic', "
        "'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"

"""Real signals to real processes leave a run that resume finishes, and no worker."""

from __future__ import annotations

import os
import pty
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test processes
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.cli.conftest import PROGRAM
from tests.cli.test_end_to_end import SLOW, bits, wait_for_shards

from condensery.cli import _signals, main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]
ENDS = {
    signal.SIGINT: 130,
    signal.SIGTERM: 143,
    signal.SIGHUP: 129,
    signal.SIGUSR1: 138,
}


def children(pid: int) -> set[int]:
    """Process ids of the workers of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {
        int(word) for task in tasks for word in (task / "children").read_text().split()
    }


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pids: set[int]) -> None:
    end = time.monotonic() + 5
    while any(map(is_alive, pids)):
        assert time.monotonic() < end, "orphaned workers"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, condensery, tiny) -> dict[str, bytes]:
    runs = tmp_path_factory.mktemp("uninterrupted")
    status, _, err = condensery("run", tiny, "--runs", runs, "--workers", 2, *SLOW)
    assert status == 0, err
    return bits(runs)


NOHUP = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    "os.execv(sys.argv[1], sys.argv[1:])",
]
"""Ignored signals stay ignored in the program that takes the place of this one."""


def begin(tiny, runs, *, by=(), **options) -> tuple[subprocess.Popen[str], set[int]]:
    """A run in the middle, as a process in a session of its own, and its workers."""
    words = ["run", tiny, "--runs", runs, "--workers", 2, *SLOW]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [*by, *PROGRAM, *map(str, words)]
    process = subprocess.Popen(
        command,
        text=True,
        start_new_session=True,
        **options,
    )
    wait_for_shards(runs, 2, process)
    workers = children(process.pid)
    assert len(workers) == 2
    return process, workers


def check_that_it_resumes(runs, condensery, uninterrupted) -> None:
    status, out, _ = condensery("runs", "--runs", runs)
    assert (status, "interrupted" in out) == (0, True)
    status, _, err = condensery("resume", "last", "--runs", runs)
    assert status == 0, err
    assert bits(runs) == uninterrupted


@pytest.mark.parametrize("to", ["process", "group"])
@pytest.mark.parametrize("number", ENDS)
def test_a_signal_leaves_a_run_that_resumes(
    tmp_path, condensery, tiny, uninterrupted, number, to
):
    process, workers = begin(tiny, tmp_path)
    (os.killpg if to == "group" else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == ENDS[number], err
    last = err.splitlines()[-1]
    assert "was interrupted; go on with: condensery resume" in last
    assert "Traceback" not in err
    wait_until_gone(workers)
    check_that_it_resumes(tmp_path, condensery, uninterrupted)


def test_two_signals_are_as_good_as_one(tmp_path, condensery, tiny, uninterrupted):
    process, workers = begin(tiny, tmp_path)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode in {129, 143}, err
    wait_until_gone(workers)
    check_that_it_resumes(tmp_path, condensery, uninterrupted)


def test_under_nohup_a_run_outlives_its_terminal(tmp_path, tiny, uninterrupted):
    process, _ = begin(tiny, tmp_path, by=NOHUP)
    os.killpg(process.pid, signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert bits(tmp_path) == uninterrupted


def test_a_terminal_that_closes(tmp_path, condensery, tiny, uninterrupted):
    ours, theirs = pty.openpty()
    code = (
        "import fcntl, os, sys, termios\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    words = ["run", tiny, "--runs", tmp_path, "--workers", 2, *SLOW, "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *PROGRAM[1:], *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    wait_for_shards(tmp_path, 2, process)
    workers = children(process.pid)
    os.close(ours)
    assert process.wait(timeout=30) == 129
    wait_until_gone(workers)
    check_that_it_resumes(tmp_path, condensery, uninterrupted)


def test_resume_heeds_signals_too(tmp_path, condensery, tiny, uninterrupted):
    process, _ = begin(tiny, tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    words = ["resume", "last", "--runs", str(tmp_path), "--workers", "1"]
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_shards(tmp_path, 3, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    check_that_it_resumes(tmp_path, condensery, uninterrupted)


def test_the_library_installs_no_handler(tmp_path, tiny):
    code = (
        "import signal, sys, condensery\n"
        "names = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]\n"
        "before = [signal.getsignal(name) for name in names]\n"
        "start = condensery.start(sys.argv[1], runs=sys.argv[2], drawn=False)\n"
        "with start as running:\n"
        "    during = [signal.getsignal(name) for name in names]\n"
        "    running.result()\n"
        "print(before == during == [signal.getsignal(name) for name in names])\n"
    )
    command = [sys.executable, "-c", code, tiny, str(tmp_path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"


def test_the_end_of_a_program_stops_its_run(tmp_path, tiny, condensery, uninterrupted):
    code = (
        "import sys, time, condensery\n"
        "start = dict(pause=0.4, drawn=False, workers=2)\n"
        "running = condensery.start(sys.argv[1], runs=sys.argv[2], **start)\n"
        "next(e for e in running.events() if type(e).__name__ == 'TaskFinished')\n"
    )
    command = [sys.executable, "-c", code, tiny, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    check_that_it_resumes(tmp_path, condensery, uninterrupted)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]


def test_handlers_are_there_for_the_run_alone():
    assert handlers() == [signal.SIG_DFL, signal.SIG_DFL]
    with _signals.interrupting():
        assert all(map(callable, handlers()))
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)  # one is enough
    assert _signals.exit_status(caught.value) == 129
    assert handlers() == [signal.SIG_DFL, signal.SIG_DFL]


def test_a_handler_of_an_embedding_program_stays(monkeypatch):
    def mine(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with _signals.interrupting():
            assert signal.getsignal(signal.SIGTERM) is mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("missing", [["SIGHUP"], ["SIGHUP", "SIGTERM"]])
def test_a_platform_without_a_signal_does_without_it(
    tmp_path, monkeypatch, capsys, tiny, missing
):
    for name in missing:
        monkeypatch.delattr(signal, name)
    with _signals.interrupting():
        pass
    words = ["run", tiny, "--runs", str(tmp_path), "--set", "drawn=false"]
    assert main(words) == 0
    assert "done in" in capsys.readouterr().out


def test_outside_the_main_thread_nothing_is_installed():
    installed = []

    def enter() -> None:
        with _signals.interrupting():
            installed.extend(handlers())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert installed == [signal.SIG_DFL, signal.SIG_DFL]

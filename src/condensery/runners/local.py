"""Worker processes on this machine."""

from __future__ import annotations

import contextlib
import os
import pickle  # ruff: ignore[suspicious-pickle-import] - only between this process and its own children
import queue
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import]
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

from condensery._errors import InvalidInputError
from condensery.protocols import Task, TaskOutcome

__all__ = ["LocalRunner", "available_processors", "worker_environment"]

# The parent's path first of all: a worker must find the same modules, and a file named
# numpy.py in the working directory must not stand in for numpy where it would not have
# done so in the parent.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]; from "
    "condensery.runners._worker import main; main()"
)
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NPROC",  # the size of the thread pool of XLA's CPU client
)
_PARTING = 10.0  # seconds that a worker has between closing its output and ending
_POLL = (
    1.0  # seconds; on Windows a wait without a limit cannot be interrupted by Ctrl-C
)


@dataclass(frozen=True)
class LocalRunner:
    """Computes tasks in worker processes of one thread each, the costly ones first.

    Also one worker is a process of its own, and its numerical libraries use one thread:
    the bits of a result do not depend on the number of workers. A worker that dies (out
    of memory, a crash in a library) costs the task it was computing, which becomes an
    outcome with `error`; a new worker takes its place. Workers end when their parent
    does, even if it was killed. The first line of an outcome's `error` is a summary;
    the traceback follows.

    Attributes:
        workers: How many processes; by default one per processor this process may use.
            Never more than tasks.

    Raises:
        InvalidInputError: If `workers` is not a whole number >= 1.

    Example:
        >>> from condensery.protocols import Task
        >>> from condensery.runners import LocalRunner
        >>> task = Task(
        ...     function="condensery.testing._tasks:square",
        ...     parameters={"x": [1.0, 3.0]},
        ... )
        >>> LocalRunner(workers=1).run(
        ...     [task],
        ...     lambda outcome: print(outcome.arrays["y"]),
        ...     lambda task, fraction: None,
        ... )
        [1. 9.]
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse a number of workers that means nothing.

        Raises:
            InvalidInputError: If `workers` is not a whole number >= 1.
        """
        workers = self.workers
        if workers is not None and (
            isinstance(workers, bool) or not isinstance(workers, int) or workers < 1
        ):
            raise InvalidInputError(
                "workers",
                given=workers,
                allowed="a whole number >= 1",
                remedy="leave it out to use all processors",
            )

    def run(
        self,
        tasks: Sequence[Task],
        on_outcome: Callable[[TaskOutcome], None],
        on_progress: Callable[[str, float], None],
    ) -> None:
        """Run every task; see `condensery.protocols.Runner`."""
        waiting = deque(sorted(tasks, key=lambda task: -task.cost))
        events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        crew: set[_Worker] = set()
        try:
            for _ in range(min(self.workers or available_processors(), len(waiting))):
                _Worker(waiting.popleft(), crew, events)
            while crew:
                try:
                    worker, message = events.get(timeout=_POLL)
                except queue.Empty:
                    continue
                if worker not in crew:
                    continue  # the end of a worker that was sent home
                if message[0] == "progress":
                    on_progress(worker.task.hash, message[2])
                    continue
                outcome = worker.outcome(message)
                # The next task first: a worker should not wait while the arrays of the
                # last one are stored.
                _go_on(worker, message, waiting, crew, events)
                on_outcome(outcome)
        finally:
            _stop(crew)


def available_processors() -> int:
    """How many processors this process may use."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_XLA = ("--xla_cpu_multi_thread_eigen=false", "--xla_cpu_prefer_vector_width=512")
"""One thread, and vectors as wide as the processor has: XLA stops at 256 bits
otherwise; the flow gains a fifth.
"""


def worker_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker: one thread in every numerical library, float64, a
    fixed hash seed.

    These variables are read when NumPy, JAX or torch is first imported, so a worker has
    to be born with them. Which device JAX uses stays what it was.

    Example:
        >>> from condensery.runners.local import worker_environment
        >>> worker_environment({"XLA_FLAGS": "--a=1", "NPROC": "8"})["XLA_FLAGS"]
        '--a=1 --xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512'
    """
    one_thread = dict.fromkeys(_THREADS, "1")
    flags = " ".join([*given.get("XLA_FLAGS", "").split(), *_XLA])
    # A set of texts has an order that changes with the hash seed, and a task repeats
    # bit for bit.
    return {
        **given,
        **one_thread,
        "XLA_FLAGS": flags,
        "JAX_ENABLE_X64": "1",
        "PYTHONHASHSEED": "0",
    }


class _Worker:
    """One worker process, the task it computes, and a thread that turns what it sends
    into events.
    """

    def __init__(
        self, task: Task, crew: set[_Worker], events: queue.SimpleQueue[_Event]
    ) -> None:
        self.listener = threading.Thread(
            target=self._listen, args=(events,), daemon=True
        )
        command = [sys.executable, "-c", _PROGRAM, *sys.path]
        environment = worker_environment(os.environ)
        with _child_deaf_to_interrupts():
            # ruff: ignore[subprocess-without-shell-equals-true]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        crew.add(self)  # at once, so that a Ctrl-C that comes now finds it there
        self.requests, self.replies = (
            cast(IO[bytes], self.process.stdin),
            cast(IO[bytes], self.process.stdout),
        )
        self.listener.start()
        self.assign(task)

    def assign(self, task: Task) -> None:
        self.task, self.started = task, time.perf_counter()
        # If the worker is gone already its listener is about to say so, and the task is
        # counted as lost with it.
        with contextlib.suppress(OSError):
            pickle.dump((task.function, task.parameters, task.seed), self.requests)
            self.requests.flush()

    def outcome(self, message: _Message) -> TaskOutcome:
        match message:
            case ("done", arrays, seconds):
                return TaskOutcome(task=self.task, arrays=arrays, seconds=seconds)
            case ("failed", error, seconds):
                return TaskOutcome(task=self.task, error=error, seconds=seconds)
        try:
            code = self.process.wait(_PARTING)
        except (
            subprocess.TimeoutExpired
        ):  # something wrote into the pipe that was not the worker's to say
            self.process.kill()
            code = self.process.wait()
        error = _obituary(self.process.pid, code, self.task)
        return TaskOutcome(
            task=self.task, error=error, seconds=time.perf_counter() - self.started
        )

    def stop(self) -> None:
        self.process.wait()
        if self.listener.is_alive():
            self.listener.join()
        self.replies.close()
        with contextlib.suppress(
            OSError
        ):  # a task that could not be sent is still in the buffer
            self.requests.close()

    def _listen(self, events: queue.SimpleQueue[_Event]) -> None:
        try:
            while True:
                events.put((self, pickle.load(self.replies)))  # ruff: ignore[suspicious-pickle-usage] - from our own child
        except (EOFError, OSError, pickle.UnpicklingError):
            pass  # a worker that is killed in the middle of a message leaves a torn one
        finally:
            events.put((self, ("ended",)))


# ("progress", text, fraction), ("done", arrays, seconds), ("failed", error, seconds) or
# ("ended",)
_Message = tuple[Any, ...]
_Event = tuple[_Worker, _Message]


def _go_on(
    worker: _Worker,
    message: _Message,
    waiting: deque[Task],
    crew: set[_Worker],
    events: queue.SimpleQueue[_Event],
) -> None:
    """Give the next task to this worker, or to a new one where this one has died; send
    it home if there is none.
    """
    if waiting and message[0] != "ended":
        worker.assign(waiting.popleft())
        return
    crew.discard(worker)
    _stop({worker})
    if waiting:
        _Worker(waiting.popleft(), crew, events)


def _stop(crew: set[_Worker]) -> None:
    # Killed rather than asked: a worker holds nothing of value, and one deep in a
    # compiled loop would not hear us.
    for worker in crew:
        worker.process.kill()
    for worker in crew:
        worker.stop()


def _obituary(pid: int, code: int, task: Task) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        how = f"was ended by {name}"
        if name == "SIGKILL":
            how += (
                ", which is what the system does when memory runs out (use fewer "
                "workers or smaller sizes)"
            )
    else:
        how = f"ended by itself with exit status {code}"
    return (
        f"worker process {pid} {how}, while it computed "
        f"{task.label or task.function} ({task.hash})"
    )


@contextlib.contextmanager
def _child_deaf_to_interrupts() -> Generator[None, None, None]:
    """A child inherits the signal mask; a Ctrl-C must not end it before it has had time
    to make arrangements.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

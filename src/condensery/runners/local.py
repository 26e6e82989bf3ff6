"""Worker processes on this machine."""

from __future__ import annotations

import contextlib
import logging
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
from condensery.protocols import LARGEST_SHOWN, Arrays, Task, TaskOutcome

__all__ = ["LocalRunner", "available_processors", "worker_environment"]

_log = logging.getLogger("condensery.runners")

# The parent's path first of all: a worker must find the same modules, and a file named
# numpy.py in the working directory must not stand in for numpy where it would not have
# done so in the parent.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]; "
    "from condensery.runners._worker import main; main()"
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
_POLL = 0.1  # seconds between two looks at whether the run was stopped


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
        >>> function = "condensery.testing._tasks:square"
        >>> task = Task(function=function, parameters={"x": [1.0, 3.0]})
        >>> runner = LocalRunner(workers=1)
        >>> runner.run([task], lambda outcome: print(outcome.arrays["y"]), print)
        [1. 9.]
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse a number of workers that means nothing.

        Raises:
            InvalidInputError: If `workers` is not a whole number >= 1.
        """
        workers = self.workers
        if workers is None:
            return
        is_count = isinstance(workers, int) and not isinstance(workers, bool)
        if not is_count or workers < 1:
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
        *,
        on_start: Callable[[str], None] | None = None,
        on_shown: Callable[[str, Arrays], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Run every task; see `condensery.protocols.Runner`."""
        # The costly ones first.
        waiting = deque(sorted(tasks, key=lambda task: -task.cost))
        shift = _Shift(waiting, on_start, is_watched=on_shown is not None)
        try:
            for _ in range(min(self.workers or available_processors(), len(waiting))):
                shift.hire()
            while shift.crew and not (stop is not None and stop.is_set()):
                try:
                    worker, message = shift.events.get(timeout=_POLL)
                except queue.Empty:
                    continue
                if worker not in shift.crew:
                    continue  # the end of a worker that was sent home
                match message:
                    case ("progress", _, fraction):
                        on_progress(worker.task.hash, fraction)
                    case ("shown", arrays):
                        if on_shown is not None:
                            on_shown(worker.task.hash, arrays)
                    case ("unshown", reason):
                        shift.warn(worker.task, reason)
                    case _:
                        outcome = worker.outcome(message)
                        # The next task first: a worker should not wait while the
                        # arrays of the last one are stored.
                        shift.go_on(worker, message)
                        on_outcome(outcome)
        finally:
            _stop(shift.crew)


def available_processors() -> int:
    """How many processors this process may use."""
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# One thread, and vectors as wide as the processor has: XLA stops at 256 bits otherwise;
# the flow gains a fifth.
_XLA = (
    "--xla_cpu_multi_thread_eigen=false",
    "--xla_cpu_prefer_vector_width=512",
)


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker: one thread in every library, float64, a fixed hash.

    These variables are read when NumPy, JAX or torch is first imported, so a worker has
    to be born with them. Which device JAX uses stays what it was.

    Example:
        >>> from condensery.runners.local import worker_environment
        >>> worker_environment({"XLA_FLAGS": "--a=1", "NPROC": "8"})["XLA_FLAGS"]
        '--a=1 --xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512'
    """
    one_thread = dict.fromkeys(_THREADS, "1")
    flags = " ".join([*environment.get("XLA_FLAGS", "").split(), *_XLA])
    # A set of texts has an order that changes with the hash seed, and a task repeats
    # bit for bit.
    return {
        **environment,
        **one_thread,
        "XLA_FLAGS": flags,
        "JAX_ENABLE_X64": "1",
        "PYTHONHASHSEED": "0",
    }


class _Shift:
    """The workers of one call of `run`, and the tasks that wait for one of them."""

    def __init__(
        self,
        waiting: deque[Task],
        on_start: Callable[[str], None] | None,
        *,
        is_watched: bool,
    ) -> None:
        self.waiting, self.is_watched = waiting, is_watched
        self.crew: set[_Worker] = set()
        self.events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._on_start = on_start
        self._warned: set[str] = set()

    def hire(self) -> None:
        """Give the next task to a new worker."""
        _Worker(self)

    def go_on(self, worker: _Worker, message: _Message) -> None:
        """Give the next task to this worker, or to a new one where this one has died.

        A worker for which there is none goes home.
        """
        if self.waiting and message[0] != "ended":
            worker.assign(self.next_task())
            return
        self.crew.discard(worker)
        _stop({worker})
        if self.waiting:
            self.hire()

    def next_task(self) -> Task:
        """The task that is to be computed next; it counts as started."""
        task = self.waiting.popleft()
        if self._on_start is not None:
            self._on_start(task.hash)
        return task

    def warn(self, task: Task, reason: str) -> None:
        """Say once per task that it shows something that cannot be shown."""
        if task.hash not in self._warned:
            self._warned.add(task.hash)
            label = task.label or task.function
            _log.warning("%s shows what is dropped: %s", label, reason)


class _Worker:
    """One worker process, and a thread that turns what it sends into events."""

    def __init__(self, shift: _Shift) -> None:
        self.is_watched = shift.is_watched
        arguments = (shift.events,)
        self.listener = threading.Thread(
            target=self._listen, args=arguments, daemon=True
        )
        command = [sys.executable, "-c", _PROGRAM, *sys.path]
        environment = worker_environment(os.environ)
        with _child_deaf_to_interrupts():
            # ruff: ignore[subprocess-without-shell-equals-true]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        shift.crew.add(self)  # at once, so that a Ctrl-C that comes now finds it there
        self.requests = cast(IO[bytes], self.process.stdin)
        self.replies = cast(IO[bytes], self.process.stdout)
        self.listener.start()
        self.assign(shift.next_task())

    def assign(self, task: Task) -> None:
        self.task, self.started = task, time.perf_counter()
        source = None if task.source is None else task.source.text
        request = (
            task.function,
            source,
            dict(task.parameters),
            task.seed,
            LARGEST_SHOWN if self.is_watched else 0,
        )
        # If the worker is gone already its listener is about to say so, and the task is
        # counted as lost with it.
        with contextlib.suppress(OSError):
            pickle.dump(request, self.requests)
            self.requests.flush()

    def outcome(self, message: _Message) -> TaskOutcome:
        match message:
            case ("done", arrays, seconds):
                return TaskOutcome(task=self.task, arrays=arrays, seconds=seconds)
            case ("failed", error, seconds):
                return TaskOutcome(task=self.task, error=error, seconds=seconds)
        try:
            code = self.process.wait(_PARTING)
        except subprocess.TimeoutExpired:
            # Something wrote into the pipe that was not the worker's to say.
            self.process.kill()
            code = self.process.wait()
        error = _loss_text(self.process.pid, code, self.task)
        seconds = time.perf_counter() - self.started
        return TaskOutcome(task=self.task, error=error, seconds=seconds)

    def stop(self) -> None:
        self.process.wait()
        if self.listener.is_alive():
            self.listener.join()
        self.replies.close()
        # A task that could not be sent is still in the buffer.
        with contextlib.suppress(OSError):
            self.requests.close()

    def _listen(self, events: queue.SimpleQueue[_Event]) -> None:
        try:
            while True:
                # ruff: ignore[suspicious-pickle-usage] - from our own child
                events.put((self, pickle.load(self.replies)))
        except (EOFError, OSError, pickle.UnpicklingError):
            pass  # a worker that is killed in the middle of a message leaves a torn one
        finally:
            events.put((self, ("ended",)))


# What a worker sends (see `condensery.runners._worker.Message`), or ("ended",).
_Message = tuple[Any, ...]
_Event = tuple[_Worker, _Message]


def _stop(crew: set[_Worker]) -> None:
    # Killed rather than asked: a worker holds nothing of value, and one deep in a
    # compiled loop would not hear us.
    for worker in crew:
        worker.process.kill()
    for worker in crew:
        worker.stop()


def _loss_text(pid: int, code: int, task: Task) -> str:
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
    label = f"{task.label or task.function} ({task.hash})"
    return f"worker process {pid} {how}, while it computed {label}"


@contextlib.contextmanager
def _child_deaf_to_interrupts() -> Generator[None, None, None]:
    """Start a child with signals blocked: it inherits the mask of this thread.

    A Ctrl-C, or a signal to the process group, must not end it before it has had time
    to make arrangements.
    """
    if sys.platform == "win32":
        yield
    else:
        # A platform without one of them does without it.
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
        signals = {getattr(signal, name) for name in names if hasattr(signal, name)}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""The program of one worker process: tasks come in, what became of them goes out."""

from __future__ import annotations

import os
import pickle  # ruff: ignore[suspicious-pickle-import] - see _receive
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NoReturn

import numpy as np

from condensery._reference import load
from condensery._streams import lasting_streams, open_closed

Request = tuple[str, str | None, dict[str, object], int, int]
"""Function reference, text of its file if it is in one, parameters, seed, and how many
bytes it may show at once: none where nobody looks."""

Message = tuple[Any, ...]
"""``("progress", text, fraction)``, ``("shown", arrays)``, ``("unshown", reason)``,
``("done", arrays, seconds)`` or ``("failed", error, seconds)``."""

Send = Callable[[Message], None]

_PROGRESS_INTERVAL = 0.1  # seconds; a task may report at every step, a person reads ten
_KINDS = "biufU"
_DEAF_TO = ("SIGTERM", "SIGHUP", "SIGUSR1")


def main() -> None:
    """Compute tasks until the standard input ends, as it does when the parent ends."""
    _ignore_signals()
    open_closed()
    incoming, outgoing = _take_streams()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    arguments = (incoming, requests)
    threading.Thread(target=_receive, args=arguments, daemon=True).start()
    send = _sender(outgoing)
    with lasting_streams():
        _compute_all(requests, send)


def _compute_all(requests: queue.SimpleQueue[Request], send: Send) -> NoReturn:
    while True:
        request = requests.get()
        started = time.perf_counter()
        try:
            arrays = _compute(request, send)
        except BaseException as error:
            send(("failed", _describe(error), time.perf_counter() - started))
        else:
            send(("done", arrays, time.perf_counter() - started))


def _ignore_signals() -> None:
    """Leave it to the parent what becomes of the workers.

    Ctrl-C, a terminal that closes and what a scheduler sends reach the whole process
    group; a worker that ended by itself would count as one that crashed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    numbers = [getattr(signal, name) for name in _DEAF_TO if hasattr(signal, name)]
    for number in numbers:
        # A function, not SIG_IGN: programs that a task starts hear the signal again.
        signal.signal(number, lambda number, frame: None)
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=lambda: _restore(numbers))
        # Until now they were blocked by the mask that the parent started us with.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def _restore(numbers: list[int]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes: what a task prints goes to stderr, and its input is empty."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _receive(incoming: BinaryIO, requests: queue.SimpleQueue[Request]) -> None:
    while True:
        try:
            # ruff: ignore[suspicious-pickle-usage] - from our own parent
            requests.put(pickle.load(incoming))
        except (EOFError, OSError, pickle.UnpicklingError):
            # The parent has ended or has no more work; os._exit because the main
            # thread may be deep in a task.
            os._exit(0)


def _sender(outgoing: BinaryIO) -> Send:
    lock = threading.Lock()

    def send(message: Message) -> None:
        with lock:
            try:
                pickle.dump(message, outgoing, protocol=pickle.HIGHEST_PROTOCOL)
                outgoing.flush()
            except OSError:
                os._exit(0)  # nobody is left to hear of it

    return send


class Reporter:
    """The progress callback that a task gets; see `condensery.protocols.Advance`.

    Args:
        send: Sends a message to the parent.
        largest: Bytes that the task may show at once; 0 where nobody looks.
    """

    def __init__(self, send: Send, largest: int) -> None:
        self._send, self._largest = send, largest
        self._last = -_PROGRESS_INTERVAL

    def __call__(
        self,
        text: str,
        fraction: float,
        *,
        shown: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Report; what comes too soon after the last report is dropped."""
        now = time.perf_counter()
        if now - self._last < _PROGRESS_INTERVAL and fraction < 1.0:
            return
        self._last = now
        self._send(("progress", text, min(max(float(fraction), 0.0), 1.0)))
        if shown and self._largest:
            self._send(_as_message(shown, self._largest))


def _as_message(shown: Mapping[str, Any], largest: int) -> Message:
    """Arrays to show, or why they are not: never an error, which would end the task."""
    try:
        arrays = {str(name): np.asarray(array) for name, array in shown.items()}
    except Exception as error:
        return ("unshown", f"{type(error).__name__}: {error}")
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            return ("unshown", f"{name} has dtype {array.dtype}")
    size = sum(array.nbytes for array in arrays.values())
    if size > largest:
        reason = f"{size} bytes at once; at most {largest} can be shown"
        return ("unshown", reason)
    return ("shown", arrays)


def _compute(request: Request, send: Send) -> dict[str, np.ndarray]:
    function, source, parameters, seed, largest = request
    call = load(function, source=source)
    if not callable(call):
        raise TypeError(f"{function} is not a function but {call!r}")
    result = call(parameters, seed, Reporter(send, largest))
    if not isinstance(result, Mapping):
        kind = type(result).__name__
        raise TypeError(
            f"{function} returned {kind}; a task returns a mapping from name to array"
        )
    arrays = {name: np.asarray(value) for name, value in result.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or array.dtype.kind not in _KINDS:
            raise TypeError(
                f"{function} returned {name!r} with dtype {array.dtype}; allowed: "
                "bool, integer, float and text arrays under names that are text "
                "(store a complex array as its real and imaginary parts)"
            )
    return arrays


def _describe(error: BaseException) -> str:
    """One line on what happened, then the traceback without the frames of this file."""
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    details = "".join(traceback.format_exception(type(error), error, trace))
    return f"{summary}\n{details.rstrip()}"


if __name__ == "__main__":
    sys.exit("this program is started by condensery.runners.LocalRunner")

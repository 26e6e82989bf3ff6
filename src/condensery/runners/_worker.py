"""The program of one worker process: tasks come in on its standard input, what becomes
of them goes out.
"""

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
from typing import BinaryIO

import numpy as np

from condensery._reference import load

Request = tuple[str, dict[str, object], int]
"""Function reference, parameters, seed."""

# seconds; a task may report at every step, a person reads ten reports per second at
# most
_PROGRESS_INTERVAL = 0.1


def main() -> None:
    """Compute tasks until the standard input ends, which it does when the parent ends,
    however it ends.
    """
    # Ctrl-C in a terminal reaches the whole process group; the parent alone decides
    # what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = _take_streams()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(incoming, requests), daemon=True).start()
    send = _sender(outgoing)
    while True:
        function, parameters, seed = requests.get()
        started = time.perf_counter()
        try:
            arrays = _compute(function, parameters, seed, _advance(send))
        except BaseException as error:
            send(("failed", _describe(error), time.perf_counter() - started))
        else:
            send(("done", arrays, time.perf_counter() - started))


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes to ourselves: what a task prints goes to stderr, and it finds
    its input empty.
    """
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
            requests.put(pickle.load(incoming))  # ruff: ignore[suspicious-pickle-usage] - from our own parent
        except (EOFError, OSError, pickle.UnpicklingError):
            # The parent has ended or has no more work; os._exit because the main thread
            # may be deep in a task.
            os._exit(0)


def _sender(outgoing: BinaryIO) -> Callable[[tuple[object, ...]], None]:
    lock = threading.Lock()

    def send(message: tuple[object, ...]) -> None:
        with lock:
            try:
                pickle.dump(message, outgoing, protocol=pickle.HIGHEST_PROTOCOL)
                outgoing.flush()
            except OSError:
                os._exit(0)  # nobody is left to hear of it

    return send


def _advance(
    send: Callable[[tuple[object, ...]], None],
) -> Callable[[str, float], None]:
    last = -_PROGRESS_INTERVAL

    def advance(text: str, fraction: float) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= _PROGRESS_INTERVAL or fraction >= 1.0:
            last = now
            send(("progress", text, min(max(float(fraction), 0.0), 1.0)))

    return advance


def _compute(
    function: str,
    parameters: dict[str, object],
    seed: int,
    advance: Callable[[str, float], None],
) -> dict[str, np.ndarray]:
    call = load(function)
    if not callable(call):
        raise TypeError(f"{function} is not a function but {call!r}")
    result = call(parameters, seed, advance)
    if not isinstance(result, Mapping):
        raise TypeError(
            f"{function} returned {type(result).__name__}; a task returns a mapping "
            "from name to array"
        )
    arrays = {name: np.asarray(value) for name, value in result.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or array.dtype.kind not in "biufU":
            raise TypeError(
                f"{function} returned {name!r} with dtype {array.dtype}; allowed: "
                "bool, integer, float and text arrays "
                "under names that are text (store a complex array as its real and "
                "imaginary parts)"
            )
    return arrays


def _describe(error: BaseException) -> str:
    """One line that says what happened, then the traceback without the frames of this
    file.
    """
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    details = "".join(traceback.format_exception(type(error), error, trace))
    return f"{summary}\n{details.rstrip()}"


if __name__ == "__main__":
    sys.exit("this program is started by condensery.runners.LocalRunner")

"""Signals that end a command: the run is left so that ``resume`` finishes it.

Handlers are installed here alone, while a command goes on; the library installs none.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP", "SIGUSR1")
"""The last is what Slurm sends as a warning before the time of a job is up."""


class StoppedBySignal(KeyboardInterrupt):
    """A signal asked the command to end; handled as Ctrl-C is.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()


@contextmanager
def interrupting() -> Generator[None]:
    """Let SIGTERM, SIGHUP and SIGUSR1 interrupt the main thread, as Ctrl-C does.

    Only a signal whose action is the system's own gets a handler: one that is ignored
    (SIGHUP under ``nohup``) stays ignored, and a handler of an embedding program stays.
    A platform without one of the signals does without it.
    """
    # Python allows the main thread alone to install handlers.
    in_main_thread = threading.current_thread() is threading.main_thread()
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    ours = [
        number
        for number in numbers
        if in_main_thread and signal.getsignal(number) is signal.SIG_DFL
    ]
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        # Once: a terminal that closes may send SIGHUP twice.
        if not received:
            received.append(number)
            raise StoppedBySignal(number)

    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """128 and the number of the signal that an interrupt goes back to."""
    cause: BaseException | None = interrupt
    while cause is not None:
        if isinstance(cause, StoppedBySignal):
            return 128 + cause.number
        cause = cause.__cause__
    return 128 + signal.SIGINT

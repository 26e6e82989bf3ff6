"""A run that goes on in its own thread: its caller listens, waits or stops it."""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self, cast

from condensery.workbench._events import (
    Event,
    Listener,
    Progress,
    RunFinished,
    TaskProgressed,
    TaskShown,
)
from condensery.workbench._opened import Run

_POLL = 0.2  # seconds; on Windows a wait without a limit cannot be interrupted

CarryOut = Callable[[Listener, threading.Event], Run]
"""Carries out a run; calls the listener, and ends early once the event is set."""


class Running:
    """A run under way; made by `condensery.start`.

    Leaving the ``with`` block stops a run that has not ended; so does the end of the
    program. A run that was stopped is finished by ``resume``, with the same result.

    Attributes:
        run: Id of the run.

    Example:
        >>> import condensery
        >>> from condensery.workbench import TaskShown
        >>> with condensery.start("demo-a") as running:  # doctest: +SKIP
        ...     for event in running.events():
        ...         if isinstance(event, TaskShown):
        ...             draw(event.shown)
        ...     run = running.result()
    """

    def __init__(self, run: str, carry_out: CarryOut, *, listens: bool) -> None:
        self.run = run
        self._work = carry_out
        self._mailbox = _Mailbox() if listens else None
        self._progress = Progress(run, "tasks", 0, 0, 0.0)
        self._began = False
        self._asked_to_stop = threading.Event()
        self._ended = threading.Event()
        self._result: Run | None = None
        self._error: BaseException | None = None
        # A daemon, stopped at exit: a program that ends leaves no run without a word.
        atexit.register(self.stop)
        threading.Thread(target=self._carry_out, daemon=True).start()

    def events(self) -> Iterator[Event]:
        """Events as they come; the last one is `RunFinished`.

        Each event is delivered once. A listener that is slower than the run loses no
        event but reports and arrays of a task that newer ones of the same task replace.
        """
        while self._mailbox is not None:
            event = self._mailbox.take()
            if event is None:
                return
            yield event

    def stop(self) -> None:
        """Stop the run, and wait until it is at rest.

        Workers end at once; a stage that has begun (tables, claims, figures) first
        comes to its end. Whatever had finished is kept. Nothing happens to a run that
        has ended.
        """
        # At once, so that a second Ctrl-C ends a program that is waiting here.
        atexit.unregister(self.stop)
        self._asked_to_stop.set()
        self._wait()

    def result(self) -> Run:
        """Wait for the end of the run, and open it.

        Whatever ended the run early is raised: `condensery.workbench.RunFailedError`,
        `condensery.workbench.RunInterrupted` after `stop`, or why it was refused.
        """
        self._wait()
        if self._error is not None:
            raise self._error
        return cast(Run, self._result)

    @property
    def error(self) -> BaseException | None:
        """Whatever ended the run early; None while it goes on, and if all went well."""
        return self._error

    @property
    def has_ended(self) -> bool:
        """Whether the run is at rest."""
        return self._ended.is_set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self) -> None:
        while not self._ended.wait(_POLL):
            pass

    def _carry_out(self) -> None:
        try:
            self._result = self._work(self._hear, self._asked_to_stop)
        except BaseException as error:  # raised again by result(), in its own thread
            self._error = error
        finally:
            if self._mailbox is not None:
                self._mailbox.put(self._last_event())
                self._mailbox.close()
            self._ended.set()
            atexit.unregister(self.stop)

    def _hear(self, event: Event) -> None:
        self._began = True
        self._progress = event.progress
        if self._mailbox is not None:
            self._mailbox.put(event)

    def _last_event(self) -> RunFinished:
        progress = replace(self._progress, label="", shown={})
        if self._result is not None:
            done = replace(progress, stage="done")
            return RunFinished(self._result.status, "", done)
        if isinstance(self._error, KeyboardInterrupt):
            return RunFinished("interrupted", str(self._error), progress)
        status = "task failed" if self._began else "refused"
        return RunFinished(status, str(self._error), progress)


class _Mailbox:
    """Events on their way from the thread of a run to its listener; never many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, Event] = {}
        self._count = 0
        self._closed = False
        # Wakes the listener. A SimpleQueue, because Ctrl-C cannot break its locks.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def put(self, event: Event) -> None:
        with self._lock:
            is_first = not self._waiting
            self._count += 1
            key: Hashable = self._count
            if isinstance(event, TaskProgressed | TaskShown):
                key = (type(event), event.task)
                # Out and in again, so that the events stay in the order of time.
                self._waiting.pop(key, None)
            self._waiting[key] = event
        if is_first:
            self._bell.put(None)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._bell.put(None)

    def take(self) -> Event | None:
        """The next event, waiting for it; None after the last."""
        while True:
            with self._lock:
                if self._waiting:
                    return self._waiting.pop(next(iter(self._waiting)))
                if self._closed:
                    return None
            try:
                self._bell.get(timeout=_POLL)
            except queue.Empty:
                continue

"""What the flows of two and of three layers share: checks, limits, probes, progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Array, Float, Int

from condensery._errors import InvalidInputError
from condensery.engine._recorder import (
    OnProgress,
    Probes,
    Recorder,
    Schedule,
    checked_probes,
)
from condensery.engine._schedule import log_steps
from condensery.protocols import Arrays
from condensery.records import Status

RECORDED = ("loss", "time", "steps", "status", "gradient", "noise", "rough")
"""What a result has of each member of a bucket as it stands there."""
DEFAULT_ETA = {"exponential": 0.05, "gram": 1.0}


@dataclass(frozen=True, eq=False)
class Limits:
    """Where members stop, and the step parameter of each."""

    eta: Float[np.ndarray, " member"]
    target: Float[np.ndarray, " member"]
    max_time: float
    max_steps: int

    @classmethod
    def of(
        cls,
        count: int,
        *,
        eta: Any,
        target_loss: Any,
        max_time: float,
        max_steps: int,
        method: str,
    ) -> Limits:
        """The limits for `count` members.

        Args:
            count: Number of members.
            eta: Step parameter, one for all or one per member; None: the method's.
            target_loss: Mean square, one for all or one per member.
            max_time: Flow time.
            max_steps: Steps from the very beginning.
            method: The method.

        Raises:
            InvalidInputError: Numbers that are not positive, or not as many as members.
        """
        chosen = DEFAULT_ETA[method] if eta is None else eta
        return cls(
            eta=for_each_member("eta", chosen, count),
            target=for_each_member("target_loss", target_loss, count),
            max_time=float(max_time),
            max_steps=int(max_steps),
        )


class Bucket(Protocol):
    """What the members of a bucket have in common, in two layers and in three."""

    @property
    def time(self) -> Array:
        """Flow time of each member."""
        ...

    @property
    def steps(self) -> Array:
        """Steps of each member; -1 before the first."""
        ...

    @property
    def status(self) -> Array:
        """`condensery.records.Status` of each member."""
        ...

    @property
    def loss(self) -> Array:
        """Mean square of each member's residual."""
        ...


def checked_data(
    x: Any, y: Any, *, method: str, methods: Sequence[str], **limits: float
) -> tuple[Float[np.ndarray, "sample feature"], Float[np.ndarray, " sample"]]:
    """The data in float64, after a look at them, at the method and at the limits.

    Args:
        x: Inputs.
        y: Targets.
        method: The method.
        methods: The methods there are.
        limits: Numbers that must be positive, by name.

    Raises:
        InvalidInputError: Any of them cannot be used.
    """
    inputs, targets = np.asarray(x, float), np.asarray(y, float)
    matrix = inputs.ndim == 2 and targets.shape == inputs.shape[:1]
    if not matrix or len(inputs) < 2:
        raise InvalidInputError(
            "x, y",
            given=f"shapes {inputs.shape}, {targets.shape}",
            allowed="(sample, feature), (sample,) with >= 2 samples",
            remedy="reshape the data",
        )
    if not (np.all(np.isfinite(inputs)) and np.all(np.isfinite(targets))):
        raise InvalidInputError(
            "x, y",
            given="nan or inf",
            allowed="finite numbers",
            remedy="clean the data",
        )
    if method not in methods:
        raise InvalidInputError(
            "method",
            given=method,
            allowed=", ".join(methods),
            remedy="choose one of them",
        )
    for name, value in limits.items():
        if not value > 0:
            raise InvalidInputError(
                name,
                given=value,
                allowed="a number > 0",
                remedy="leave it out for the default",
            )
    return inputs, targets


def for_each_member(
    name: str, value: float | np.ndarray, count: int
) -> Float[np.ndarray, " member"]:
    """One number for all members, or one for each.

    Args:
        name: Name of the argument.
        value: The number, or the numbers.
        count: Number of members.

    Raises:
        InvalidInputError: A number that is not positive, or not as many as there are
            members.
    """
    values = np.asarray(value, float)
    if values.shape not in {(), (count,)} or not np.all(values > 0):
        raise InvalidInputError(
            name,
            given=value,
            allowed=f"a number > 0, or {count} of them",
            remedy="leave it out for the default",
        )
    return np.broadcast_to(values, (count,))


def reopened_status(
    bucket: Bucket, *, target: np.ndarray, max_time: float, max_steps: int
) -> Int[np.ndarray, " member"]:
    """The status under new limits: members run again where these leave them room."""
    steps, time, loss = (
        np.asarray(array) for array in (bucket.steps, bucket.time, bucket.loss)
    )
    status = np.where(steps >= max_steps, Status.OUT_OF_STEPS, Status.RUNNING)
    status = np.where(time >= max_time, Status.OUT_OF_TIME, status)
    status = np.where(loss < target, Status.CONVERGED, status)
    return np.where(np.isfinite(loss), status, Status.DIVERGED)


class Stopped(Protocol):
    """What a result of two or of three layers says of its members."""

    @property
    def loss(self) -> np.ndarray:
        """Mean square of each member's residual."""
        ...

    @property
    def time(self) -> np.ndarray:
        """Flow time of each member."""
        ...

    @property
    def steps(self) -> np.ndarray:
        """Steps of each member."""
        ...

    @property
    def status(self) -> np.ndarray:
        """Status of each member."""
        ...

    @property
    def gradient(self) -> np.ndarray:
        """Norm of each member's gradient."""
        ...

    @property
    def noise(self) -> np.ndarray:
        """Noise floor of it."""
        ...

    @property
    def rough(self) -> np.ndarray:
        """Steps of each member whose corrections had not settled."""
        ...


def message_of(result: Stopped, member: int) -> str:
    """How a member ended, its cause, and what to change.

    Args:
        result: Of a flow.
        member: The member.
    """
    status, loss = Status(int(result.status[member])), float(result.loss[member])
    causes = {
        Status.AT_REST: f"gradient {result.gradient[member]:.2g}, its noise floor "
        f"{result.noise[member]:.2g}",
        Status.DIVERGED: "no step lowers the loss, however short"
        if np.isfinite(loss)
        else "the loss is not a finite number",
    }
    rough = int(result.rough[member])
    words = status.name.lower().replace("_", " ")
    parts = [
        f"member {member}: {words} at loss {loss:.3g}",
        f"time {result.time[member]:.3g} after {int(result.steps[member]):,} steps",
        causes.get(status, ""),
        f"{rough} of them rough, compare with half the eta" if rough else "",
    ]
    line = ", ".join(filter(None, parts))
    return f"{line}: {status.remedy}" if status.remedy else line


def running_steps(bucket: Bucket) -> int | None:
    """Fewest steps of a running member; None where all have stopped."""
    running = np.asarray(bucket.status) == Status.RUNNING
    return int(np.min(np.asarray(bucket.steps)[running])) if running.any() else None


class FlowRecorder:
    """Calls the probes at the scheduled steps of an ensemble of one width."""

    def __init__(
        self,
        probes: Probes | None,
        schedule: Sequence[int] | None,
        *,
        max_steps: int,
        buckets: int,
    ) -> None:
        self._probes = checked_probes(probes)
        if self._probes and buckets > 1:
            raise InvalidInputError(
                "probes",
                given="an ensemble of several widths",
                allowed="one width",
                remedy="run each width by itself",
            )
        steps = log_steps(max_steps).tolist() if schedule is None else schedule
        self._schedule = Schedule(steps if self._probes else [])
        self._recorder = Recorder(self._probes)

    def limit(self, steps: int) -> int:
        """`steps`, or the next scheduled step before it."""
        return self._schedule.limit(steps)

    def see(self, bucket: Bucket, snapshot: Callable[[], Arrays]) -> None:
        """Record if a scheduled step has been reached or all members have stopped."""
        if not self._probes:
            return
        now = int(np.max(np.asarray(bucket.steps)))
        due = self._schedule.is_due(now)
        if due or running_steps(bucket) is None:
            self._recorder.record(now, snapshot())

    @property
    def recorder(self) -> Recorder:
        """What was recorded."""
        return self._recorder


def report_stopped(on_progress: OnProgress | None, stopped: int, count: int) -> None:
    """Report how many members of an ensemble have stopped."""
    if on_progress is not None:
        on_progress(f"{stopped:,} of {count:,} members stopped", stopped / count)

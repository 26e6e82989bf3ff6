"""Calls probes while an ensemble trains and stacks what they measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from condensery._errors import InvalidInputError
from condensery.protocols import Arrays, Probe

Probes = Mapping[str, Probe]
OnProgress = Callable[[str, float], None]
"""Progress callback, ``(text, fraction)``; a task's `Advance` is one."""

Probed = dict[str, dict[str, np.ndarray]]
"""By name of the probe, then by name of the measure: (recorded step, member, …)."""


def checked_probes(probes: Probes | None) -> Probes:
    """The probes by name; none for None.

    Raises:
        InvalidInputError: No mapping from a name to a callable.
    """
    if probes is None:
        return {}
    if not isinstance(probes, Mapping) or not all(map(callable, probes.values())):
        raise InvalidInputError(
            "probes",
            given=type(probes).__name__,
            allowed="a mapping from a name of your choice to each probe",
            remedy='write for example {"parameters": RecordParameters()}',
        )
    return probes


class Recorder:
    """Keeps the steps at which probes were called, and their measures."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._steps: list[int] = []
        self._rows: dict[str, dict[str, list[np.ndarray]]] = {
            name: {} for name in probes
        }

    def record(self, step: int, snapshot: Arrays) -> None:
        """Call every probe with one snapshot."""
        self._steps.append(step)
        for name, probe in self._probes.items():
            rows = self._rows[name]
            for key, value in probe(step, snapshot).items():
                rows.setdefault(key, []).append(np.asarray(value))

    @property
    def recorded(self) -> Int[np.ndarray, " step"]:
        """The steps at which the probes were called."""
        return np.asarray(
            self._steps,
            dtype=np.int64,
        )

    @property
    def probed(self) -> Probed:
        """What they measured, stacked over these steps."""
        return {
            name: {key: np.stack(column) for key, column in rows.items()}
            for name, rows in self._rows.items()
        }


class Schedule:
    """Steps at which to stop and record, in rising order."""

    def __init__(self, steps: Sequence[int]) -> None:
        self._left = sorted(set(steps))

    def limit(self, steps: int) -> int:
        """`steps`, or the next scheduled step before it."""
        return min([steps, *self._left[:1]])

    def is_due(self, step: int) -> bool:
        """Whether a scheduled step has been reached; it is then done with."""
        due = [scheduled for scheduled in self._left if scheduled <= step]
        self._left = self._left[len(due) :]
        return bool(due)
